// SPDX-License-Identifier: GPL-2.0

//! Follows what RCU does on each CPU, to say how a CPU reached a quiescent state.

use std::collections::HashMap;

use serde::Serialize;

use super::event::Event;
use super::record::Record;

/// How a CPU reached a quiescent state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    ContextSwitch,
    /// The tick interrupted code outside a critical section.
    Tick,
    /// The tick interrupted the idle loop.
    IdleTick,
    /// The grace-period kthread found the CPU idle or in user mode.
    Extended,
    /// The end of a critical section that RCU asked to report it, ksoftirqd, `cond_resched()`
    /// without `PREEMPT_RCU`, or the grace-period kthread at the start (Linux 7.3).
    Other,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ContextSwitch => "by a context switch",
            Self::Tick => "by a tick outside critical sections",
            Self::IdleTick => "by a tick in the idle loop",
            Self::Extended => "idle or in user mode, as a scan found",
            Self::Other => "outside of context switches and ticks",
        })
    }
}

/// The activities of RCU on each CPU, from [`Event::RcuUtilization`].
#[derive(Debug, Default)]
pub struct Activities(HashMap<u32, Vec<String>>);

impl Activities {
    pub fn add(&mut self, record: &Record) {
        let Event::RcuUtilization { what } = &record.event else {
            return;
        };
        let of_cpu = self.0.entry(record.cpu).or_default();
        if let Some(activity) = what.strip_prefix("Start ") {
            of_cpu.push(activity.to_string());
        } else if let Some(activity) = what.strip_prefix("End ") {
            // The end of an activity ends those inside, whose own end may be a lost event.
            if let Some(at) = of_cpu.iter().rposition(|open| open == activity) {
                of_cpu.truncate(at);
            }
        }
    }

    /// The cause of the quiescent state that a CPU notes now.
    pub fn cause(&self, record: &Record) -> Cause {
        let of_cpu = self.0.get(&record.cpu);
        match of_cpu.and_then(|open| open.last()).map(String::as_str) {
            Some("context switch") => Cause::ContextSwitch,
            Some("scheduler-tick") if record.pid == 0 => Cause::IdleTick,
            Some("scheduler-tick") => Cause::Tick,
            _ => Cause::Other,
        }
    }
}
