//! The figures as bars, for `docs/performance.md`.

use std::path::Path;

use plotters::prelude::*;

use crate::Outcome;
use crate::figures::Figures;

/// Writes `docs/performance-NAME.svg`: time and CPU of each contender as multiples of the yardstick's.
pub(crate) fn save(name: &str, figures: &[Figures]) -> Outcome<()> {
    let Some(yardstick) = figures.first() else {
        return Ok(());
    };
    let file = format!("docs/performance-{name}.svg");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let ratios: Vec<(f64, f64)> = figures
        .iter()
        .map(|of| (of.wall / yardstick.wall, of.cpu / yardstick.cpu))
        .collect();
    let most = ratios
        .iter()
        .map(|(wall, cpu)| wall.max(*cpu))
        .fold(1.0, f64::max);
    let height = u32::try_from(figures.len())? * 44 + 70;
    let area = SVGBackend::new(&path, (760, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let rows = figures.len() as f64;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(190)
        .build_cartesian_2d(0.0..most * 1.05, 0.0..rows)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_desc("time (dark) and CPU (light) beside journalctl reading alone; less is better")
        .draw()?;
    for (place, (of, (wall, cpu))) in figures.iter().zip(&ratios).enumerate() {
        let top = rows - place as f64;
        let bar = |ratio: f64, from: f64, to: f64| [(0.0, top - to), (ratio, top - from)];
        chart.draw_series([
            Rectangle::new(bar(*wall, 0.12, 0.48), RGBColor(38, 84, 124).filled()),
            Rectangle::new(bar(*cpu, 0.52, 0.88), RGBColor(143, 184, 222).filled()),
        ])?;
        let (_, y) = chart.backend_coord(&(0.0, top - 0.5));
        let style = ("sans-serif", 14).into_font().color(&BLACK);
        area.draw(&Text::new(of.contender.name(), (12, y - 8), style))?;
    }
    area.present()?;
    Ok(())
}
