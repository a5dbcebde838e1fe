//! Text for terminals in columns: two spaces apart, no lines between them.

use comfy_table::presets::NOTHING;
pub(crate) use comfy_table::{Cell, Row};
use comfy_table::{CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, Width};

use super::human::{Palette, Tone};

/// Spaces between columns.
const GAP: u16 = 2;
/// Fewer columns of a terminal are not catered for.
const NARROWEST: usize = 60;

/// How wide a column is, and where its text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// As wide as its widest text, on the left.
    Left,
    /// As wide as its widest text, on the right.
    Right,
    /// At least this wide, so that several tables below each other have the same columns.
    AtLeast(u16),
    /// Gets what the others leave: text that is wider is broken between words.
    Rest,
}

/// `rows` in `columns`, in lines of at most `width` characters; each line ends with a line feed.
#[must_use]
pub(crate) fn columns(
    columns: &[Column],
    rows: impl IntoIterator<Item = Row>,
    width: usize,
    palette: Palette,
) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width.max(NARROWEST)).unwrap_or(u16::MAX))
        .set_truncation_indicator("…");
    match palette {
        Palette::Plain => table.force_no_tty(),
        Palette::Colour => table.enforce_styling(),
    };
    table.style_text_only();
    table.add_rows(rows);
    for (place, (of, column)) in columns.iter().zip(table.column_iter_mut()).enumerate() {
        let is_last = place + 1 == columns.len();
        let gap = if is_last { 0 } else { GAP };
        column.set_padding((0, gap));
        match of {
            Column::Left => column.set_constraint(ColumnConstraint::ContentWidth),
            Column::Right => {
                column.set_cell_alignment(CellAlignment::Right);
                column.set_constraint(ColumnConstraint::ContentWidth)
            }
            Column::AtLeast(width) => {
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width + gap)))
            }
            Column::Rest => column,
        };
    }
    table.lines().fold(String::new(), |mut text, line| {
        text.push_str(line.trim_end());
        text.push('\n');
        text
    })
}

/// Text that may hold anything: it can neither break the line nor command the terminal.
#[must_use]
pub(crate) fn untrusted(text: &str) -> Cell {
    Cell::new(printable(text))
}

/// A row of one line: what does not fit into its column is cut.
#[must_use]
pub(crate) fn one_line(cells: impl IntoIterator<Item = Cell>) -> Row {
    let mut row = Row::from(cells);
    row.max_height(1);
    row
}

/// Text in the colour of `tone`.
#[must_use]
pub(crate) fn painted(tone: Tone, text: &str) -> Cell {
    let cell = Cell::new(text);
    match tone {
        Tone::Neutral => cell,
        Tone::Heading => cell.add_attribute(comfy_table::Attribute::Bold),
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Warn => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed),
    }
}

/// [`printable`] text that may have lines and tabs.
#[must_use]
pub(crate) fn printable_lines(text: &str) -> String {
    let lines =
        text.split_inclusive(['\n', '\t'])
            .map(|part| match part.char_indices().next_back() {
                Some((end, last @ ('\n' | '\t'))) => format!("{}{last}", printable(&part[..end])),
                _ => printable(part),
            });
    lines.collect()
}

/// `text` with control characters as they are written in Rust.
#[must_use]
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second column, for which a terminal of 60 leaves five characters.
    fn in_five(cell: Cell) -> String {
        let row = one_line([Cell::new("x".repeat(53)), cell]);
        let text = columns(&[Column::Left, Column::Rest], [row], 60, Palette::Plain);
        text.trim_start_matches('x').trim().to_owned()
    }

    #[test]
    fn a_message_keeps_its_lines_and_commands_no_terminal() {
        let shown = printable_lines("one\n\ttwo \u{1b}]0;title\u{7}\r\n");
        assert_eq!(shown, "one\n\ttwo \\u{1b}]0;title\\u{7}\\r\n");
        assert_eq!(printable_lines(""), "");
    }

    #[test]
    fn a_message_cannot_break_a_line_nor_command_the_terminal() {
        assert_eq!(printable("a\nb\x1b[31mc"), r"a\nb\u{1b}[31mc");
        assert_eq!(in_five(untrusted("exact")), "exact");
        assert_eq!(in_five(untrusted("longer")), "long…");
        assert_eq!(in_five(untrusted("\x1b\x1b")), r"\u{1…");
        assert_eq!(in_five(untrusted("日本語")), "日本…", "two columns each");
    }

    #[test]
    fn columns_line_up_and_nothing_is_wider_than_the_terminal() {
        let rows = [["a", "1", "one"], ["bcd", "1000", "more"]]
            .map(Row::from)
            .into_iter()
            .chain([Row::new(), Row::from(["e", "", &"word ".repeat(30)])]);
        let kinds = [Column::AtLeast(5), Column::Right, Column::Rest];
        let text = columns(&kinds, rows, 80, Palette::Plain);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("a         1  one"));
        assert_eq!(lines.next(), Some("bcd    1000  more"));
        assert_eq!(lines.next(), Some(""));
        assert_eq!(lines.next().map(str::len), Some(77));
        assert!(
            lines.all(|line| line.starts_with("             word")),
            "{text}"
        );
    }

    #[test]
    fn colour_is_where_it_is_wanted_and_around_the_text_alone() {
        let text = |palette| {
            let row = Row::from([painted(Tone::Bad, "x"), Cell::new("y")]);
            columns(&[Column::AtLeast(4), Column::Rest], [row], 80, palette)
        };
        assert_eq!(text(Palette::Plain), "x     y\n");
        let coloured = text(Palette::Colour);
        assert!(
            coloured.starts_with('\x1b') && coloured.ends_with("     y\n"),
            "{coloured:?}"
        );
    }
}
