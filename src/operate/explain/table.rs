//! An explanation for a terminal.

use super::Explanation;
use crate::base::columns::{Cell, Column, TableRow, columns};
use crate::base::human::{Palette, Tone, count, things};
use crate::base::terminal::Safe;

/// In lines of at most `width` characters, but for shapes, which are broken into several.
pub(crate) fn table(explanation: &Explanation, palette: Palette, width: usize) -> Safe {
    let mut text = Safe::default();
    let lines = things(explanation.lines, "line", "lines");
    let known = explanation.understood + explanation.steps;
    text.push(&Safe::line(format_args!(
        "{lines}, {} understood ({}): {} gave points, {} told what another one told or a step of a task",
        count(known),
        share(known, explanation.lines),
        count(explanation.understood),
        count(explanation.steps),
    )));
    text.end_line();
    let parts = [
        versions(explanation),
        points(explanation),
        shapes(explanation),
    ];
    let kinds = [
        [Column::Left, Column::Right, Column::Right, Column::Rest],
        [Column::Left, Column::Left, Column::Right, Column::Rest],
        [Column::Right, Column::Rest, Column::Left, Column::Left],
    ];
    for ((heading, rows), kinds) in parts.into_iter().zip(kinds) {
        if rows.is_empty() {
            continue;
        }
        let heading = heading.map(|cell| Cell::painted(Tone::Heading, cell));
        let used = heading.len().min(rows.first().map_or(0, Vec::len));
        let rows = rows
            .into_iter()
            .map(|row| TableRow::new(row.into_iter().map(Cell::new)));
        let rows = std::iter::once(TableRow::new(heading.into_iter().take(used))).chain(rows);
        text.end_line();
        text.push(&columns(&kinds[..used], rows, width, palette));
    }
    if explanation.more_lines > 0 {
        let shapes = things(explanation.more_shapes, "other shape", "other shapes");
        let lines = things(explanation.more_lines, "line", "lines");
        let more = format_args!("{shapes} of {lines} are left out: --limit 0 shows all");
        text.push(&Safe::line(more));
        text.end_line();
    }
    text
}

/// A heading, and rows of as many cells at most.
type Part = ([&'static str; 3], Vec<Vec<String>>);

fn versions(explanation: &Explanation) -> Part {
    let rows = explanation.versions.iter().map(|of| {
        let version = of.version.as_deref().unwrap_or("before a start");
        vec![
            version.to_owned(),
            count(of.lines),
            share(of.understood, of.lines),
        ]
    });
    (["Ollama", "lines", "understood"], rows.collect())
}

fn points(explanation: &Explanation) -> Part {
    let rows = explanation.points.iter().map(|of| {
        vec![
            of.measurement.to_owned(),
            of.kind.to_owned(),
            count(of.points),
        ]
    });
    (["Understood as", "kind", "points"], rows.collect())
}

fn shapes(explanation: &Explanation) -> Part {
    let shown = |shape: &str| match shape {
        "" => "an empty line".to_owned(),
        shape => shape.to_owned(),
    };
    let shapes = explanation.shapes.iter();
    let rows = shapes.map(|of| vec![count(of.lines), shown(&of.shape)]);
    (["lines", "Not understood", ""], rows.collect())
}

/// `9.4 %`
fn share(part: u64, whole: u64) -> String {
    let thousandths = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}
