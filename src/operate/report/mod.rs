//! How the models are doing, from the spool alone: stored records → [`Overview`] → a terminal's table or one HTML page.
//!
//! Everything here is pure. [`Collector`] takes records in the order of the spool, [`Table`] and [`html()`] show what it found.

mod chart;
mod collect;
mod html;
mod model;
mod table;

pub use chart::ChartError;
pub use collect::Collector;
pub use html::html;
pub use model::{
    Load, MemoryUse, Moment, Overview, Percentiles, ReportedOutage, RequestRow, Speed,
};
pub use table::Table;
