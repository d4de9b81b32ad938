// SPDX-License-Identifier: GPL-2.0

//! Draws the lanes as SVG.

use svg::node::element::{Description, Group, Line, Polygon, Rectangle, Style, Text, Title};
use svg::Document;

use super::event::SEGMENTS;
use super::lanes::{lanes, step_tip, Bar, Lane, Mark};
use super::recording::Recording;
use crate::own_file::TRACE_DRAWING;

/// The width of a picture in pixels.
pub const WIDTH: f64 = 1200.0;

const NAMES_WIDTH: f64 = 190.0;
const MARGIN: f64 = 12.0;
const LANE_HEIGHT: f64 = 22.0;
const LANE_GAP: f64 = 6.0;
const STACK_HEIGHT: f64 = 48.0;
const GROUP_GAP: f64 = 14.0;
const TITLE_HEIGHT: f64 = 34.0;
const AXIS_HEIGHT: f64 = 26.0;
const LEGEND_LINE: f64 = 18.0;
/// The width of a character: an upper bound, because the fonts of viewers differ.
const CHARACTER: f64 = 7.0;
/// The least distance of the labels on the axis.
const TICK_DISTANCE: f64 = 90.0;

const STYLE: &str = include_str!("picture.css");

/// The classes of bars and marks, with their meaning.
const LEGEND: [(&str, &str); 13] = [
    ("wait", "an updater waits"),
    ("init", "sets up the tree"),
    ("gp", "a grace period"),
    ("scan", "a scan"),
    ("expedited", "an expedited one"),
    ("owes", "no quiescent state yet"),
    ("unreported", "quiescent, to report"),
    ("reader", "a blocked reader"),
    ("batch", "callbacks run"),
    ("s0", SEGMENTS[0]),
    ("s1", SEGMENTS[1]),
    ("s2", SEGMENTS[2]),
    ("s3", SEGMENTS[3]),
];

/// The time that a picture shows, and its place on the page.
#[derive(Clone, Copy)]
struct Scale {
    from_us: u64,
    until_us: u64,
    /// The time that the axis calls 0.
    zero_us: u64,
    width: f64,
}

impl Scale {
    fn x(self, us: u64) -> f64 {
        let us = us.clamp(self.from_us, self.until_us);
        let share = (us - self.from_us) as f64 / (self.until_us - self.from_us) as f64;
        NAMES_WIDTH + share * (self.width - NAMES_WIDTH - MARGIN)
    }

    /// The labels of the axis, with their times.
    fn ticks(self) -> Vec<(u64, String)> {
        let ms = (self.until_us - self.from_us) as f64 / 1000.0;
        let count = ((self.width - NAMES_WIDTH) / TICK_DISTANCE).max(1.0);
        let step_ms = round_up(ms / count);
        let zero_ms = self.zero_us as f64 / 1000.0;
        let first = ((self.from_us as f64 / 1000.0 - zero_ms) / step_ms).ceil() as i64;
        let digits = (-step_ms.log10().floor()).clamp(0.0, 3.0) as usize;
        (first..)
            .map(|step| step as f64 * step_ms)
            .map(|ms| {
                (
                    ((zero_ms + ms) * 1000.0).round() as u64,
                    format!("{ms:.digits$} ms"),
                )
            })
            .take_while(|(us, _)| *us <= self.until_us)
            .collect()
    }
}

/// Rounds up to 1, 2 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(0.001).log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors.into_iter().find(|factor| factor * power >= value);
    factor.unwrap_or(10.0) * power
}

/// Draws the events since a time, or all of them.
pub fn svg(recording: &Recording, since_us: Option<u64>, width: f64) -> Document {
    let scale = scale(recording, since_us, width);
    let lanes = lanes(recording, scale.from_us, scale.until_us);
    let mut y = TITLE_HEIGHT;
    let mut drawn = Group::new();
    let mut group = "";
    for lane in &lanes {
        if lane.group != group {
            y += if group.is_empty() { 0.0 } else { GROUP_GAP };
            group = lane.group;
        }
        drawn = drawn.add(draw_lane(lane, scale, y));
        y += lane_height(lane) + LANE_GAP;
    }
    let (legend, legend_height) = legend(&lanes, y + AXIS_HEIGHT, width);
    let height = y + AXIS_HEIGHT + legend_height + MARGIN;
    Document::new()
        .set("width", width)
        .set("height", height)
        .set("viewBox", (0, 0, width, height))
        .set("class", "trace")
        .add(Description::new().add(svg::node::Text::new(TRACE_DRAWING)))
        .add(Style::new(STYLE))
        .add(
            Rectangle::new()
                .set("class", "paper")
                .set("width", width)
                .set("height", height),
        )
        .add(text("title", MARGIN, 22.0, &title(recording, scale)))
        .add(axis(scale, y))
        .add(drawn)
        .add(legend)
}

/// Spans the events since a time, with a margin on both sides.
fn scale(recording: &Recording, since_us: Option<u64>, width: f64) -> Scale {
    let records = recording.records();
    let first = since_us
        .or(records.first().map(|record| record.us))
        .unwrap_or(0);
    // A file can have lines of several boots.
    let last = records.iter().map(|record| record.us).fold(first, u64::max);
    let margin = ((last - first) / 50).max(1);
    let period = recording
        .periods()
        .iter()
        .find(|period| period.started.us >= first);
    Scale {
        from_us: first.saturating_sub(margin),
        until_us: last + margin,
        zero_us: period.map_or(first, |period| period.started.us),
        width,
    }
}

fn title(recording: &Recording, scale: Scale) -> String {
    let is_shown = |us: u64| (scale.from_us..=scale.until_us).contains(&us);
    let normal = recording
        .periods()
        .iter()
        .filter(|period| is_shown(period.started.us))
        .count();
    let expedited = recording
        .expedited()
        .iter()
        .filter(|period| is_shown(period.started.us))
        .count();
    let counted = |count: usize, kind: &str| match count {
        1 => format!("1 {kind} grace period"),
        _ => format!("{count} {kind} grace periods"),
    };
    match expedited {
        0 => counted(normal, "normal"),
        _ => format!(
            "{}, {}",
            counted(normal, "normal"),
            counted(expedited, "expedited")
        ),
    }
}

fn text(class: &str, x: f64, y: f64, content: &str) -> Text {
    Text::new(content)
        .set("class", class)
        .set("x", x)
        .set("y", y)
}

fn lane_height(lane: &Lane) -> f64 {
    match lane.steps.is_empty() {
        true => LANE_HEIGHT,
        false => STACK_HEIGHT,
    }
}

fn draw_lane(lane: &Lane, scale: Scale, y: f64) -> Group {
    let height = lane_height(lane);
    let track = Rectangle::new()
        .set("class", "track")
        .set("x", NAMES_WIDTH)
        .set("y", y)
        .set("width", scale.width - NAMES_WIDTH - MARGIN)
        .set("height", height);
    let name = match lane.group {
        "callbacks" => format!("callbacks, {}", lane.name),
        _ => lane.name.clone(),
    };
    let mut drawn = Group::new()
        .set("class", "lane")
        // The crate svg escapes no quotes in attributes.
        .set("data-name", name.replace('"', "'"))
        .add(text("name", MARGIN, y + 15.0, &shortened(&name)))
        .add(track);
    for polygon in stack(lane, scale, y) {
        drawn = drawn.add(polygon);
    }
    let thickness = if lane.steps.is_empty() {
        height
    } else {
        height / 3.0
    };
    for bar in &lane.bars {
        drawn = drawn.add(draw_bar(bar, scale, y + height - thickness, thickness));
    }
    for mark in thinned(&lane.marks, scale) {
        drawn = drawn.add(draw_mark(mark, scale, y, height));
    }
    drawn
}

fn shortened(name: &str) -> String {
    let most = ((NAMES_WIDTH - MARGIN) / CHARACTER) as usize;
    match name.chars().count() > most {
        true => name.chars().take(most - 1).chain(['…']).collect(),
        false => name.to_string(),
    }
}

/// Leaves out marks of a class that would cover each other.
fn thinned(marks: &[Mark], scale: Scale) -> Vec<&Mark> {
    let mut shown: Vec<&Mark> = Vec::new();
    for mark in marks {
        let last = shown.iter().rev().find(|shown| shown.class == mark.class);
        if last.is_none_or(|last| scale.x(mark.us) - scale.x(last.us) >= 1.0) {
            shown.push(mark);
        }
    }
    shown
}

fn draw_bar(bar: &Bar, scale: Scale, y: f64, height: f64) -> Group {
    let (from, until) = (scale.x(bar.from_us), scale.x(bar.until_us));
    let ms = (bar.until_us - bar.from_us) as f64 / 1000.0;
    let rectangle = Rectangle::new()
        .set("class", format!("bar {}", bar.class))
        .set("x", from)
        .set("y", y)
        .set("width", (until - from).max(0.5))
        .set("height", height)
        .add(Title::new(format!("{} ({ms:.3} ms)", bar.tip)));
    let drawn = Group::new().add(rectangle);
    let width = bar.label.chars().count() as f64 * CHARACTER + 8.0;
    match width <= until - from {
        true => drawn.add(text(
            "label",
            from + 4.0,
            y + height / 2.0 + 4.0,
            &bar.label,
        )),
        false => drawn,
    }
}

fn draw_mark(mark: &Mark, scale: Scale, y: f64, height: f64) -> Line {
    let x = scale.x(mark.us);
    let ms = (mark.us as f64 - scale.zero_us as f64) / 1000.0;
    Line::new()
        .set("class", format!("mark {}", mark.class))
        .set("x1", x)
        .set("x2", x)
        .set("y1", y)
        .set("y2", y + height)
        .add(Title::new(format!("{ms:.3} ms: {}", mark.tip)))
}

/// The callback segments of a CPU, one above the other.
fn stack(lane: &Lane, scale: Scale, y: f64) -> Vec<Polygon> {
    let sums = lane.steps.iter().map(|(_, lengths)| sum(lengths));
    let most = sums.fold(1.0, f64::max);
    let height = STACK_HEIGHT * 2.0 / 3.0 - 2.0;
    let steps = columns(lane, scale);
    let mut polygons = Vec::new();
    for segment in 0..SEGMENTS.len() {
        if steps.iter().all(|(_, lengths)| lengths[segment] == 0) {
            continue;
        }
        let level = |lengths: &[i64; 4], segments: usize| {
            y + height - sum(&lengths[..segments]) / most * height
        };
        let mut points = outline(&steps, |lengths| level(lengths, segment + 1));
        points.extend(
            outline(&steps, |lengths| level(lengths, segment))
                .into_iter()
                .rev(),
        );
        let points: Vec<_> = points
            .iter()
            .map(|(x, y)| format!("{x:.2},{y:.2}"))
            .collect();
        let tip = lane
            .steps
            .iter()
            .max_by_key(|(_, lengths)| lengths[segment]);
        let tip = tip.map_or(String::new(), |(_, lengths)| step_tip(lengths));
        polygons.push(
            Polygon::new()
                .set("class", format!("bar s{segment}"))
                .set("points", points.join(" "))
                .add(Title::new(format!("{}, at most: {tip}", SEGMENTS[segment]))),
        );
    }
    polygons
}

fn sum(lengths: &[i64]) -> f64 {
    lengths.iter().map(|length| *length as f64).sum()
}

/// The last lengths at each horizontal position.
fn columns(lane: &Lane, scale: Scale) -> Vec<(f64, [i64; 4])> {
    let mut columns: Vec<(f64, [i64; 4])> = Vec::new();
    for (us, lengths) in &lane.steps {
        let x = scale.x(*us);
        match columns.last_mut() {
            Some((last, value)) if x - *last < 0.5 => *value = *lengths,
            _ => columns.push((x, *lengths)),
        }
    }
    columns
}

/// The corners of a line that holds each value until the next one.
fn outline(steps: &[(f64, [i64; 4])], y: impl Fn(&[i64; 4]) -> f64) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut before = None;
    for (x, lengths) in steps {
        if let Some(y) = before {
            points.push((*x, y));
        }
        before = Some(y(lengths));
        points.push((*x, y(lengths)));
    }
    points
}

fn axis(scale: Scale, bottom: f64) -> Group {
    let mut axis = Group::new().set("class", "axis");
    for (us, label) in scale.ticks() {
        let x = scale.x(us);
        let line = Line::new()
            .set("x1", x)
            .set("x2", x)
            .set("y1", TITLE_HEIGHT)
            .set("y2", bottom);
        let label_width = label.chars().count() as f64 * CHARACTER;
        axis = axis.add(line);
        // A label at the edge would leave the picture.
        if x + label_width / 2.0 < scale.width && x - label_width / 2.0 > 0.0 {
            axis = axis.add(text("tick", x, bottom + 16.0, &label));
        }
    }
    axis
}

/// The legend of the classes that the lanes have. Returns its height, too.
fn legend(lanes: &[Lane], top: f64, width: f64) -> (Group, f64) {
    let has = |class: &str| {
        let is_bar = lanes
            .iter()
            .flat_map(|lane| &lane.bars)
            .any(|bar| bar.class == class);
        let segment = (0..SEGMENTS.len()).find(|segment| class == format!("s{segment}"));
        let steps = || lanes.iter().flat_map(|lane| &lane.steps);
        is_bar || segment.is_some_and(|segment| steps().any(|(_, lengths)| lengths[segment] > 0))
    };
    let (mut x, mut y) = (MARGIN, top + LEGEND_LINE);
    let mut legend = Group::new().set("class", "legend");
    for (class, meaning) in LEGEND.into_iter().filter(|(class, _)| has(class)) {
        let entry_width = 20.0 + meaning.chars().count() as f64 * CHARACTER + 16.0;
        if x + entry_width > width.min(WIDTH) {
            (x, y) = (MARGIN, y + LEGEND_LINE);
        }
        let key = Rectangle::new()
            .set("class", format!("bar {class}"))
            .set("x", x)
            .set("y", y - 10.0)
            .set("width", 14)
            .set("height", 12);
        legend = legend.add(key).add(text("meaning", x + 20.0, y, meaning));
        x += entry_width;
    }
    (legend, y - top + LEGEND_LINE)
}
