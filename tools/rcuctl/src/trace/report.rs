// SPDX-License-Identifier: GPL-2.0

//! One grace period as text: a table of its CPUs and tasks, and its events in order.

use super::cause::Cause;
use super::event::Event;
use super::grace_period::{counter, counter_with_end, GracePeriod};
use super::record::Record;
use super::style::Style;
use super::words;

/// Formats a grace period. `records` are those of the whole run.
pub fn text(period: &GracePeriod, records: &[Record], style: Style) -> String {
    let mut text = heading(period, style);
    text.push_str(&cpus(period));
    text.push_str(&tasks(period));
    text.push_str("\nEvents, in ms after the start:\n");
    for record in records.iter().filter(|record| concerns(record, period)) {
        text.push_str(&event_line(record, period, style));
    }
    text
}

fn ms_after(start_us: u64, us: u64) -> f64 {
    (us as f64 - start_us as f64) / 1000.0
}

fn heading(period: &GracePeriod, style: Style) -> String {
    let duration = match period.duration_us() {
        Some(us) => format!("{:.3} ms", us as f64 / 1000.0),
        None => "not ended".to_string(),
    };
    let request = match &period.requested {
        Some(by) => format!(
            ", requested {:.3} ms before by {} (pid {}) on CPU {}",
            -ms_after(period.started.us, by.us),
            by.task,
            by.pid,
            by.cpu
        ),
        None => String::new(),
    };
    let heading = format!("Grace period {}: {duration}{request}", period.gp_seq);
    let nodes = period.waits.len();
    format!(
        "{}\nTree: {nodes} node{}\n\n",
        style.heading(&heading),
        if nodes == 1 { "" } else { "s" }
    )
}

/// The table of CPUs.
fn cpus(period: &GracePeriod) -> String {
    let start = period.started.us;
    let at = |us: Option<u64>| match us {
        Some(us) => format!("{:.3}", ms_after(start, us)),
        None => "-".to_string(),
    };
    let mut text =
        "CPU  noticed  quiescent  reported  how (times in ms after the start)\n".to_string();
    for (cpu, part) in &period.cpus {
        text.push_str(&format!(
            "{cpu:>3}  {:>7}  {:>9}  {:>8}  {}\n",
            at(part.noticed_us),
            at(part.quiescent_us),
            at(part.reported_us),
            part.cause.map_or_else(
                || unknown_cause(period, *cpu),
                |cause: Cause| cause.to_string()
            ),
        ));
    }
    text
}

fn unknown_cause(period: &GracePeriod, cpu: u32) -> String {
    match period.waits_for(cpu) {
        true => "not recorded".to_string(),
        false => "the grace period did not wait for it".to_string(),
    }
}

/// A sentence for each task that lost its CPU inside a critical section.
fn tasks(period: &GracePeriod) -> String {
    let start = period.started.us;
    let mut text = String::new();
    for task in &period.blocked {
        let until = match task.until_us {
            Some(us) => format!("until {:.3} ms", ms_after(start, us)),
            None => "beyond the end of the trace".to_string(),
        };
        text.push_str(&format!(
            "Task {} (pid {}) was blocked in a critical section from {:.3} ms {until}.\n",
            task.task,
            task.pid,
            ms_after(start, task.from_us)
        ));
    }
    text
}

/// Whether an event belongs to the grace period.
pub fn concerns(record: &Record, period: &GracePeriod) -> bool {
    let own = counter(period.gp_seq);
    let is_within = record.us >= period.started.us
        && period.ended.as_ref().is_none_or(|end| record.us <= end.us);
    // Later events belong to another grace period.
    let late_us = period.ended.as_ref().map_or(u64::MAX, |end| {
        (2 * end.us).saturating_sub(period.started.us)
    });
    match &record.event {
        Event::RcuGracePeriod { gp_seq, what } => match what.as_str() {
            "newreq" => period
                .requested
                .as_ref()
                .is_some_and(|by| by.us == record.us),
            "AccWaitCB" | "AccReadyCB" => counter_with_end(*gp_seq) == own,
            "fqswait" | "reqwait" => false,
            "fqsstart" | "fqsend" | "cpuqs" => is_within,
            _ => counter(*gp_seq) == own,
        },
        Event::RcuGracePeriodInit { .. }
        | Event::RcuQuiescentStateReport { .. }
        | Event::RcuFqs { .. }
        | Event::RcuPreemptTask { .. }
        | Event::RcuUnlockPreemptedTask { .. }
        | Event::RcuStallWarning { .. } => is_within,
        Event::RcuSrNormal { .. } => record.us <= late_us,
        Event::RcuBatchStart { .. } | Event::RcuBatchEnd { .. } => {
            record.us > period.started.us && record.us <= late_us
        }
        _ => false,
    }
}

fn event_line(record: &Record, period: &GracePeriod, style: Style) -> String {
    let (topic, words) = words::describe(record, period.leaf_level());
    let words = match &record.event {
        Event::RcuGracePeriod { what, .. } if what == "cpuqs" => with_cause(words, record, period),
        _ => words,
    };
    format!(
        "{:>9.3}  CPU {:<3} {:<16} {}\n",
        ms_after(period.started.us, record.us),
        record.cpu,
        record.task,
        style.words(topic, &words)
    )
}

/// Adds the cause to the first quiescent state of a CPU.
fn with_cause(words: String, record: &Record, period: &GracePeriod) -> String {
    let part = period.cpus.get(&record.cpu);
    match part
        .filter(|part| part.quiescent_us == Some(record.us))
        .and_then(|part| part.cause)
    {
        Some(cause) => format!("{words}, {cause}"),
        None => words,
    }
}
