// SPDX-License-Identifier: GPL-2.0

//! What an event means: a sentence on what happened and who is to blame, each field with its meaning, likely
//! causes with the likeliest first, and what to do next.
//!
//! The meanings are those of the sources that print the fields; `Documentation/RCU/stallwarn.rst` lags behind
//! them (in 6.18, bit 2 of `idle=` tells whether RCU watches).

use crate::event::{CpuDetail, Event, EventKind};
use crate::incident::waits_for_grace_period;

mod fields;
mod hints;
mod others;
mod stalls;

/// Fills in everything that is for people.
pub(crate) fn explain(event: &mut Event) {
    event.summary = match event.kind {
        EventKind::RcuCpuStall | EventKind::RcuExpeditedStall | EventKind::RcuTasksStall => {
            stalls::summary(event)
        }
        EventKind::RcuKthreadStarved => stalls::starved(event),
        _ => others::summary(event),
    };
    fields::fill(event);
    let mut causes = Vec::new();
    let mut advice = Vec::new();
    match event.kind {
        EventKind::RcuCpuStall => stalls::cpu_stall(event, &mut causes, &mut advice),
        EventKind::RcuExpeditedStall => stalls::expedited(event, &mut causes, &mut advice),
        EventKind::RcuTasksStall => stalls::tasks(event, &mut causes, &mut advice),
        EventKind::RcuKthreadStarved => stalls::starved_why(event, &mut causes, &mut advice),
        _ => others::why(event, &mut causes, &mut advice),
    }
    event.causes = causes;
    event.advice = advice;
}

/// A list of causes or advice under construction.
type Lines = Vec<String>;

fn say(lines: &mut Lines, line: impl Into<String>) {
    lines.push(line.into());
}

/// `CPU 1`, `CPUs 1 and 3`
fn cpus(event: &Event) -> String {
    let numbers: Vec<_> = event.cpus.iter().map(u32::to_string).collect();
    match numbers.as_slice() {
        [] => "a CPU".to_string(),
        [one] => format!("CPU {one}"),
        many => format!("CPUs {}", and(many)),
    }
}

fn tasks(event: &Event) -> String {
    let names: Vec<_> = event
        .tasks
        .iter()
        .take(8)
        .map(ToString::to_string)
        .collect();
    match names.as_slice() {
        [] => "a task".to_string(),
        many => and(many),
    }
}

fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// ` in spin()`, if a frame tells.
fn in_function(event: &Event) -> String {
    match &event.culprit_frame {
        Some(function) => format!(" in {function}()"),
        None => String::new(),
    }
}

/// `21 s (5250 jiffies)`, `5250 jiffies`
fn how_long(event: &Event) -> Option<String> {
    let jiffies = event.t_jiffies?;
    Some(match event.seconds {
        Some(seconds) => format!("{} ({jiffies} jiffies)", duration(seconds)),
        None => format!("{jiffies} jiffies"),
    })
}

fn duration(seconds: f64) -> String {
    if seconds < 120.0 {
        return format!("{seconds} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..=7199 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// What the third part of `idle=` says: where the CPU was, as far as RCU knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whereabouts {
    Idle,
    Interrupt,
    Kernel,
    InterruptInKernel,
}

fn whereabouts(detail: &CpuDetail) -> Option<Whereabouts> {
    let idle = detail.idle.as_deref()?;
    let mut parts = idle.split('/').skip(1);
    let nesting = parts.next()?;
    let interrupts = parts.next()?;
    // Before 4.16: hexadecimal and decimal the other way round.
    let Some(interrupts) = interrupts.strip_prefix("0x") else {
        let nesting = u64::from_str_radix(nesting, 16).ok()?;
        return Some(match (nesting, interrupts) {
            (0, "0") => Whereabouts::Idle,
            (0, _) => Whereabouts::Interrupt,
            _ => Whereabouts::Kernel,
        });
    };
    let interrupts = u64::from_str_radix(interrupts, 16).ok()?;
    // A large value marks a CPU that is not idle; on 32 bits it is 0x40000000.
    let large = interrupts >= 0x4000_0000;
    let nested = interrupts & 0xffff;
    Some(match (large, nested) {
        (false, 0) if nesting == "0" => Whereabouts::Idle,
        (false, 0) => Whereabouts::Kernel,
        (false, _) => Whereabouts::Interrupt,
        (true, 0) => Whereabouts::Kernel,
        (true, _) => Whereabouts::InterruptInKernel,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_for_people() {
        assert_eq!(duration(21.0), "21 s");
        assert_eq!(duration(125.4), "2 min 5 s");
        assert_eq!(duration(7260.0), "2 h 1 min");
    }

    #[test]
    fn idle_tells_where_the_cpu_was() {
        let at = |idle: &str| {
            whereabouts(&CpuDetail {
                idle: Some(idle.to_string()),
                ..CpuDetail::default()
            })
        };
        assert_eq!(at("6a84/1/0x4000000000000000"), Some(Whereabouts::Kernel));
        assert_eq!(
            at("6a84/1/0x4000000000000002"),
            Some(Whereabouts::InterruptInKernel)
        );
        assert_eq!(at("6a84/0/0x1"), Some(Whereabouts::Interrupt));
        assert_eq!(at("6a84/0/0x0"), Some(Whereabouts::Idle));
        assert_eq!(at("f4d/140000000000001/0"), Some(Whereabouts::Kernel));
        assert_eq!(at("f4d/0/0"), Some(Whereabouts::Idle));
        assert_eq!(at("f4d"), None);
    }
}
