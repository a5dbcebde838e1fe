//! SVG charts. Their colours are attributes, which the page's style sheet replaces for dark screens: see `html.rs`.

use std::fmt;
use std::ops::Range;

use jiff::Timestamp;
use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, DrawingArea, IntoDrawingArea, LineSeries, RGBColor, Rectangle, SVGBackend,
    ShapeStyle,
};
use plotters::style::{Color, IntoFont, TRANSPARENT};

use super::model::{Moment, Percentiles};
use super::table::duration;

/// Pixels; a phone shows two thirds of it, so that the letters stay readable.
const SIZE: (u32, u32) = (480, 240);
const LETTERS: (&str, u32) = ("sans-serif", 18);

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
    let totals = moments.iter().map(|moment| moment.answered + moment.failed);
    let Some(most) = totals.max().filter(|most| *most > 0) else {
        return Ok(String::new());
    };
    svg(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(32)
            .y_label_area_size(52)
            .build_cartesian_2d(places(moments), 0..most)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(4)
            .y_labels(4)
            .x_label_formatter(&|place| clock(moments, *place))
            .label_style(LETTERS.into_font().color(&INK))
            .axis_style(INK)
            .bold_line_style(FAINT)
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (place, moment) in placed(moments) {
            let (left, right) = (place - 0.4, place + 0.4);
            let all = moment.answered + moment.failed;
            let answered = [(left, 0), (right, moment.answered)];
            let failed = [(left, moment.answered), (right, all)];
            chart.draw_series([
                Rectangle::new(answered, GOOD.filled()),
                Rectangle::new(failed, BAD.filled()),
            ])?;
        }
        Ok(())
    })
}

/// Median and 95th percentile of latency per part of the span; gaps where nobody asked.
pub(super) fn latency(moments: &[Moment]) -> Result<String, ChartError> {
    let slowest = moments.iter().filter_map(|moment| moment.latency_ms);
    let Some(slowest) = slowest.map(|latency| latency.p95).max_by(f64::total_cmp) else {
        return Ok(String::new());
    };
    svg(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(32)
            .y_label_area_size(64)
            .build_cartesian_2d(places(moments), 0.0..slowest.max(f64::MIN_POSITIVE))?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(4)
            .y_labels(4)
            .x_label_formatter(&|place| clock(moments, *place))
            .y_label_formatter(&|ms| duration(*ms))
            .label_style(LETTERS.into_font().color(&INK))
            .axis_style(INK)
            .bold_line_style(FAINT)
            .light_line_style(TRANSPARENT)
            .draw()?;
        let lines: [(Pick, RGBColor); 2] =
            [(|latency| latency.p95, BAD), (|latency| latency.p50, GOOD)];
        let all: Vec<_> = placed(moments).collect();
        for (value, colour) in lines {
            for run in all.split(|(_, moment)| moment.latency_ms.is_none()) {
                let points = run
                    .iter()
                    .filter_map(|(place, moment)| Some((*place, value(moment.latency_ms?))));
                let style = ShapeStyle::from(&colour).stroke_width(2);
                chart.draw_series(LineSeries::new(points, style).point_size(2))?;
            }
        }
        Ok(())
    })
}

/// One of the percentiles.
type Pick = fn(Percentiles) -> f64;

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

/// The range of [`placed`], half a place around.
fn places(moments: &[Moment]) -> Range<f64> {
    let end = placed(moments).last().map_or(0.0, |(place, _)| place);
    -0.5..end + 0.5
}

/// Each moment and its place on the axis: 0, 1, 2 and so on.
fn placed(moments: &[Moment]) -> impl Iterator<Item = (f64, &Moment)> {
    (0_u32..).map(f64::from).zip(moments)
}

/// Day and time in UTC of a place on the axis.
fn clock(moments: &[Moment], place: f64) -> String {
    let near = placed(moments).find(|(here, _)| (here - place).abs() < 0.5);
    let micros = near.and_then(|(_, moment)| i64::try_from(moment.start).ok());
    let time = micros.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    time.map_or_else(String::new, |time| time.strftime("%d %b %H:%M").to_string())
}
