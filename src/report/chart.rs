//! SVG charts. Their colours are attributes, which the page's style sheet replaces for dark screens: see `html.rs`.

use std::fmt;

use jiff::Timestamp;
use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, DrawingArea, IntoDrawingArea, LineSeries, RGBColor, Rectangle, SVGBackend,
    SeriesLabelPosition, ShapeStyle,
};
use plotters::style::{Color, IntoFont};

use super::model::Moment;
use super::table::duration;

/// Pixels; a phone shows two thirds of it, so that the letters stay readable.
const SIZE: (u32, u32) = (480, 240);
const LETTERS: (&str, u32) = ("sans-serif", 13);

/// What went well: also the median.
pub(super) const GOOD: RGBColor = RGBColor(0x2f, 0x7d, 0xb8);
/// What failed: also the slow end.
pub(super) const BAD: RGBColor = RGBColor(0xd1, 0x5a, 0x3a);
/// Letters and axes.
pub(super) const INK: RGBColor = RGBColor(0x33, 0x37, 0x3d);
/// The mesh.
pub(super) const FAINT: RGBColor = RGBColor(0xdd, 0xe1, 0xe6);

/// A chart could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the chart cannot be drawn: {0}")]
pub struct ChartError(String);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A colour as the style sheet finds it in the charts.
pub(super) struct Hex(pub(super) RGBColor);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02X}{:02X}{:02X}", self.0.0, self.0.1, self.0.2)
    }
}

/// Requests per part of the span, those that failed on top.
pub(super) fn requests(moments: &[Moment]) -> Result<String, ChartError> {
    let most = moments
        .iter()
        .map(|moment| moment.answered + moment.failed)
        .max();
    let Some((span, most)) = span(moments).zip(most) else {
        return Ok(String::new());
    };
    let width = width(moments);
    svg(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(28)
            .y_label_area_size(44)
            .build_cartesian_2d(span.0..span.1, 0..most.max(1))?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(4)
            .y_labels(4)
            .x_label_formatter(&|time| clock(*time))
            .label_style(LETTERS.into_font().color(&INK))
            .axis_style(INK)
            .bold_line_style(FAINT)
            .light_line_style(FAINT)
            .draw()?;
        let bars = |from: fn(&Moment) -> u64, to: fn(&Moment) -> u64, colour: RGBColor| {
            moments.iter().map(move |moment| {
                let (left, right) = (moment.start, moment.start + width * 4 / 5);
                Rectangle::new([(left, from(moment)), (right, to(moment))], colour.filled())
            })
        };
        let answered = |moment: &Moment| moment.answered;
        let all = |moment: &Moment| moment.answered + moment.failed;
        chart
            .draw_series(bars(|_| 0, answered, GOOD))?
            .label("answered")
            .legend(|place| key(place, GOOD));
        chart
            .draw_series(bars(answered, all, BAD))?
            .label("failed")
            .legend(|place| key(place, BAD));
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(LETTERS.into_font().color(&INK))
            .draw()?;
        Ok(())
    })
}

/// Median and 95th percentile of latency per part of the span; gaps where nobody asked.
pub(super) fn latency(moments: &[Moment]) -> Result<String, ChartError> {
    let slowest = moments
        .iter()
        .filter_map(|moment| moment.latency_ms)
        .map(|latency| latency.p95)
        .max_by(f64::total_cmp);
    let Some((span, slowest)) = span(moments).zip(slowest) else {
        return Ok(String::new());
    };
    svg(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(28)
            .y_label_area_size(56)
            .build_cartesian_2d(span.0..span.1, 0.0..slowest.max(f64::MIN_POSITIVE))?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(4)
            .y_labels(4)
            .x_label_formatter(&|time| clock(*time))
            .y_label_formatter(&|ms| duration(*ms))
            .label_style(LETTERS.into_font().color(&INK))
            .axis_style(INK)
            .bold_line_style(FAINT)
            .light_line_style(FAINT)
            .draw()?;
        let lines: [(&str, fn(&Moment) -> Option<f64>, RGBColor); 2] = [
            (
                "p95",
                |moment| moment.latency_ms.map(|latency| latency.p95),
                BAD,
            ),
            (
                "p50",
                |moment| moment.latency_ms.map(|latency| latency.p50),
                GOOD,
            ),
        ];
        for (label, value, colour) in lines {
            for (index, run) in moments
                .split(|moment| moment.latency_ms.is_none())
                .enumerate()
            {
                let points = run
                    .iter()
                    .filter_map(|moment| Some((moment.start, value(moment)?)));
                let style = ShapeStyle::from(&colour).stroke_width(2);
                let series = chart.draw_series(LineSeries::new(points, style).point_size(2))?;
                if index == 0 {
                    series.label(label).legend(move |place| key(place, colour));
                }
            }
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(LETTERS.into_font().color(&INK))
            .draw()?;
        Ok(())
    })
}

type Drawn = Result<(), plotters::prelude::DrawingAreaErrorKind<std::io::Error>>;

fn svg(draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String, ChartError> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        let drawn = draw(&area).and_then(|()| area.present());
        drawn.map_err(|error| ChartError(error.to_string()))?;
    }
    Ok(text)
}

/// A square of the legend.
fn key((x, y): (i32, i32), colour: RGBColor) -> Rectangle<(i32, i32)> {
    Rectangle::new([(x, y - 5), (x + 10, y + 5)], colour.filled())
}

fn span(moments: &[Moment]) -> Option<(u64, u64)> {
    let (first, last) = (moments.first()?, moments.last()?);
    Some((first.start, last.start + width(moments)))
}

fn width(moments: &[Moment]) -> u64 {
    match moments {
        [first, second, ..] => second.start - first.start,
        _ => 1,
    }
}

/// Day and time in UTC.
fn clock(micros: u64) -> String {
    let time = i64::try_from(micros)
        .ok()
        .and_then(|micros| Timestamp::from_microsecond(micros).ok());
    time.map_or_else(String::new, |time| time.strftime("%d %b %H:%M").to_string())
}
