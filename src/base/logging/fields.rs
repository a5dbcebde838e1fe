//! Values of fields, and messages, as they stand in a line.

use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};
use tracing_subscriber::field::{RecordFields, VisitOutput as _};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};

use crate::base::human::causes;
use crate::base::terminal::Safe;

/// Like the fields of `tracing-subscriber`, with every value in one line, escaped. What its `Debug` form has escaped stays as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct SafeFields;

impl<'writer> FormatFields<'writer> for SafeFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = SafeVisitor(DefaultVisitor::new(writer, true));
        fields.record(&mut visitor);
        visitor.0.finish()
    }
}

struct SafeVisitor<'a>(DefaultVisitor<'a>);

impl Visit for SafeVisitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = Safe::line(format_args!("{value:?}"));
        self.0
            .record_debug(field, &format_args!("{}", text.as_str()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.record_debug(field, &format_args!("{value}")),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_debug(field, &format_args!("{}", causes(value)));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use tracing_subscriber::fmt::Subscriber as Builder;

    use super::super::JournalFormat;
    use super::*;
    use crate::base::terminal::{hostile, is_shown};

    /// Keeps what is logged.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn log(text: &str) {
        let error = io::Error::other(text.to_owned());
        let as_error: &(dyn Error + 'static) = &error;
        tracing::warn!(text, shown = %text, debugged = ?text, error = as_error, "said: {text}");
        tracing::info!("{text}");
        let span = tracing::info_span!("within", text);
        span.in_scope(|| tracing::error!(message = text));
    }

    /// What is logged under systemd.
    fn for_journald(text: &str) -> String {
        let kept = Kept::default();
        let into = kept.clone();
        let builder = Builder::builder().with_writer(move || into.clone());
        let builder = builder.fmt_fields(SafeFields).event_format(JournalFormat);
        tracing::subscriber::with_default(builder.finish(), || log(text));
        kept.text()
    }

    /// What is logged on a terminal.
    fn for_people(text: &str) -> String {
        let kept = Kept::default();
        let into = kept.clone();
        let builder = Builder::builder().with_writer(move || into.clone());
        let builder = builder.fmt_fields(SafeFields).with_ansi(true);
        tracing::subscriber::with_default(builder.finish(), || log(text));
        kept.text()
    }

    #[test]
    fn a_newline_in_logged_text_begins_no_line_and_values_are_escaped_once() {
        let text = for_journald("a\n<0>b\x1b\"");
        let mut lines = text.lines();
        assert_eq!(
            lines.next(),
            Some(concat!(
                r#"<4>said: a\n<0>b\u{1b}" text="a\n<0>b\u{1b}\"" shown=a\n<0>b\u{1b}" "#,
                r#"debugged="a\n<0>b\u{1b}\"" error=a\n<0>b\u{1b}""#
            ))
        );
        assert_eq!(lines.next(), Some(r#"<6>a\n<0>b\u{1b}""#));
        assert_eq!(lines.next(), Some(r#"<3>a\n<0>b\u{1b}""#));
        assert_eq!(lines.next(), None);
    }

    proptest! {
        #[test]
        fn whatever_is_logged_three_events_are_three_lines_with_nothing_hidden(text in hostile()) {
            let journald = for_journald(&text);
            let levels: Vec<_> = journald.lines().map(|line| &line[..3]).collect();
            prop_assert_eq!(levels, ["<4>", "<6>", "<3>"]);
            prop_assert!(is_shown(&journald.replace('\n', "")));
            let people = for_people(&text);
            prop_assert_eq!(people.lines().count(), 3);
            let colours = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
            let plain = colours.replace_all(&people, "");
            prop_assert!(is_shown(&plain.replace('\n', "")), "{}", people);
        }
    }
}
