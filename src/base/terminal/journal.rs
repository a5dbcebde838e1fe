//! Lines as journald takes them from a stream: `<6>` and the text (sd-daemon(3)).
//!
//! journald looks for a level at the beginning of each line, and of each part of a line that is longer than its `LineMax=` (48 KiB unless
//! it is set, journald.conf(5)). So no part is as long as that, and each begins with a level of ours.

use std::fmt::{self, Display, Write as _};

use tracing::Level;

use super::safe::Safe;

/// The longest text of one line, in bytes: with its level, and what may be added to it, shorter than journald's limit.
const LONGEST: usize = 32 << 10;

/// One event of the log: one line, however long its text is.
#[derive(Debug)]
pub(in crate::base) struct JournalLine<'a> {
    pub(in crate::base) level: Level,
    pub(in crate::base) text: &'a Safe,
}

impl Display for JournalLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_entry(f, self.level, self.text.as_str())
    }
}

fn write_entry(out: &mut impl fmt::Write, level: Level, line: &str) -> fmt::Result {
    let (shown, left) = line.split_at(line.floor_char_boundary(LONGEST));
    write!(out, "<{}>{shown}", priority(level))?;
    if !left.is_empty() {
        write!(out, "… ({} bytes more)", left.len())?;
    }
    writeln!(out)
}

/// syslog(3); Rust's five levels have no notice, critical, alert or emergency.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// Each line of `text` as an event; blank lines, which journald drops, are left out.
pub(super) fn entries(level: Level, text: &Safe) -> String {
    let mut entries = String::new();
    let lines = text.as_str().split('\n').filter(|line| !line.is_empty());
    for line in lines {
        // Writing into a String does not fail.
        let _ = write_entry(&mut entries, level, line);
    }
    entries
}

/// All of `text`, with `level` before every line, and before every part of a line that is too long.
pub(super) fn pieces(level: Level, text: &Safe) -> String {
    let mut pieces = String::new();
    for mut line in text.as_str().split_terminator('\n') {
        loop {
            let (piece, left) = line.split_at(line.floor_char_boundary(LONGEST));
            // Writing into a String does not fail.
            let _ = writeln!(pieces, "<{}>{piece}", priority(level));
            line = left;
            if line.is_empty() {
                break;
            }
        }
    }
    pieces
}

/// `json` without `<`, which stands in strings only: however journald parts it, no part begins with a level.
pub(super) fn json(json: &Safe) -> String {
    json.as_str().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_with_its_level_however_long_it_is() {
        let text = Safe::line("a\n<0>b");
        let level = Level::WARN;
        let entry = JournalLine { level, text: &text };
        assert_eq!(entry.to_string(), "<4>a\\n<0>b\n");
        let text = Safe::line("ü".repeat(LONGEST));
        let entry = JournalLine { level, text: &text }.to_string();
        assert!(entry.len() < 48 << 10, "journald would part it");
        assert!(entry.ends_with("ü… (32768 bytes more)\n"), "{entry}");
        assert_eq!(entry.lines().count(), 1);
    }

    #[test]
    fn every_line_and_every_part_of_a_long_one_has_a_level_of_ours() {
        let long = "<0>".repeat(LONGEST);
        let text = Safe::lines(format_args!("one\n\n<0>two\n{long}\n"));
        let told = entries(Level::ERROR, &text);
        assert!(told.starts_with("<3>one\n<3><0>two\n<3><0><0>"), "{told}");
        assert_eq!(told.lines().count(), 3);
        let printed = pieces(Level::INFO, &text);
        assert!(printed.starts_with("<6>one\n<6>\n<6><0>two\n<6><0>"));
        assert!(printed.lines().all(|line| line.starts_with("<6>")));
        assert!(printed.lines().all(|line| line.len() < 48 << 10));
        let whole: String = printed.lines().filter_map(|line| line.get(3..)).collect();
        assert_eq!(whole, text.as_str().replace('\n', ""));
    }

    #[test]
    fn json_has_no_level_in_it_and_is_the_same_value() {
        let text = Safe::json(&"\n<0>x").unwrap();
        let json = json(&text);
        assert!(!json.contains('<'), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), "\n<0>x");
    }
}
