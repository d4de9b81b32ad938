// SPDX-License-Identifier: GPL-2.0

//! An SVG timeline: time from left to right, and a lane for each CPU, kthread and task.
//!
//! ```text
//! CPU 1          ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒●▒▒▒▒▒▒▒▒▒▒▒●     a stall since `t=` jiffies, and its reports
//! rcu_preempt            ▒▒▒▒▒▒▒▒●               a starved grace-period kthread
//! sh (57)                  ░░░░░░░░░░░░░░░░●     a hung task
//! ```

mod chart;
mod drawing;
mod scale;

use std::collections::BTreeMap;

use svg::node::element::{Description, Group, Rectangle, Style};
use svg::Document;

use crate::event::{Event, EventKind, Task};
pub use chart::{Chart, ChartLane, Span};
use drawing::{label, panel, LEFT, STYLE, WIDTH};

/// Events drawn. Further ones are counted.
const MAX_EVENTS: usize = 2000;
/// Lanes per event.
const MAX_LANES: usize = 16;

/// CSS classes and their legend.
const CLASSES: [(&str, &str); 6] = [
    ("stall", "grace period stalled"),
    ("starved", "kthread starved"),
    ("hung", "task waits"),
    ("lockup", "lockup"),
    ("misuse", "misuse"),
    ("memory", "memory"),
];

/// Collects events and draws them.
#[derive(Debug, Default)]
pub struct Timeline {
    marks: Vec<Mark>,
    left_out: usize,
}

/// An event in its lanes.
#[derive(Debug)]
struct Mark {
    boot: u64,
    line: u64,
    /// The time of the report in seconds, or its line in a log without times.
    at: f64,
    has_time: bool,
    /// Whether the log prints the time as text: of day, or since the previous line.
    has_text: bool,
    /// The age of the condition at the report, in seconds.
    age: f64,
    lanes: Vec<Lane>,
    class: &'static str,
    end: Option<f64>,
    text: String,
    incident: u64,
}

/// A lane, in drawing order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Cpu(u32),
    Kthread(String),
    Task(String),
    Unnamed,
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu(cpu) => write!(f, "CPU {cpu}"),
            Self::Kthread(name) => write!(f, "kthread {name}"),
            Self::Task(name) => f.write_str(name),
            Self::Unnamed => f.write_str("no culprit named"),
        }
    }
}

impl Timeline {
    /// A text in each drawing, by which a program recognizes its own files.
    pub const AUTHOR: &'static str = "drawn by stall-decode";

    /// Creates an empty timeline.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event. Beyond 2000 events it is only counted.
    pub fn add(&mut self, event: &Event) {
        if self.marks.len() >= MAX_EVENTS {
            self.left_out += 1;
            return;
        }
        let clock = event.time.as_ref().map(|time| time.clock);
        let time = event.time.as_ref();
        let time = time.map_or(String::new(), |time| format!("{time}, "));
        let text = format!(
            "{time}line {}: {}\n{}",
            event.line, event.kind, event.summary
        );
        self.marks.push(Mark {
            boot: event.boot,
            line: event.line,
            at: clock.unwrap_or(event.line as f64),
            has_time: clock.is_some(),
            has_text: event.time.as_ref().is_some_and(|time| time.text.is_some()),
            age: event.seconds.filter(|_| clock.is_some()).unwrap_or(0.0),
            lanes: lanes(event),
            class: class(event.kind),
            end: end(event),
            text,
            incident: event.incident,
        });
    }

    fn boots(&self) -> BTreeMap<u64, Vec<&Mark>> {
        let mut boots: BTreeMap<u64, Vec<&Mark>> = BTreeMap::new();
        for mark in &self.marks {
            boots.entry(mark.boot).or_default().push(mark);
        }
        boots
    }

    /// Draws the timeline as SVG, with a panel for each boot.
    pub fn svg(&self) -> String {
        let boots = self.boots();
        let mut y = 0.0;
        let mut panels = Vec::new();
        for (boot, marks) in &boots {
            let title = match boots.len() {
                1 => "RCU incidents".to_string(),
                _ => format!("Boot {boot}"),
            };
            let (panel, height) = panel(&title, marks);
            panels.push(panel.set("transform", format!("translate(0 {y})")));
            y += height;
        }
        let mut note = |y: f64, text: &str, class| {
            panels.push(Group::new().add(label(LEFT, y, text, class, "start")));
        };
        if boots.is_empty() {
            note(24.0, "Nothing was reported.", "title");
            y = 40.0;
        }
        if self.left_out > 0 {
            let text = format!("{} more events are left out", self.left_out);
            note(y + 16.0, &text, "faint");
            y += 24.0;
        }
        let background = Rectangle::new()
            .set("width", "100%")
            .set("height", "100%")
            .set("fill", "white");
        let document = Document::new()
            .set("viewBox", (0.0, 0.0, WIDTH, y))
            .set("width", WIDTH)
            .set("height", y)
            .add(Description::new().add(svg::node::Text::new(Self::AUTHOR)))
            .add(Style::new(STYLE))
            .add(background);
        panels.into_iter().fold(document, Document::add).to_string()
    }
}

/// Returns the time at which, by the log, the condition ended.
fn end(event: &Event) -> Option<f64> {
    let time = event.time.as_ref().map(|time| time.clock)?;
    // Misuse has no duration.
    if matches!(class(event.kind), "misuse" | "memory") {
        return None;
    }
    match &event.ended_at {
        Some(end) => Some(end.clock.max(time)),
        None => event.ended.then_some(time),
    }
}

fn lanes(event: &Event) -> Vec<Lane> {
    let of_task = |task: &Task| Lane::Task(task.to_string());
    let of_cpus = || event.cpus.iter().map(|&cpu| Lane::Cpu(cpu));
    let mut lanes: Vec<Lane> = match event.kind {
        EventKind::RcuKthreadStarved => {
            let name = event.flavor.clone().unwrap_or_else(|| "rcu".to_string());
            vec![Lane::Kthread(name)]
        }
        EventKind::HungTask | EventKind::RcuTasksStall | EventKind::VoluntaryContextSwitch => {
            event.tasks.iter().map(of_task).collect()
        }
        EventKind::RcuCpuStall | EventKind::RcuExpeditedStall => {
            let is_blocked = |task: &&Task| task.nesting.is_some() || event.cpus.is_empty();
            let blocked = event.tasks.iter().filter(is_blocked);
            of_cpus().chain(blocked.map(of_task)).collect()
        }
        _ => of_cpus().collect(),
    };
    if lanes.is_empty() {
        lanes.push(Lane::Unnamed);
    }
    lanes.truncate(MAX_LANES);
    lanes
}

/// Returns the CSS class of a kind.
fn class(kind: EventKind) -> &'static str {
    match kind {
        EventKind::RcuCpuStall | EventKind::RcuExpeditedStall | EventKind::RcuTasksStall => "stall",
        EventKind::RcuKthreadStarved => "starved",
        EventKind::HungTask => "hung",
        EventKind::SoftLockup
        | EventKind::HardLockup
        | EventKind::WorkqueueLockup
        | EventKind::CsdLock => "lockup",
        EventKind::PageAllocationFailure | EventKind::Oom => "memory",
        _ => "misuse",
    }
}
