//! Log lines: for people on a terminal, for journald under systemd. An event is one line, whatever text of others is in it.

mod fields;
mod once;

use std::fmt;
use std::sync::OnceLock;

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, Subscriber as Builder};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

use crate::base::human::Palette;
use crate::base::terminal::{JournalLine, Safe, Stream, errors};
use fields::SafeFields;
use once::Once;

/// Changes the filter of a log that was started.
static SET_FILTER: OnceLock<Box<dyn Fn(EnvFilter) + Send + Sync>> = OnceLock::new();

/// Starts logging to standard error at `filter`, once in a process; a later call changes nothing.
///
/// Under systemd lines carry a level prefix (sd-daemon(3)) and no time, which journald adds itself.
pub(crate) fn start(filter: &str) {
    let builder = Builder::builder()
        .with_writer(errors)
        .fmt_fields(SafeFields);
    if Stream::Err.is_journal() {
        let builder = builder.event_format(JournalFormat);
        let builder = builder
            .with_env_filter(parse(filter))
            .with_filter_reloading();
        let handle = builder.reload_handle();
        install(builder.finish(), move |filter| drop(handle.reload(filter)));
    } else {
        let colours = Stream::Err.palette() == Palette::Colour;
        let builder = builder.with_ansi(colours).with_target(false);
        let builder = builder
            .with_env_filter(parse(filter))
            .with_filter_reloading();
        let handle = builder.reload_handle();
        install(builder.finish(), move |filter| drop(handle.reload(filter)));
    }
}

/// Logs at `filter` from now on.
pub(crate) fn set_filter(filter: &str) {
    if let Some(set) = SET_FILTER.get() {
        set(parse(filter));
    }
}

fn parse(filter: &str) -> EnvFilter {
    // The configuration has parsed the same text before.
    EnvFilter::try_new(filter).unwrap_or_default()
}

fn install<S>(subscriber: S, set_filter: impl Fn(EnvFilter) + Send + Sync + 'static)
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync + 'static,
{
    let subscriber = subscriber.with(Once::default());
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let _ = SET_FILTER.set(Box::new(set_filter));
    }
}

/// `<6>message field=value`.
struct JournalFormat;

impl<S, N> FormatEvent<S, N> for JournalFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        context
            .field_format()
            .format_fields(Writer::new(&mut text), event)?;
        let entry = JournalLine {
            level: *event.metadata().level(),
            text: &Safe::line(text),
        };
        write!(writer, "{entry}")
    }
}
