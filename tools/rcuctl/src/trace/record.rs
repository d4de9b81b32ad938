// SPDX-License-Identifier: GPL-2.0

//! A line of `trace_pipe`: time, CPU and task of an event.

use serde::Serialize;

use super::event::Event;

/// An event with its place and time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// Microseconds since boot.
    pub us: u64,
    pub cpu: u32,
    /// The task of the CPU. An interrupt during the task may cause the event.
    pub task: String,
    pub pid: u32,
    #[serde(flatten)]
    pub event: Event,
}

/// The content of a line.
#[derive(Debug, PartialEq)]
pub enum Line {
    Record(Record),
    /// The kernel overwrote this many events of a CPU before they were read.
    Lost {
        cpu: u32,
        events: u64,
    },
    /// A comment, or text without an event.
    Ignored,
}

impl Line {
    /// Parses a line of `trace_pipe`. Replaces control characters: each task chooses its own name,
    /// which must not control the terminal.
    pub fn parse(line: &str) -> Self {
        let line = line.trim_end().replace(char::is_control, "?");
        lost(&line)
            .or_else(|| record(&line).map(Self::Record))
            .unwrap_or(Self::Ignored)
    }
}

/// Parses `CPU:1 [LOST 123 EVENTS]`. The kernel omits the number if it does not know it.
fn lost(line: &str) -> Option<Line> {
    let (cpu, rest) = line.trim().strip_prefix("CPU:")?.split_once(" [LOST ")?;
    let events = rest.split_once(" EVENTS]").map(|(number, _)| number);
    Some(Line::Lost {
        cpu: cpu.parse().ok()?,
        events: events.and_then(|number| number.parse().ok()).unwrap_or(1),
    })
}

/// Parses `TASK-PID [CPU] FLAGS SECONDS.MICROSECONDS: EVENT: TEXT`.
fn record(line: &str) -> Option<Record> {
    let (task, cpu, rest) = split_at_cpu(line)?;
    let (task, pid) = task.trim().rsplit_once('-')?;
    let (place, rest) = rest.split_once(": ")?;
    let (seconds, micros) = place.split_whitespace().last()?.split_once('.')?;
    let micros: u64 = micros.parse().ok().filter(|_| micros.len() == 6)?;
    Some(Record {
        us: u64::from(seconds.parse::<u32>().ok()?) * 1_000_000 + micros,
        cpu,
        task: task.trim().to_string(),
        pid: pid.parse().ok()?,
        event: event(rest)?,
    })
}

/// Parses `EVENT: TEXT`, or `FUNCTION <-CALLER` of the function tracer.
fn event(text: &str) -> Option<Event> {
    if let Some((name, _)) = text.split_once(" <-") {
        let name = name.to_string();
        return Some(Event::Function { name });
    }
    let (name, text) = text.split_once(':')?;
    Some(Event::parse(name, text.trim()))
}

/// Splits a line at `[001]`, at least three digits, because a task's name may contain brackets.
fn split_at_cpu(line: &str) -> Option<(&str, u32, &str)> {
    for (at, _) in line.match_indices(" [") {
        let rest = &line[at + 2..];
        let Some((digits, rest)) = rest.split_once("] ") else {
            continue;
        };
        if digits.len() >= 3 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some((&line[..at], digits.parse().ok()?, rest));
        }
    }
    None
}
