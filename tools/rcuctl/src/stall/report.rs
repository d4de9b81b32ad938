// SPDX-License-Identifier: GPL-2.0

//! The module's report of stalls: lines of a key and a value.
//!
//! ```text
//!   state running
//!   kind cpu_preempt_off              of the latest run
//!   cpu 1
//!   hold_ms 14000
//!   pid 93
//!   comm stall_reader                 none: the culprit is an interrupt or a callback
//!   seconds 3
//!   runs 5                            number of runs that have started
//!   outcome none                      ended, stopped, or failed ERRNO
//!   grace_period_ms 12                of the first grace period after the stall; - if none
//!   has cpu_preempt_off yes           unsafe, or no:CONFIG_X; these three lines for each kind
//!   hold cpu_preempt_off 7000
//!   expect cpu_preempt_off detected stall
//! ```

use serde::Serialize;

use super::JOB;
use crate::error::Result;
use crate::run::{self, parse_report, Job, State};

/// The thread that stalls RCU.
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

/// Whether this kernel supports a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Has {
    Yes,
    /// The kernel needs a reboot afterwards.
    Unsafe,
    /// The missing configuration.
    No(String),
}

/// A kind that the module knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub name: String,
    pub has: Has,
    /// The default hold.
    pub hold_ms: u32,
    /// A part of the kernel's line that reports it.
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
    /// The number of runs that have started.
    pub runs: u64,
    pub outcome: String,
    /// Of the first grace period after the stall.
    pub grace_period_ms: Option<u64>,
    #[serde(skip)]
    pub kinds: Vec<Offer>,
}

impl run::Report for Report {
    const JOB: &'static Job = &JOB;

    fn parse(text: &str) -> Result<Self> {
        let mut report = Self {
            kind: "none".to_string(),
            outcome: "none".to_string(),
            ..Self::default()
        };
        let mut pid = 0;
        (report.state, report.runs) =
            parse_report(text, |key, value| report.parse_line(key, value, &mut pid))?;
        Ok(report)
    }

    fn state(&self) -> State {
        self.state
    }

    fn runs(&self) -> u64 {
        self.runs
    }
}

impl Report {
    /// Parses a line; `None` if the key cannot have the value. Ignores unknown keys.
    fn parse_line(&mut self, key: &str, value: &str, pid: &mut u32) -> Option<()> {
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

    /// A kind, if the module knows it.
    pub fn find(&self, name: &str) -> Option<&Offer> {
        self.kinds.iter().find(|offer| offer.name == name)
    }

    /// Whether the run has ended without an error, by itself or on request.
    pub fn has_succeeded(&self) -> bool {
        self.state == State::Idle && matches!(self.outcome.as_str(), "ended" | "stopped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Report as _;

    const TEXT: &str = "state running\nkind tasks\ncpu 1\nhold_ms 24000\npid 93\ncomm stall_task\nseconds 3\nruns 5\n\
                        outcome none\ngrace_period_ms -\nnew_key 7 8\n\
                        has tasks yes\nhold tasks 12000\nexpect tasks rcu_tasks detected stalls on tasks:\n\
                        has use_after_free unsafe\nhold use_after_free 1000\nexpect use_after_free KASAN: x\n\
                        has might_sleep no:CONFIG_DEBUG_ATOMIC_SLEEP\nhold might_sleep 1000\nexpect might_sleep y";

    #[test]
    fn a_report_is_parsed() {
        let report = Report::parse(TEXT).expect("a report");
        assert_eq!(report.state, State::Running);
        assert_eq!((report.cpu, report.hold_ms), (1, 24000));
        assert_eq!((report.seconds, report.runs), (3, 5));
        let culprit = report.culprit.as_ref().expect("a thread");
        assert_eq!(culprit.to_string(), "stall_task (pid 93)");
        assert_eq!(report.grace_period_ms, None);
        assert!(!report.has_succeeded());
    }

    #[test]
    fn kinds_have_their_support_hold_and_expected_line() {
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
    fn comm_none_is_no_culprit_thread() {
        let report =
            Report::parse("state idle\npid 0\ncomm none\noutcome stopped\ngrace_period_ms 12")
                .expect("a report");
        assert_eq!(report.culprit, None);
        assert_eq!(report.grace_period_ms, Some(12));
        assert!(report.has_succeeded());
    }

    #[test]
    fn a_failed_run_has_not_succeeded() {
        let report = Report::parse("state idle\noutcome failed ENOMEM").expect("a report");
        assert!(!report.has_succeeded());
    }

    #[test]
    fn malformed_reports_are_errors() {
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
