//! spool
pub mod key;
pub mod records;
pub mod spool;
pub use key::*;
pub use records::*;
pub use spool::*;
