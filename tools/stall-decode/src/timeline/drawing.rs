// SPDX-License-Identifier: GPL-2.0

//! Draws marks as SVG.

use svg::node::element::{Circle, Group, Line, Rectangle, Text, Title};

use super::scale::Scale;
use super::{Lane, Mark, CLASSES};

/// Lanes drawn per boot.
const MAX_LANES: usize = 60;
/// Characters drawn per name of a lane.
const MAX_NAME: usize = 30;

// Sizes in pixels.
pub(super) const WIDTH: f64 = 1100.0;
pub(super) const LEFT: f64 = 210.0;
const RIGHT: f64 = 40.0;
const LEGEND: f64 = 40.0;
const TOP: f64 = 58.0;
const LANE: f64 = 26.0;
const AXIS: f64 = 34.0;

pub(super) const STYLE: &str = "\
text{font:12px sans-serif;fill:#24292f}
.title{font-weight:bold;font-size:14px}
.faint{fill:#6e7781}
.grid{stroke:#d0d7de;stroke-width:1}
.lane{stroke:#eaeef2;stroke-width:1}
.stall{fill:#cf222e}.starved{fill:#8250df}.hung{fill:#bf8700}.lockup{fill:#953800}.misuse{fill:#0969da}.memory{fill:#1a7f37}
.bar{fill-opacity:.45}
.end{stroke:#1a7f37;stroke-width:3}";

/// Steps along the axis.
const STEPS: f64 = 8.0;

/// Returns the horizontal position of a time.
fn x(scale: Scale, at: f64) -> f64 {
    round(LEFT + scale.position(at) * (WIDTH - LEFT - RIGHT))
}

/// Draws one boot. Returns the panel and its height.
pub(super) fn panel(title: &str, marks: &[&Mark]) -> (Group, f64) {
    let mut lanes: Vec<&Lane> = marks.iter().flat_map(|mark| &mark.lanes).collect();
    lanes.sort();
    lanes.dedup();
    let left_out = lanes.len().saturating_sub(MAX_LANES);
    lanes.truncate(MAX_LANES);
    let scale = Scale::new(marks);
    let bottom = TOP + LANE * lanes.len() as f64;
    let group = Group::new()
        .add(label(12.0, 22.0, title, "title", "start"))
        .add(legend(marks));
    let mut group = axis(group, scale, bottom);
    for (number, lane) in lanes.iter().enumerate() {
        let y = TOP + LANE * (number as f64 + 0.5);
        let name = short(&lane.to_string());
        let line = horizontal(y).set("class", "lane");
        group = group
            .add(label(LEFT - 10.0, y + 4.0, &name, "", "end"))
            .add(line);
        for mark in marks.iter().filter(|mark| mark.lanes.contains(lane)) {
            group = group.add(drawn(mark, scale, y));
        }
    }
    if left_out > 0 {
        let text = format!("{left_out} more CPUs and tasks are left out");
        group = group.add(label(LEFT, bottom + 30.0, &text, "faint", "start"));
    }
    (group, bottom + AXIS)
}

/// Draws the grid, the labels of the axis, and its unit.
fn axis(mut group: Group, scale: Scale, bottom: f64) -> Group {
    for at in scale.steps(STEPS) {
        let text = scale.label(at);
        let x = x(scale, at);
        group = group
            .add(vertical(x, TOP, bottom).set("class", "grid"))
            .add(label(x, bottom + 16.0, &text, "faint", "middle"));
    }
    group.add(label(WIDTH - RIGHT, 22.0, scale.unit(), "faint", "end"))
}

/// Draws a bar for the known age, a point for the report, and a line for the end.
fn drawn(mark: &Mark, scale: Scale, y: f64) -> Group {
    let (start, at) = (x(scale, mark.at - mark.age), x(scale, mark.at));
    let end = mark.end.map_or(at, |end| x(scale, end));
    let mut group = Group::new()
        .set("class", mark.class)
        .set("data-incident", mark.incident)
        .add(Title::new(mark.text.clone()));
    if end - start >= 1.0 {
        let bar = Rectangle::new()
            .set("x", start)
            .set("y", y - 7.0)
            .set("width", round(end - start));
        group = group.add(bar.set("height", 14).set("rx", 3).set("class", "bar"));
    }
    group = group.add(point(at, y));
    if mark.end.is_some() {
        // Keeps the line beside the point.
        group = group.add(end_line(end.max(at + 8.0), y));
    }
    group
}

fn point(x: f64, y: f64) -> Circle {
    Circle::new().set("cx", x).set("cy", y).set("r", 5)
}

fn end_line(x: f64, y: f64) -> Line {
    vertical(x, y - 9.0, y + 9.0).set("class", "end")
}

fn vertical(x: f64, from: f64, to: f64) -> Line {
    Line::new()
        .set("x1", x)
        .set("x2", x)
        .set("y1", from)
        .set("y2", to)
}

fn horizontal(y: f64) -> Line {
    Line::new()
        .set("x1", LEFT)
        .set("x2", WIDTH - RIGHT)
        .set("y1", y)
        .set("y2", y)
}

/// Draws the legend of the classes that occur.
fn legend(marks: &[&Mark]) -> Group {
    let mut group = Group::new();
    let mut x = LEFT;
    for (class, meaning) in CLASSES {
        if marks.iter().any(|mark| mark.class == class) {
            let key = Group::new().set("class", class).add(point(x, LEGEND - 4.0));
            let text = label(x + 10.0, LEGEND, meaning, "faint", "start");
            group = group.add(key).add(text);
            x += 26.0 + 7.0 * meaning.len() as f64;
        }
    }
    if marks.iter().any(|mark| mark.end.is_some()) {
        let text = label(x + 10.0, LEGEND, "end", "faint", "start");
        group = group.add(end_line(x, LEGEND - 4.0)).add(text);
    }
    group
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

pub(super) fn label(x: f64, y: f64, text: &str, class: &str, anchor: &str) -> Text {
    Text::new(text)
        .set("x", x)
        .set("y", y)
        .set("class", class)
        .set("text-anchor", anchor)
}

fn short(name: &str) -> String {
    match name.char_indices().nth(MAX_NAME) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or(name)),
        None => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::decode;
    use crate::timeline::Timeline;

    fn drawn(log: &str) -> String {
        let mut timeline = Timeline::new();
        for event in decode(log) {
            timeline.add(&event);
        }
        timeline.svg()
    }

    #[test]
    fn a_stall_has_a_lane_a_bar_and_a_point() {
        let svg = drawn(
            "[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             [  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3\n\
             [  100.000002] rcu: \t(t=5250 jiffies g=289 q=2)\n\
             [  130.000000] INFO: task <sh>:57 blocked for more than 20 seconds.\n",
        );
        for part in [
            "CPU 1",
            "&lt;sh&gt; (pid 57)",
            "class=\"bar\"",
            "seconds since boot",
            "rcu-cpu-stall",
        ] {
            assert!(svg.contains(part), "no {part}: {svg}");
        }
        // Two points in lanes, and two in the legend.
        assert_eq!(svg.matches("<circle").count(), 4);
        // The axis begins with the stall, 21 s before its report.
        let scale = Scale::of(78.0, 131.0);
        assert!(x(scale, 79.0) < x(scale, 100.0) && x(scale, 200.0) <= WIDTH);
    }

    #[test]
    fn a_stall_is_drawn_to_its_logged_end() {
        let svg = drawn(
            "[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             [  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3\n\
             [  100.000002] rcu: \t(t=5250 jiffies g=289 q=2)\n\
             [  110.000000] rust_rcu_demo: stall: end cpu_preempt_off after 31000 ms: ended\n",
        );
        let scale = Scale::of(100.0 - 21.0 - 0.93, 110.93);
        assert!(
            svg.contains("class=\"end\"") && svg.contains(">\nend\n"),
            "{svg}"
        );
        assert!(
            svg.contains(&format!("x1=\"{}\"", x(scale, 110.0))),
            "{svg}"
        );
        assert!(
            svg.contains(&format!("cx=\"{}\"", x(scale, 100.0))),
            "the point is at the report: {svg}"
        );
    }

    #[test]
    fn each_boot_has_a_panel() {
        let log = "[  100.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:57]\n";
        let svg = drawn(&format!(
            "{log}[    0.000000] Linux version 6.18.15 (x@y)\n{log}"
        ));
        assert!(svg.contains("Boot 1") && svg.contains("Boot 2"), "{svg}");
    }

    #[test]
    fn an_empty_log_is_drawn_as_nothing_reported() {
        assert!(drawn("").contains("Nothing was reported."));
    }

    #[test]
    fn the_axis_shows_time_of_day_or_lines() {
        let line = "kernel: watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:57]\n";
        assert!(drawn(&format!("2026-11-21T10:00:00+00:00 host {line}")).contains("10:00:00"));
        assert!(drawn(line).contains("lines of the log"));
    }
}
