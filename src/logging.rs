//! Log lines: for people on a terminal, for journald under systemd.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal as _};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, Subscriber as Builder};
use tracing_subscriber::registry::LookupSpan;

/// Starts logging to standard error at `filter`, once in a process; a later call changes nothing.
///
/// Under systemd lines carry a level prefix (sd-daemon(3)) and no time, which journald adds itself.
pub fn start(filter: &str) {
    // The configuration has parsed the same text before.
    let filter = EnvFilter::try_new(filter).unwrap_or_default();
    let builder = Builder::builder()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    // JOURNAL_STREAM: systemd.exec(5), set when standard error is connected to the journal.
    let _ = if env::var_os("JOURNAL_STREAM").is_some() && !io::stderr().is_terminal() {
        tracing::subscriber::set_global_default(builder.event_format(Journal).finish())
    } else {
        let colours = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
        let builder = builder.with_ansi(colours).with_target(false);
        tracing::subscriber::set_global_default(builder.finish())
    };
}

/// `<6>message field=value`.
struct Journal;

impl<S, N> FormatEvent<S, N> for Journal
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
        // syslog(3) priorities; Rust's five levels have no notice, critical, alert or emergency.
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(writer, "<{priority}>")?;
        context
            .field_format()
            .format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
