// SPDX-License-Identifier: GPL-2.0

//! What the module says of its stalls: lines of a key and a value.
//!
//! ```text
//!   state running
//!   kind cpu_preempt_off              of the run that goes on, or of the last
//!   cpu 1
//!   hold_ms 14000
//!   pid 93
//!   comm stall_reader                 none: an interrupt or a callback
//!   seconds 3
//!   runs 5                            how many have begun
//!   outcome none                      ended, stopped, or failed ERRNO
//!   grace_period_ms 12                what one took when the culprit had ended; - or nothing before
//!   has cpu_preempt_off yes           unsafe, or no:CONFIG_X; and so on for each kind
//!   hold cpu_preempt_off 7000
//!   expect cpu_preempt_off detected stall
//! ```

use serde::Serialize;

use super::STALL;
use crate::error::Result;
use crate::parameters::Parameters;
use crate::run::{parse_report, State};

/// The thread that is to blame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Culprit {
    pub pid: u32,
    pub comm: String,
}

impl std::fmt::Display for Culprit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (pid {})", self.comm, self.pid)
    }
}

/// Whether this kernel has a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Has {
    Yes,
    /// It leaves the kernel unfit.
    Unsafe,
    /// The configuration that is missing.
    No(String),
}

/// A kind as the module has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub name: String,
    pub has: Has,
    /// Milliseconds that it takes.
    pub hold_ms: u32,
    /// A part of the line by which the kernel tells of it.
    pub expects: String,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub state: State,
    pub kind: String,
    pub cpu: u32,
    pub hold_ms: u32,
    pub culprit: Option<Culprit>,
    pub seconds: u64,
    /// How many have begun.
    pub runs: u64,
    pub outcome: String,
    /// What a grace period took when the culprit had ended.
    pub grace_period_ms: Option<u64>,
    #[serde(skip)]
    pub kinds: Vec<Offer>,
}

impl Report {
    pub fn read(parameters: &impl Parameters) -> Result<Self> {
        Self::parse(&parameters.read(STALL)?)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut report = Self {
            kind: "none".to_string(),
            outcome: "none".to_string(),
            ..Self::default()
        };
        let mut pid = 0;
        (report.state, report.runs) =
            parse_report(text, |key, value| report.take(key, value, &mut pid))?;
        Ok(report)
    }

    /// Takes one line; `None` if the value is not what the key wants. Keys that are not known are for others.
    fn take(&mut self, key: &str, value: &str, pid: &mut u32) -> Option<()> {
        match key {
            "kind" => self.kind = value.to_string(),
            "cpu" => self.cpu = value.parse().ok()?,
            "hold_ms" => self.hold_ms = value.parse().ok()?,
            "pid" => *pid = value.parse().ok()?,
            "comm" => {
                self.culprit = (value != "none").then(|| Culprit {
                    pid: *pid,
                    comm: value.to_string(),
                });
            }
            "seconds" => self.seconds = value.parse().ok()?,
            "outcome" => self.outcome = value.to_string(),
            "grace_period_ms" if value != "-" => self.grace_period_ms = Some(value.parse().ok()?),
            "has" => {
                let (kind, has) = value.split_once(' ')?;
                self.offer(kind).has = match has {
                    "yes" => Has::Yes,
                    "unsafe" => Has::Unsafe,
                    no => Has::No(no.strip_prefix("no:")?.to_string()),
                };
            }
            "hold" => {
                let (kind, ms) = value.split_once(' ')?;
                self.offer(kind).hold_ms = ms.parse().ok()?;
            }
            "expect" => {
                let (kind, text) = value.split_once(' ')?;
                self.offer(kind).expects = text.to_string();
            }
            _ => {}
        }
        Some(())
    }

    fn offer(&mut self, name: &str) -> &mut Offer {
        let known = self.kinds.iter().position(|offer| offer.name == name);
        let at = known.unwrap_or(self.kinds.len());
        if known.is_none() {
            self.kinds.push(Offer {
                name: name.to_string(),
                has: Has::Yes,
                hold_ms: 0,
                expects: String::new(),
            });
        }
        &mut self.kinds[at]
    }

    /// A kind, if the module has heard of it.
    pub fn find(&self, name: &str) -> Option<&Offer> {
        self.kinds.iter().find(|offer| offer.name == name)
    }

    /// Whether it came to its end, by itself or because it was told to.
    pub fn came_to_its_end(&self) -> bool {
        self.state == State::Idle && matches!(self.outcome.as_str(), "ended" | "stopped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "state running\nkind tasks\ncpu 1\nhold_ms 24000\npid 93\ncomm stall_task\nseconds 3\nruns 5\n\
                        outcome none\ngrace_period_ms -\nnew_key 7 8\n\
                        has tasks yes\nhold tasks 12000\nexpect tasks rcu_tasks detected stalls on tasks:\n\
                        has use_after_free unsafe\nhold use_after_free 1000\nexpect use_after_free KASAN: x\n\
                        has might_sleep no:CONFIG_DEBUG_ATOMIC_SLEEP\nhold might_sleep 1000\nexpect might_sleep y";

    #[test]
    fn a_report_is_understood() {
        let report = Report::parse(TEXT).expect("a report");
        assert_eq!(report.state, State::Running);
        assert_eq!((report.cpu, report.hold_ms), (1, 24000));
        assert_eq!((report.seconds, report.runs), (3, 5));
        let culprit = report.culprit.as_ref().expect("a thread");
        assert_eq!(culprit.to_string(), "stall_task (pid 93)");
        assert_eq!(report.grace_period_ms, None);
        assert!(!report.came_to_its_end());
    }

    #[test]
    fn kinds_have_what_they_need() {
        let report = Report::parse(TEXT).expect("a report");
        let tasks = report.find("tasks").expect("a kind");
        assert_eq!(tasks.has, Has::Yes);
        assert_eq!(tasks.hold_ms, 12000);
        assert_eq!(tasks.expects, "rcu_tasks detected stalls on tasks:");
        assert_eq!(
            report.find("use_after_free").map(|offer| &offer.has),
            Some(&Has::Unsafe)
        );
        assert_eq!(
            report.find("might_sleep").map(|offer| &offer.has),
            Some(&Has::No("CONFIG_DEBUG_ATOMIC_SLEEP".to_string()))
        );
        assert!(report.find("frozen_vm").is_none());
    }

    #[test]
    fn an_interrupt_is_no_thread() {
        let report =
            Report::parse("state idle\npid 0\ncomm none\noutcome stopped\ngrace_period_ms 12")
                .expect("a report");
        assert_eq!(report.culprit, None);
        assert_eq!(report.grace_period_ms, Some(12));
        assert!(report.came_to_its_end());
    }

    #[test]
    fn a_failure_is_no_end() {
        let report = Report::parse("state idle\noutcome failed ENOMEM").expect("a report");
        assert!(!report.came_to_its_end());
    }

    #[test]
    fn what_is_no_report_is_an_error() {
        for text in [
            "",
            "1",
            "cpu 1",
            "state asleep",
            "state idle\ncpu one",
            "state idle\nhas tasks maybe",
            "state idle\nhold tasks",
            "state idle\nexpect tasks",
        ] {
            assert!(Report::parse(text).is_err(), "{text:?}");
        }
    }
}
