// SPDX-License-Identifier: GPL-2.0

//! A picture of what a log tells: time from left to right, and a lane for each CPU and task.
//!
//! ```text
//! CPU 1          ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒●▒▒▒▒▒▒▒▒▒▒▒●     a stall, from where `t=` says that it began, and its reports
//! rcu_preempt            ▒▒▒▒▒▒▒▒●               the grace-period kthread, starved
//! sh (57)                  ░░░░░░░░░░░░░░░░●     a hung task
//! ```

use std::collections::BTreeMap;

use svg::node::element::{Circle, Group, Line, Rectangle, Style, Text, Title};
use svg::Document;

use crate::event::{Event, EventKind};

/// Events and lanes that are drawn; a picture of more shows nothing any more.
const MAX_EVENTS: usize = 2000;
const MAX_LANES: usize = 60;

const WIDTH: f64 = 1100.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = 40.0;
const LEGEND: f64 = 40.0;
const TOP: f64 = 58.0;
const LANE: f64 = 26.0;
const AXIS: f64 = 34.0;

const STYLE: &str = "\
text{font:12px sans-serif;fill:#24292f}
.title{font-weight:bold;font-size:14px}
.faint{fill:#6e7781}
.grid{stroke:#d0d7de;stroke-width:1}
.lane{stroke:#eaeef2;stroke-width:1}
.stall{fill:#cf222e}.starved{fill:#8250df}.hung{fill:#bf8700}.lockup{fill:#953800}.misuse{fill:#0969da}.memory{fill:#1a7f37}
.bar{fill-opacity:.45}
.end{stroke:#1a7f37;stroke-width:3}";

/// What the classes of marks are, in words.
const CLASSES: [(&str, &str); 6] = [
    ("stall", "grace period held up"),
    ("starved", "kthread starved"),
    ("hung", "task waits"),
    ("lockup", "lockup"),
    ("misuse", "misuse"),
    ("memory", "memory"),
];

/// Collects events, and draws them in the end.
#[derive(Debug, Default)]
pub struct Timeline {
    marks: Vec<Mark>,
    left_out: usize,
}

/// An event in a lane.
#[derive(Debug)]
struct Mark {
    boot: u64,
    /// Seconds, or the line's number in a log without times.
    at: f64,
    timed: bool,
    /// How long it had gone on.
    seconds: f64,
    lanes: Vec<Lane>,
    class: &'static str,
    /// When it ended, if that is known.
    end: Option<f64>,
    text: String,
    incident: u64,
}

/// Lanes are in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Cpu(u32),
    Kthread(String),
    Task(String),
    Other,
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu(cpu) => write!(f, "CPU {cpu}"),
            Self::Kthread(name) => write!(f, "kthread {name}"),
            Self::Task(name) => f.write_str(name),
            Self::Other => f.write_str("nobody named"),
        }
    }
}

impl Timeline {
    /// An empty picture.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event. Beyond some thousand they are only counted.
    pub fn add(&mut self, event: &Event) {
        if self.marks.len() >= MAX_EVENTS {
            self.left_out += 1;
            return;
        }
        let time = event.time.as_ref().map(|time| time.clock);
        let when = event
            .time
            .as_ref()
            .map_or(String::new(), |time| format!("{time}, "));
        self.marks.push(Mark {
            boot: event.boot,
            at: time.unwrap_or(event.line as f64),
            timed: time.is_some(),
            seconds: event.seconds.filter(|_| time.is_some()).unwrap_or(0.0),
            lanes: lanes(event),
            class: class(event.kind),
            end: end(event),
            text: format!(
                "{when}line {}: {}\n{}",
                event.line, event.kind, event.summary
            ),
            incident: event.incident,
        });
    }

    /// The picture, as SVG: a part for each boot, as clocks begin anew there.
    pub fn svg(&self) -> String {
        let mut boots: BTreeMap<u64, Vec<&Mark>> = BTreeMap::new();
        for mark in &self.marks {
            boots.entry(mark.boot).or_default().push(mark);
        }
        let mut y = 0.0;
        let mut parts = Vec::new();
        let several = boots.len() > 1;
        for (boot, marks) in &boots {
            let title = if several {
                format!("Boot {boot}")
            } else {
                "RCU incidents".to_string()
            };
            let (part, height) = panel(&title, marks);
            parts.push(part.set("transform", format!("translate(0 {y})")));
            y += height;
        }
        if boots.is_empty() {
            parts.push(Group::new().add(label(
                LEFT,
                24.0,
                "Nothing was reported.",
                "title",
                "start",
            )));
            y = 40.0;
        }
        if self.left_out > 0 {
            let text = format!("{} more events are left out", self.left_out);
            parts.push(Group::new().add(label(LEFT, y + 16.0, &text, "faint", "start")));
            y += 24.0;
        }
        let mut document = Document::new()
            .set("viewBox", (0.0, 0.0, WIDTH, y))
            .set("width", WIDTH)
            .set("height", y)
            .add(Style::new(STYLE))
            .add(
                Rectangle::new()
                    .set("width", "100%")
                    .set("height", "100%")
                    .set("fill", "white"),
            );
        for part in parts {
            document = document.add(part);
        }
        document.to_string()
    }
}

/// When the log says that it ended: while it was reported, or by whoever provoked it.
fn end(event: &Event) -> Option<f64> {
    let time = event.time.as_ref().map(|time| time.clock)?;
    // Misuse is over when it is reported.
    if matches!(class(event.kind), "misuse" | "memory") {
        return None;
    }
    match &event.ended_at {
        Some(end) => Some(end.clock.max(time)),
        None => event.ended.then_some(time),
    }
}

fn lanes(event: &Event) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    let task = |task: &crate::Task| Lane::Task(task.to_string());
    match event.kind {
        EventKind::RcuKthreadStarved => {
            let name = event.flavor.clone().unwrap_or_else(|| "rcu".to_string());
            lanes.push(Lane::Kthread(name));
        }
        EventKind::HungTask | EventKind::RcuTasksStall => {
            lanes.extend(event.tasks.iter().map(task))
        }
        EventKind::RcuCpuStall | EventKind::RcuExpeditedStall => {
            lanes.extend(event.cpus.iter().map(|&cpu| Lane::Cpu(cpu)));
            let blocked = event
                .tasks
                .iter()
                .filter(|task| task.nesting.is_some() || event.cpus.is_empty());
            lanes.extend(blocked.map(task));
        }
        _ => lanes.extend(event.cpus.iter().map(|&cpu| Lane::Cpu(cpu))),
    }
    if lanes.is_empty() {
        lanes.push(Lane::Other);
    }
    lanes.truncate(16);
    lanes
}

fn class(kind: EventKind) -> &'static str {
    match kind {
        EventKind::RcuCpuStall | EventKind::RcuExpeditedStall | EventKind::RcuTasksStall => "stall",
        EventKind::RcuKthreadStarved => "starved",
        EventKind::HungTask => "hung",
        EventKind::SoftLockup | EventKind::HardLockup => "lockup",
        EventKind::PageAllocationFailure | EventKind::Oom => "memory",
        _ => "misuse",
    }
}

/// From times to the picture's columns.
#[derive(Clone, Copy)]
struct Scale {
    from: f64,
    to: f64,
}

impl Scale {
    fn of(marks: &[&Mark]) -> Self {
        let from = marks
            .iter()
            .map(|mark| mark.at - mark.seconds)
            .fold(f64::INFINITY, f64::min);
        let to = marks
            .iter()
            .map(|mark| mark.end.unwrap_or(mark.at))
            .fold(f64::NEG_INFINITY, f64::max);
        let room = ((to - from) * 0.03).max(0.5);
        Self {
            from: from - room,
            to: to + room,
        }
    }

    fn x(self, at: f64) -> f64 {
        let part = (at - self.from) / (self.to - self.from);
        let x = LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
        round(x)
    }

    /// Round numbers along the axis.
    fn steps(self) -> Vec<f64> {
        let rough = (self.to - self.from) / 8.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = step
            .into_iter()
            .find(|&step| step >= rough)
            .unwrap_or(rough);
        let first = (self.from / step).ceil();
        let count = ((self.to / step).floor() - first).clamp(0.0, 20.0) as u32;
        (0..=count)
            .map(|number| (first + f64::from(number)) * step)
            .collect()
    }
}

/// One boot's part, and its height.
fn panel(title: &str, marks: &[&Mark]) -> (Group, f64) {
    let mut lanes: Vec<&Lane> = marks.iter().flat_map(|mark| &mark.lanes).collect();
    lanes.sort();
    lanes.dedup();
    let more = lanes.len().saturating_sub(MAX_LANES);
    lanes.truncate(MAX_LANES);
    let scale = Scale::of(marks);
    let bottom = TOP + LANE * lanes.len() as f64;
    let mut group = Group::new()
        .add(label(12.0, 22.0, title, "title", "start"))
        .add(legend(marks));
    let first = scale.steps().first().copied().unwrap_or_default();
    let of_day = marks.iter().any(|mark| mark.timed) && first > 1e8;
    for at in scale.steps() {
        let x = scale.x(at);
        group = group
            .add(
                Line::new()
                    .set("x1", x)
                    .set("x2", x)
                    .set("y1", TOP)
                    .set("y2", bottom)
                    .set("class", "grid"),
            )
            .add(label(
                x,
                bottom + 16.0,
                &axis_label(at, of_day),
                "faint",
                "middle",
            ));
    }
    let unit = match (marks.iter().any(|mark| mark.timed), of_day) {
        (false, _) => "line",
        (true, true) => "time of day",
        (true, false) => "seconds since boot",
    };
    group = group.add(label(WIDTH - RIGHT, 22.0, unit, "faint", "end"));
    for (number, lane) in lanes.iter().enumerate() {
        let y = TOP + LANE * (number as f64 + 0.5);
        let line = Line::new()
            .set("x1", LEFT)
            .set("x2", WIDTH - RIGHT)
            .set("y1", y)
            .set("y2", y);
        group = group
            .add(label(
                LEFT - 10.0,
                y + 4.0,
                &short(&lane.to_string()),
                "",
                "end",
            ))
            .add(line.set("class", "lane"));
        for mark in marks.iter().filter(|mark| mark.lanes.contains(lane)) {
            group = group.add(drawn(mark, scale, y));
        }
    }
    if more > 0 {
        let text = format!("{more} more CPUs and tasks are left out");
        group = group.add(label(LEFT, bottom + 30.0, &text, "faint", "start"));
    }
    (group, bottom + AXIS)
}

/// A bar for how long it went on, as far as that is known, a point for the report, and a line where it ended.
fn drawn(mark: &Mark, scale: Scale, y: f64) -> Group {
    let (start, at) = (scale.x(mark.at - mark.seconds), scale.x(mark.at));
    let end = mark.end.map_or(at, |end| scale.x(end));
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
        // Beside the point, if it is at the same place.
        group = group.add(end_line(end.max(at + 8.0), y));
    }
    group
}

fn point(x: f64, y: f64) -> Circle {
    Circle::new().set("cx", x).set("cy", y).set("r", 5)
}

fn end_line(x: f64, y: f64) -> Line {
    Line::new()
        .set("x1", x)
        .set("x2", x)
        .set("y1", y - 9.0)
        .set("y2", y + 9.0)
        .set("class", "end")
}

/// What the colours and marks mean, of those that are there.
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
        let text = label(x + 10.0, LEGEND, "its end", "faint", "start");
        group = group.add(end_line(x, LEGEND - 4.0)).add(text);
    }
    group
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn label(x: f64, y: f64, text: &str, class: &str, anchor: &str) -> Text {
    Text::new(text)
        .set("x", x)
        .set("y", y)
        .set("class", class)
        .set("text-anchor", anchor)
}

fn axis_label(at: f64, of_day: bool) -> String {
    if of_day {
        let second = at.rem_euclid(86_400.0) as u64;
        return format!(
            "{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        );
    }
    let text = format!("{at:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn short(name: &str) -> String {
    match name.char_indices().nth(30) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or(name)),
        None => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::decode;

    fn drawn(log: &str) -> String {
        let mut timeline = Timeline::new();
        for event in decode(log) {
            timeline.add(&event);
        }
        timeline.svg()
    }

    #[test]
    fn lanes_bars_and_reports() {
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
        // Two reports, and the two colours' meaning.
        assert_eq!(svg.matches("<circle").count(), 4);
        // The stall began 21 s before its report, and the axis with it.
        let scale = Scale {
            from: 78.0,
            to: 131.0,
        };
        assert!(scale.x(79.0) < scale.x(100.0) && scale.x(200.0) <= WIDTH);
    }

    #[test]
    fn a_stall_that_ended_is_drawn_to_its_end() {
        let svg = drawn(
            "[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             [  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3\n\
             [  100.000002] rcu: \t(t=5250 jiffies g=289 q=2)\n\
             [  110.000000] rust_rcu_demo: stall: end cpu_preempt_off after 31000 ms: ended\n",
        );
        let scale = Scale {
            from: 100.0 - 21.0 - 0.93,
            to: 110.93,
        };
        assert!(
            svg.contains("class=\"end\"") && svg.contains("its end"),
            "{svg}"
        );
        assert!(svg.contains(&format!("x1=\"{}\"", scale.x(110.0))), "{svg}");
        assert!(
            svg.contains(&format!("cx=\"{}\"", scale.x(100.0))),
            "the report is where it was: {svg}"
        );
    }

    #[test]
    fn boots_are_drawn_apart() {
        let log = "[  100.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:57]\n";
        let svg = drawn(&format!(
            "{log}[    0.000000] Linux version 6.18.15 (x@y)\n{log}"
        ));
        assert!(svg.contains("Boot 1") && svg.contains("Boot 2"), "{svg}");
    }

    #[test]
    fn an_empty_log_has_a_picture_too() {
        assert!(drawn("").contains("Nothing was reported."));
    }

    #[test]
    fn times_of_day_and_no_times() {
        let line = "kernel: watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:57]\n";
        assert!(drawn(&format!("2026-11-21T10:00:00+00:00 host {line}")).contains("10:00:00"));
        assert!(drawn(line).contains(">\nline\n") || drawn(line).contains(">line<"));
    }
}
