// SPDX-License-Identifier: GPL-2.0

//! The kernel's RCU tracepoints (`include/trace/events/rcu.h`), parsed from the text of
//! `trace_pipe`.

use rustc_demangle::demangle;
use serde::Serialize;

/// An `rcu_node`: its level in the tree, where 0 is the root, and the CPUs below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Node {
    pub level: u32,
    pub first_cpu: u32,
    pub last_cpu: u32,
}

/// The segments of a CPU's callback list, in the order of [`Event::RcuSegcbStats`].
pub const SEGMENTS: [&str; 4] = ["DONE", "WAIT", "NEXT_READY", "NEXT"];

/// An event of RCU. `what` is the kernel's word for it, such as `newreq`.
///
/// A kernel prints the numbers of normal grace periods as signed integers. They begin below zero,
/// so that they pass zero soon after boot.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    RcuGracePeriod {
        gp_seq: i64,
        what: String,
    },
    RcuFutureGracePeriod {
        gp_seq: i64,
        wanted: i64,
        node: Node,
        what: String,
    },
    RcuGracePeriodInit {
        gp_seq: i64,
        node: Node,
        /// The CPUs or nodes that the grace period waits for; bit 0 is the first one below `node`.
        mask: u64,
    },
    RcuQuiescentStateReport {
        gp_seq: i64,
        /// The CPUs or nodes that report.
        mask: u64,
        /// The CPUs or nodes that have not reported yet.
        left: u64,
        node: Node,
        /// Whether blocked tasks of the node delay the grace period.
        has_tasks: bool,
    },
    RcuFqs {
        gp_seq: i64,
        of_cpu: u32,
        what: String,
    },
    RcuPreemptTask {
        gp_seq: i64,
        reader: u32,
    },
    RcuUnlockPreemptedTask {
        gp_seq: i64,
        reader: u32,
        /// Whether the critical section continues, and the grace period begins with this task on
        /// its list.
        at_start: bool,
    },
    RcuExpGracePeriod {
        exp_seq: i64,
        what: String,
    },
    RcuExpFunnelLock {
        node: Node,
        what: String,
    },
    RcuSrNormal {
        what: String,
    },
    RcuCallback {
        head: String,
        function: String,
        queued: i64,
    },
    RcuSegcbStats {
        what: String,
        lengths: [i64; 4],
        gp_seqs: [i64; 4],
    },
    RcuBatchStart {
        queued: i64,
        limit: i64,
    },
    RcuInvokeCallback {
        head: String,
        function: String,
    },
    RcuBatchEnd {
        invoked: i64,
    },
    RcuBarrier {
        what: String,
        of_cpu: i64,
        remaining: i64,
    },
    RcuNocbWake {
        of_cpu: u32,
        what: String,
    },
    RcuWatching {
        what: String,
    },
    RcuUtilization {
        what: String,
    },
    RcuStallWarning {
        what: String,
    },
    /// A call of a function of RCU.
    Function {
        name: String,
    },
    /// An event without a parser, or with an unknown text.
    Other {
        name: String,
        text: String,
    },
}

impl Event {
    /// Parses an event from its name and text.
    pub fn parse(name: &str, text: &str) -> Self {
        known(name, text).unwrap_or_else(|| Self::Other {
            name: name.to_string(),
            text: text.to_string(),
        })
    }
}

/// Splits a text at blanks and parses its words one by one.
struct Words<'a>(std::str::SplitWhitespace<'a>);

impl<'a> Words<'a> {
    /// Skips the name of the flavour, the first word of most events.
    fn after_flavour(text: &'a str) -> Option<Self> {
        let mut words = text.split_whitespace();
        words.next()?;
        Some(Self(words))
    }

    fn word(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.word()?.parse().ok()
    }

    fn after<T: std::str::FromStr>(&mut self, prefix: &str) -> Option<T> {
        self.word()?.strip_prefix(prefix)?.parse().ok()
    }

    fn node(&mut self) -> Option<Node> {
        Some(Node {
            level: self.number()?,
            first_cpu: self.number()?,
            last_cpu: self.number()?,
        })
    }

    fn rest(self) -> String {
        self.0.collect::<Vec<_>>().join(" ")
    }
}

fn known(name: &str, text: &str) -> Option<Event> {
    if let Some(event) = without_flavour(name, text) {
        return Some(event);
    }
    let mut words = Words::after_flavour(text)?;
    Some(match name {
        "rcu_grace_period" => Event::RcuGracePeriod {
            gp_seq: words.number()?,
            what: words.rest(),
        },
        "rcu_future_grace_period" => Event::RcuFutureGracePeriod {
            gp_seq: words.number()?,
            wanted: words.number()?,
            node: words.node()?,
            what: words.rest(),
        },
        "rcu_grace_period_init" => Event::RcuGracePeriodInit {
            gp_seq: words.number()?,
            node: words.node()?,
            mask: hex(words.word()?)?,
        },
        "rcu_quiescent_state_report" => report(words)?,
        "rcu_fqs" => Event::RcuFqs {
            gp_seq: words.number()?,
            of_cpu: words.number()?,
            what: words.rest(),
        },
        "rcu_preempt_task" => Event::RcuPreemptTask {
            gp_seq: words.number()?,
            reader: words.number()?,
        },
        "rcu_unlock_preempted_task" => Event::RcuUnlockPreemptedTask {
            gp_seq: words.number()?,
            reader: words.number()?,
            at_start: text.split_whitespace().next()?.ends_with("-GPS"),
        },
        "rcu_exp_grace_period" => Event::RcuExpGracePeriod {
            exp_seq: hex(words.word()?)? as i64,
            what: words.rest(),
        },
        "rcu_exp_funnel_lock" => Event::RcuExpFunnelLock {
            node: words.node()?,
            what: words.rest(),
        },
        "rcu_nocb_wake" => Event::RcuNocbWake {
            of_cpu: words.number()?,
            what: words.rest(),
        },
        "rcu_stall_warning" => Event::RcuStallWarning { what: words.rest() },
        _ => return of_callbacks(name, words),
    })
}

/// Parses the events whose text does not begin with the name of a flavour.
fn without_flavour(name: &str, text: &str) -> Option<Event> {
    Some(match name {
        "rcu_utilization" => Event::RcuUtilization {
            what: text.to_string(),
        },
        "rcu_watching" => Event::RcuWatching {
            what: text.split_whitespace().next()?.to_string(),
        },
        "rcu_segcb_stats" => segments(text)?,
        _ => return None,
    })
}

fn report(mut words: Words<'_>) -> Option<Event> {
    let gp_seq = words.number()?;
    let (mask, left) = words.word()?.split_once('>')?;
    Some(Event::RcuQuiescentStateReport {
        gp_seq,
        mask: hex(mask)?,
        left: hex(left)?,
        node: words.node()?,
        has_tasks: words.number::<u8>()? != 0,
    })
}

/// Parses the events of callbacks and of their waiters.
fn of_callbacks(name: &str, mut words: Words<'_>) -> Option<Event> {
    Some(match name {
        "rcu_sr_normal" => {
            words.word()?;
            Event::RcuSrNormal {
                what: words.after("event=")?,
            }
        }
        "rcu_callback" => {
            let head = words.after("rhp=")?;
            let (function, queued) = function(words)?;
            Event::RcuCallback {
                head,
                function,
                queued: queued?,
            }
        }
        "rcu_invoke_callback" => {
            let head = words.after("rhp=")?;
            let (function, _) = function(words)?;
            Event::RcuInvokeCallback { head, function }
        }
        "rcu_batch_start" => Event::RcuBatchStart {
            queued: words.after("CBs=")?,
            limit: words.after("bl=")?,
        },
        "rcu_batch_end" => Event::RcuBatchEnd {
            invoked: words.after("CBs-invoked=")?,
        },
        "rcu_barrier" => barrier(words)?,
        _ => return None,
    })
}

/// Parses `func=NAME [MODULE] NUMBER`, whose module and number may be absent.
fn function(mut words: Words<'_>) -> Option<(String, Option<i64>)> {
    let symbol: String = words.after("func=")?;
    let mut function = format!("{:#}", demangle(&symbol));
    let mut number = None;
    while let Some(word) = words.word() {
        match word.parse() {
            Ok(found) => number = Some(found),
            Err(_) => function.push_str(&format!(" {word}")),
        }
    }
    Some((function, number))
}

/// Parses `WHAT cpu N remaining N # N`.
fn barrier(mut words: Words<'_>) -> Option<Event> {
    let what = words.word()?.to_string();
    words.word()?;
    let of_cpu = words.number()?;
    words.word()?;
    Some(Event::RcuBarrier {
        what,
        of_cpu,
        remaining: words.number()?,
    })
}

/// Parses `WHAT seglen: (DONE=0, WAIT=1, …) gp_seq: (DONE=0, WAIT=12, …)`.
fn segments(text: &str) -> Option<Event> {
    let (what, rest) = text.split_once(" seglen: ")?;
    let (lengths, numbers) = rest.split_once(" gp_seq: ")?;
    Some(Event::RcuSegcbStats {
        what: what.to_string(),
        lengths: by_segment(lengths)?,
        gp_seqs: by_segment(numbers)?,
    })
}

/// Parses `(DONE=0, WAIT=1, NEXT_READY=0, NEXT=2)`. The kernel prints lengths as signed and grace
/// periods as unsigned numbers.
fn by_segment(text: &str) -> Option<[i64; 4]> {
    let mut parts = text.trim_matches(['(', ')']).split(", ");
    let mut numbers = [0; 4];
    for (number, name) in numbers.iter_mut().zip(SEGMENTS) {
        let value = parts.next()?.strip_prefix(name)?.strip_prefix('=')?;
        *number = match value.parse() {
            Ok(number) => number,
            Err(_) => value.parse::<u64>().ok()? as i64,
        };
    }
    Some(numbers)
}

/// Parses a hexadecimal number, with or without `0x`.
fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}
