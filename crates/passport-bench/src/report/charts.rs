//! Draws the charts.

use std::{error::Error, path::Path};

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{Chart, Line, shown};

type Outcome = Result<(), Box<dyn Error>>;

const OURS: RGBColor = RGBColor(0x1b, 0x6e, 0xc2);
const OTHERS: RGBColor = RGBColor(0xa9, 0xb4, 0xc2);
const LINES: [RGBColor; 4] =
    [OURS, RGBColor(0xd9, 0x6b, 0x0b), RGBColor(0x2a, 0x8f, 0x4f), RGBColor(0x88, 0x3c, 0xa8)];

/// Writes a chart into `folder`.
///
/// # Errors
///
/// If the chart cannot be drawn or written.
pub fn draw(chart: &Chart, folder: &Path) -> Outcome {
    match chart {
        Chart::Bars { file, title, unit, bars } => {
            let size = (900, 70 + 30 * u32::try_from(bars.len())?);
            bars_on(
                &SVGBackend::new(&folder.join(file).with_extension("svg"), size).into_drawing_area(),
                title,
                unit,
                bars,
            )
        }
        Chart::Growth { file, title, x, y, lines } => {
            let path = folder.join(file).with_extension("svg");
            growth_on(&SVGBackend::new(&path, (900, 420)).into_drawing_area(), title, x, y, lines)
        }
    }
}

fn bars_on(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    title: &str,
    unit: &str,
    bars: &[(String, f64)],
) -> Outcome {
    area.fill(&WHITE)?;
    let most = bars.iter().map(|(_, value)| *value).fold(1.0, f64::max);
    let least = bars.iter().map(|(_, value)| *value).filter(|value| *value > 0.0).fold(most, f64::min);
    let (low, high) = (least / 2.0, most * 3.0);
    let title_style = ("sans-serif", 18).into_font().color(&BLACK);
    area.draw(&Text::new(format!("{title} ({unit}, logarithmic)"), (10, 12), title_style))?;
    let x_of = |value: f64| 290 + (600.0 * (value.max(low) / low).ln() / (high / low).ln()) as i32;
    for (row, (name, value)) in bars.iter().enumerate() {
        let top = 50 + 30 * i32::try_from(row)?;
        let color = if name.starts_with("passport") { OURS } else { OTHERS };
        area.draw(&Rectangle::new([(290, top), (x_of(*value), top + 20)], color.filled()))?;
        let label = ("sans-serif", 14).into_font().color(&BLACK).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(name.clone(), (282, top + 10), label))?;
        let value_style =
            ("sans-serif", 14).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(shown(*value), (x_of(*value) + 6, top + 10), value_style))?;
    }
    area.present()?;
    Ok(())
}

fn growth_on(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    title: &str,
    x: &str,
    y: &str,
    lines: &[Line],
) -> Outcome {
    area.fill(&WHITE)?;
    let points = || lines.iter().flat_map(|line| &line.points);
    let (first, last) = points().fold((f64::MAX, 1.0_f64), |(low, high), (x, _)| (low.min(*x), high.max(*x)));
    let (low, high) = points().fold((f64::MAX, 0.0_f64), |(low, high), (_, y)| (low.min(*y), high.max(*y)));
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .margin_right(40)
        .x_label_area_size(45)
        .y_label_area_size(75)
        .build_cartesian_2d((first..last).log_scale(), (low / 3.0..high * 3.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(x)
        .y_desc(y)
        .x_label_formatter(&|value| shown(*value))
        .y_label_formatter(&|value| shown(*value))
        .draw()?;
    for (line, color) in lines.iter().zip(LINES.iter().cycle()) {
        let drawn = chart
            .draw_series(LineSeries::new(line.points.iter().copied(), color.stroke_width(2)).point_size(3))?;
        drawn
            .label(line.name.clone())
            .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(OTHERS).draw()?;
    area.present()?;
    Ok(())
}
