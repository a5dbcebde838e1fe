//! Text for terminals in columns: two spaces apart, no lines between them.

use std::fmt::Display;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, Width};

use super::human::{Palette, Tone};
use super::terminal::Safe;

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

/// What stands in one column of one row: it can neither break the line nor command the terminal.
#[derive(Clone, Debug)]
pub(crate) struct Cell(comfy_table::Cell);

impl Cell {
    /// Whatever the text holds.
    #[must_use]
    pub(crate) fn new(text: impl Display) -> Self {
        Self(comfy_table::Cell::new_owned(Safe::line(text).into()))
    }

    /// The same in the colour of `tone`.
    #[must_use]
    pub(crate) fn painted(tone: Tone, text: impl Display) -> Self {
        let Self(cell) = Self::new(text);
        Self(match tone {
            Tone::Neutral => cell,
            Tone::Heading => cell.add_attribute(comfy_table::Attribute::Bold),
            Tone::Good => cell.fg(Color::DarkGreen),
            Tone::Warn => cell.fg(Color::DarkYellow),
            Tone::Bad => cell.fg(Color::DarkRed),
        })
    }
}

/// Cells beside each other.
#[derive(Clone, Debug)]
pub(crate) struct TableRow(comfy_table::Row);

impl TableRow {
    /// In as many lines as they need.
    #[must_use]
    pub(crate) fn new(cells: impl IntoIterator<Item = Cell>) -> Self {
        Self(cells.into_iter().map(|Cell(cell)| cell).into())
    }

    /// In one line: what does not fit into its column is cut.
    #[must_use]
    pub(crate) fn one_line(cells: impl IntoIterator<Item = Cell>) -> Self {
        let Self(mut row) = Self::new(cells);
        row.max_height(1);
        Self(row)
    }
}

/// `rows` in `columns`, in lines of at most `width` characters; each line ends with a line feed.
#[must_use]
pub(crate) fn columns(
    columns: &[Column],
    rows: impl IntoIterator<Item = TableRow>,
    width: usize,
    palette: Palette,
) -> Safe {
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
    table.add_rows(rows.into_iter().map(|TableRow(row)| row));
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
    // The colours are the table's own: every cell was escaped.
    let text: String = table
        .lines()
        .flat_map(|line| [line.trim_end().to_owned(), "\n".to_owned()])
        .collect();
    Safe::coloured(&text)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::base::terminal::{hostile, is_shown};

    /// The second column, for which a terminal of 60 leaves five characters.
    fn in_five(cell: Cell) -> String {
        let row = TableRow::one_line([Cell::new("x".repeat(53)), cell]);
        let text = columns(&[Column::Left, Column::Rest], [row], 60, Palette::Plain);
        text.as_str().trim_start_matches('x').trim().to_owned()
    }

    #[test]
    fn a_message_cannot_break_a_line_nor_command_the_terminal() {
        assert_eq!(in_five(Cell::new("exact")), "exact");
        assert_eq!(in_five(Cell::new("longer")), "long…");
        assert_eq!(in_five(Cell::new("a\nb")), r"a\nb");
        assert_eq!(in_five(Cell::new("\x1b\x1b")), r"\u{1…");
        assert_eq!(in_five(Cell::new("日本語")), "日本…", "two columns each");
    }

    proptest! {
        #[test]
        fn no_table_holds_what_is_hidden(texts in vec(hostile(), 1..9)) {
            let rows = texts.iter().map(|text| {
                let cells = [Cell::new(text), Cell::painted(Tone::Bad, text)];
                TableRow::new(cells)
            });
            let kinds = [Column::Left, Column::Rest];
            let plain = columns(&kinds, rows.clone(), 80, Palette::Plain);
            prop_assert!(is_shown(&plain.as_str().replace('\n', "")));
            let coloured = columns(&kinds, rows, 80, Palette::Colour);
            let colours = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
            let coloured = colours.replace_all(coloured.as_str(), "");
            prop_assert!(is_shown(&coloured.replace('\n', "")));
        }
    }

    #[test]
    fn columns_line_up_and_nothing_is_wider_than_the_terminal() {
        let rows = [["a", "1", "one"], ["bcd", "1000", "more"]]
            .map(|cells| TableRow::new(cells.map(Cell::new)))
            .into_iter()
            .chain([
                TableRow::new([]),
                TableRow::new(["e", "", &"word ".repeat(30)].map(Cell::new)),
            ]);
        let kinds = [Column::AtLeast(5), Column::Right, Column::Rest];
        let text = columns(&kinds, rows, 80, Palette::Plain);
        let text = text.as_str();
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
            let row = TableRow::new([Cell::painted(Tone::Bad, "x"), Cell::new("y")]);
            let text = columns(&[Column::AtLeast(4), Column::Rest], [row], 80, palette);
            text.as_str().to_owned()
        };
        assert_eq!(text(Palette::Plain), "x     y\n");
        let coloured = text(Palette::Colour);
        assert!(
            coloured.starts_with('\x1b') && coloured.ends_with("     y\n"),
            "{coloured:?}"
        );
    }
}
