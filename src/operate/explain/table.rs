//! An explanation for a terminal.

use super::{Explanation, MOST_SHAPES};
use crate::base::columns::{Cell, Column, TableRow, columns};
use crate::base::human::{Palette, Tone, count, things};
use crate::base::terminal::Safe;

/// One of the tables below each other: how its columns are, and its heading and rows, of as many cells.
struct Listing {
    kinds: &'static [Column],
    heading: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

/// In lines of at most `width` characters.
pub(crate) fn table(explanation: &Explanation, palette: Palette, width: usize) -> Safe {
    let mut text = summary(explanation);
    text.end_line();
    let parts = [
        versions(explanation),
        points(explanation),
        shapes(explanation),
    ];
    for part in parts.iter().filter(|part| !part.rows.is_empty()) {
        let heading = part.heading.iter();
        let heading = heading.map(|cell| Cell::painted(Tone::Heading, cell));
        let rows = part.rows.iter().map(|row| row.iter().map(Cell::new));
        let rows = std::iter::once(TableRow::new(heading)).chain(rows.map(TableRow::new));
        text.end_line();
        text.push(&columns(part.kinds, rows, width, palette));
    }
    if explanation.more_lines > 0 {
        text.push(&left_out(explanation));
        text.end_line();
    }
    text
}

fn summary(explanation: &Explanation) -> Safe {
    let lines = things(explanation.lines, "line", "lines");
    let known = explanation.understood + explanation.steps;
    Safe::line(format_args!(
        "{lines}, {} understood ({}): {} gave points, {} told what another one told or a step of a task",
        count(known),
        share(known, explanation.lines),
        count(explanation.understood),
        count(explanation.steps),
    ))
}

fn left_out(explanation: &Explanation) -> Safe {
    let lines = things(explanation.more_lines, "line", "lines");
    if explanation.more_shapes == 0 {
        let most = count(MOST_SHAPES as u64);
        return Safe::line(format_args!(
            "{lines} have other shapes than the first {most}, and are left out"
        ));
    }
    let shapes = things(explanation.more_shapes, "other shape", "other shapes");
    Safe::line(format_args!(
        "{shapes} of {lines} are left out: --limit 0 shows all"
    ))
}

fn versions(explanation: &Explanation) -> Listing {
    let rows = explanation.versions.iter().map(|of| {
        let version = of.version.as_deref().unwrap_or("before a start");
        vec![
            version.to_owned(),
            count(of.lines),
            share(of.understood, of.lines),
        ]
    });
    Listing {
        kinds: &[Column::Left, Column::Right, Column::Right],
        heading: &["Ollama", "lines", "understood"],
        rows: rows.collect(),
    }
}

fn points(explanation: &Explanation) -> Listing {
    let rows = explanation.points.iter().map(|of| {
        vec![
            of.measurement.to_owned(),
            of.kind.to_owned(),
            count(of.points),
        ]
    });
    Listing {
        kinds: &[Column::Left, Column::Left, Column::Right],
        heading: &["Understood as", "kind", "points"],
        rows: rows.collect(),
    }
}

fn shapes(explanation: &Explanation) -> Listing {
    let shown = |shape: &str| match shape {
        "" => "an empty line".to_owned(),
        shape => shape.to_owned(),
    };
    let shapes = explanation.shapes.iter();
    let rows = shapes.map(|of| vec![count(of.lines), shown(&of.shape)]);
    Listing {
        kinds: &[Column::Right, Column::Rest],
        heading: &["lines", "Not understood"],
        rows: rows.collect(),
    }
}

/// `9.4 %`
fn share(part: u64, whole: u64) -> String {
    let thousandths = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_shapes_that_are_told_apart_are_called_so_and_no_limit_is_offered() {
        let explanation = Explanation {
            more_lines: 7,
            ..Explanation::default()
        };
        let text = table(&explanation, Palette::Plain, 80);
        let text = text.as_str();
        assert!(text.starts_with("0 lines, 0 understood (0.0 %)"), "{text}");
        let told = "7 lines have other shapes than the first 20,000, and are left out\n";
        assert!(text.ends_with(told) && !text.contains("--limit"), "{text}");
    }
}
