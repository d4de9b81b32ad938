// SPDX-License-Identifier: GPL-2.0

//! Drawings: lines in panels side by side, as SVG.

use std::path::Path;

use anyhow::{anyhow, Result};
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Of one panel.
const SIZE: (u32, u32) = (560, 420);

/// Told apart with most kinds of colour blindness too.
const COLOURS: [RGBColor; 9] = [
    RGBColor(0, 90, 181),
    RGBColor(220, 50, 32),
    RGBColor(0, 135, 90),
    RGBColor(150, 90, 180),
    RGBColor(200, 120, 0),
    RGBColor(90, 90, 90),
    RGBColor(0, 160, 190),
    RGBColor(230, 130, 180),
    RGBColor(110, 70, 30),
];

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// Lines that share their axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
    /// Whether lines go down to the right, where names would be in their way on the left.
    pub is_falling: bool,
}

/// What an axis shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub name: String,
    pub is_log: bool,
    /// About as many marks.
    pub marks: usize,
}

impl Axis {
    pub fn linear(name: &str) -> Self {
        Self {
            name: name.into(),
            is_log: false,
            marks: 11,
        }
    }

    /// Of few things.
    pub fn count(name: &str) -> Self {
        Self {
            marks: 3,
            ..Self::linear(name)
        }
    }

    pub fn log(name: &str) -> Self {
        Self {
            name: name.into(),
            is_log: true,
            marks: 11,
        }
    }

    /// From the least to the most, with some room. Linear ones begin at zero.
    fn range(&self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for value in values {
            (least, most) = (least.min(value), most.max(value));
        }
        match self.is_log {
            true => (least / 1.3, most * 1.3),
            false => (0.0, most * 1.08),
        }
    }
}

/// Thousands and millions in short.
fn short(value: f64) -> String {
    let (value, unit) = match value {
        value if value >= 1e6 => (value / 1e6, " M"),
        value if value >= 1e4 => (value / 1e3, " k"),
        value => (value, ""),
    };
    // Sums of steps are not exact.
    let rounded = (value * 1000.0).round() / 1000.0;
    format!("{rounded}{unit}")
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_on<X, Y>(area: &Area, panel: &Panel, x: X, y: Y) -> Result<()>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 17))
        .margin(10)
        .x_label_area_size(42)
        .y_label_area_size(62)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc(&panel.x.name)
        .y_desc(&panel.y.name)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .label_style(("sans-serif", 13))
        .x_labels(panel.x.marks)
        .y_labels(panel.y.marks)
        .max_light_lines(0)
        .bold_line_style(BLACK.mix(0.15))
        .draw()?;
    for (series, colour) in panel.series.iter().zip(COLOURS.iter().cycle()) {
        let points = || series.points.iter().copied();
        chart
            .draw_series(LineSeries::new(points(), colour.stroke_width(2)))?
            .label(&series.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        // A distribution has too many.
        if series.points.len() <= 12 {
            chart.draw_series(points().map(|point| Circle::new(point, 3, colour.filled())))?;
        }
    }
    chart
        .configure_series_labels()
        .position(match panel.is_falling {
            true => SeriesLabelPosition::UpperRight,
            false => SeriesLabelPosition::UpperLeft,
        })
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 13))
        .draw()?;
    Ok(())
}

fn draw_panel(area: &Area, panel: &Panel) -> Result<()> {
    let points = || panel.series.iter().flat_map(|series| series.points.iter());
    let (x0, x1) = panel.x.range(points().map(|point| point.0));
    let (y0, y1) = panel.y.range(points().map(|point| point.1));
    match (panel.x.is_log, panel.y.is_log) {
        (false, false) => draw_on(area, panel, x0..x1, y0..y1),
        (false, true) => draw_on(area, panel, x0..x1, (y0..y1).log_scale()),
        (true, false) => draw_on(area, panel, (x0..x1).log_scale(), y0..y1),
        (true, true) => draw_on(area, panel, (x0..x1).log_scale(), (y0..y1).log_scale()),
    }
}

/// Draws the panels that have something to show. False if there is none.
pub fn draw(path: &Path, panels: &[Panel]) -> Result<bool> {
    let panels: Vec<&Panel> = panels
        .iter()
        .filter(|panel| !panel.series.is_empty())
        .collect();
    if panels.is_empty() {
        return Ok(false);
    }
    // At most three beside each other, and no gap where that can be.
    let columns = if panels.len() == 4 {
        2
    } else {
        panels.len().min(3)
    };
    let rows = panels.len().div_ceil(columns);
    let size = (SIZE.0 * columns as u32, SIZE.1 * rows as u32);
    let root = SVGBackend::new(path, size).into_drawing_area();
    let drawn = (|| {
        root.fill(&WHITE)?;
        for (area, panel) in root.split_evenly((rows, columns)).iter().zip(panels) {
            draw_panel(area, panel)?;
        }
        root.present()?;
        Ok(())
    })();
    drawn.map_err(|error: anyhow::Error| anyhow!("drawing {}: {error}", path.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(series: &[(&str, &[(f64, f64)])]) -> Panel {
        Panel {
            title: "Lookups & such".into(),
            x: Axis::log("routes"),
            y: Axis::linear("ns"),
            is_falling: false,
            series: series
                .iter()
                .map(|(name, points)| Series {
                    name: name.to_string(),
                    points: points.to_vec(),
                })
                .collect(),
        }
    }

    fn drawn(name: &str, panels: &[Panel]) -> Option<String> {
        let file =
            std::env::temp_dir().join(format!("bench-report-{}-{name}.svg", std::process::id()));
        let is_drawn = draw(&file, panels).expect("a drawing");
        let text = std::fs::read_to_string(&file).ok();
        let _ = std::fs::remove_file(&file);
        assert_eq!(is_drawn, text.is_some());
        text
    }

    #[test]
    fn a_drawing_names_what_it_shows() {
        let points = [(1000.0, 5.0), (1_000_000.0, 50.0)];
        let text = drawn(
            "names",
            &[
                panel(&[("table", &points), ("fib_trie", &points)]),
                panel(&[]),
            ],
        );
        let text = text.expect("a drawing");
        for word in [
            "Lookups &amp; such",
            "routes",
            "table",
            "fib_trie",
            "1 M",
            "1000",
        ] {
            assert!(text.contains(word), "{word} is not in {text}");
        }
        assert!(
            text.contains(&format!("width=\"{}\"", SIZE.0)),
            "an empty panel has no room"
        );
    }

    #[test]
    fn marks_are_short() {
        let values = [0.1 + 0.2, 2.0, 9000.0, 12_000.0, 1_500_000.0];
        assert_eq!(values.map(short), ["0.3", "2", "9000", "12 k", "1.5 M"]);
    }

    #[test]
    fn nothing_is_not_drawn() {
        assert_eq!(drawn("nothing", &[panel(&[])]), None);
    }

    #[test]
    fn all_points_are_within_their_axes() {
        let values = [3.0, 40.0, 7.0];
        for axis in [Axis::log("x"), Axis::linear("x")] {
            let (from, to) = axis.range(values.into_iter());
            assert!(from < 3.0 && to > 40.0, "{axis:?}");
        }
        assert!(Axis::log("x").range(values.into_iter()).0 > 0.0);
    }
}
