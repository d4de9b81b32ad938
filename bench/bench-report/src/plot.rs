// SPDX-License-Identifier: GPL-2.0

//! Draws line plots as SVG, several panels side by side.

use std::path::Path;

use anyhow::{anyhow, Result};
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::coord::Shift;
use plotters::prelude::*;

/// The width and height of one panel, in pixels.
const SIZE: (u32, u32) = (560, 420);

/// Colours that most colour-blind people can distinguish.
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

/// Circles mark the points of a series that has at most this many.
const MAX_CIRCLES: usize = 12;

#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// Series with common axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
    /// Whether the lines fall from left to right, so that the legend belongs on the right.
    pub is_falling: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub name: String,
    pub is_log: bool,
    /// The approximate number of labels.
    pub labels: usize,
}

impl Axis {
    pub fn linear(name: &str) -> Self {
        Self {
            name: name.into(),
            is_log: false,
            labels: 11,
        }
    }

    /// A linear axis of small whole numbers.
    pub fn count(name: &str) -> Self {
        Self {
            labels: 3,
            ..Self::linear(name)
        }
    }

    pub fn log(name: &str) -> Self {
        Self {
            name: name.into(),
            is_log: true,
            labels: 11,
        }
    }

    /// The range of the axis for these values, with some margin. A linear axis starts at zero.
    fn range(&self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        let (mut min, mut max) = (f64::INFINITY, 0.0_f64);
        for value in values {
            (min, max) = (min.min(value), max.max(value));
        }
        match self.is_log {
            true => (min / 1.3, max * 1.3),
            false => (0.0, max * 1.08),
        }
    }
}

/// Formats a label, in thousands or millions if it is large.
fn label(value: f64) -> String {
    let (value, unit) = match value {
        value if value >= 1e6 => (value / 1e6, " M"),
        value if value >= 1e4 => (value / 1e3, " k"),
        value => (value, ""),
    };
    // Labels are sums of steps, which have rounding errors.
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
        .x_label_formatter(&|value| label(*value))
        .y_label_formatter(&|value| label(*value))
        .label_style(("sans-serif", 13))
        .x_labels(panel.x.labels)
        .y_labels(panel.y.labels)
        .max_light_lines(0)
        .bold_line_style(BLACK.mix(0.15))
        .draw()?;
    for (series, colour) in panel.series.iter().zip(COLOURS.iter().cycle()) {
        let points = || series.points.iter().copied();
        chart
            .draw_series(LineSeries::new(points(), colour.stroke_width(2)))?
            .label(&series.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        if series.points.len() <= MAX_CIRCLES {
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

/// Draws the panels that have series. Returns false if there are none.
pub fn draw(path: &Path, panels: &[Panel]) -> Result<bool> {
    let panels: Vec<&Panel> = panels
        .iter()
        .filter(|panel| !panel.series.is_empty())
        .collect();
    if panels.is_empty() {
        return Ok(false);
    }
    let columns = match panels.len() {
        4 => 2,
        panels => panels.min(3),
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

    fn drawn(panels: &[Panel]) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("plot.svg");
        let is_drawn = draw(&file, panels).expect("a drawing");
        let text = std::fs::read_to_string(&file).ok();
        assert_eq!(is_drawn, text.is_some());
        text
    }

    #[test]
    fn a_drawing_has_title_axes_and_legend() {
        let points = [(1000.0, 5.0), (1_000_000.0, 50.0)];
        let lines = panel(&[("table", &points), ("fib_trie", &points)]);
        let text = drawn(&[lines, panel(&[])]).expect("a drawing");
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
            "an empty panel has space"
        );
    }

    #[test]
    fn large_labels_have_a_unit() {
        let values = [0.1 + 0.2, 2.0, 9000.0, 12_000.0, 1_500_000.0];
        assert_eq!(values.map(label), ["0.3", "2", "9000", "12 k", "1.5 M"]);
    }

    #[test]
    fn empty_panels_are_not_drawn() {
        assert_eq!(drawn(&[panel(&[])]), None);
    }

    #[test]
    fn all_points_are_within_the_axes() {
        let values = [3.0, 40.0, 7.0];
        for axis in [Axis::log("x"), Axis::linear("x")] {
            let (from, to) = axis.range(values.into_iter());
            assert!(from < 3.0 && to > 40.0, "{axis:?}");
        }
        assert!(Axis::log("x").range(values.into_iter()).0 > 0.0);
    }
}
