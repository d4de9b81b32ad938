// SPDX-License-Identifier: GPL-2.0

//! `stall`: provokes RCU stalls and misuse of RCU, and decodes and explains the kernel's reports.
//!
//! ```text
//!   cpus      ──► this program leaves the CPU that stalls
//!   timeouts  ──► rcu_cpu_stall_timeout …               shorter
//!   run       ──► stall_hold_ms …, stall = KIND         and the previous values, once the stall has started
//!   observer  ◄── /dev/kmsg                             the kernel's report, decoded
//!   run       ──► stall = none                          once the report is complete
//!   run       ◄── stall                                 until the state is idle and a grace period has ended
//!   timeouts  ──► the previous values
//!   verdict ──► summary, or document                    and the exit status
//! ```
//!
//! After any error the stall is stopped, and the settings are restored. If rcuctl is killed, the next
//! rcuctl that runs or stops a job restores them.

pub mod cpus;
mod document;
mod error;
mod explain;
#[cfg(test)]
mod fake;
mod kinds;
mod list;
mod live;
mod observer;
mod oom_target;
mod options;
mod page;
mod report;
mod run;
mod summary;
mod timeouts;
mod verdict;

use std::io::Write;

use document::Document;
use live::Live;
use options::{RunOptions, StallCommand};
use report::Report;
use run::{Outcome, StallPace};
use verdict::Verdict;

pub use error::StallError;
pub use options::Stall;

#[cfg(test)]
pub use fake::Fake;

use crate::decode::Style;
use crate::error::{Result, Status};
use crate::interrupt::Interrupts;
use crate::journal;
use crate::kmsg;
use crate::output::Output;
use crate::parameters::{Folder, Parameters};
use crate::run::{stop_active, Job, Pace};

const JOB: Job = Job {
    noun: "stall",
    parameter: "stall",
    stop: "none",
    commands: "`rcuctl stall stop` stops it",
};

/// Whether a stall is active; false without the module.
pub fn is_active(parameters: &impl Parameters) -> Result<bool> {
    crate::run::is_active(parameters, &JOB)
}

impl Stall {
    /// Whether the command needs the module.
    pub fn needs_module(&self) -> bool {
        !matches!(self.command, StallCommand::Explain { .. })
    }
}

pub fn stall(options: &Stall, out: &mut Output<impl Write>) -> Result<Status> {
    let folder = Folder::new(&options.parameters);
    match &options.command {
        StallCommand::List => list::list(&folder, out),
        StallCommand::Run(options) => run(&journal::open_for(&JOB, &folder)?, options, out),
        StallCommand::Explain { kind } => explain::explain(kind.as_deref(), out),
        StallCommand::Stop => {
            let stopped = stop(&folder, StallPace::default().run, out);
            journal::recover(&folder).and(stopped)
        }
    }
}

fn run(
    parameters: &impl Parameters,
    options: &RunOptions,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    // The thread that reads the log inherits the CPUs of this one.
    let cpus = cpus::select(parameters, options.cpu)?;
    cpus.move_caller()?;
    let moved = cpus.move_gp_kthread(parameters)?;
    let log = kmsg::follow(kmsg::open(&options.log, false)?);
    let mut interrupts = Interrupts::from_signals()?;
    let mut live = Live::new(out.json());
    let pace = StallPace::default();
    let mut outcome = run::run(parameters, log, options, pace, &mut interrupts, &mut live)?;
    if let Err(error) = moved.restore() {
        outcome.restore_error.get_or_insert(error.to_string());
    }
    drop(live);
    finish(&outcome, Style::for_stdout(), out)
}

fn finish(outcome: &Outcome, style: Style, out: &mut Output<impl Write>) -> Result<Status> {
    let verdict = Verdict::of(outcome);
    if out.json() {
        out.document(&Document::of(outcome, &verdict))?;
    } else {
        summary::result(outcome, &verdict, style, out)?;
    }
    Ok(match (outcome.interrupted, verdict.is_right()) {
        (true, _) if verdict.recovered.is_ok() => Status::Interrupted,
        (false, true) => Status::Done,
        _ => Status::Refused,
    })
}

fn stop(parameters: &impl Parameters, pace: Pace, out: &mut Output<impl Write>) -> Result<Status> {
    let (before, last) = stop_active::<Report>(parameters, pace)?;
    if out.json() {
        out.document(last.as_ref().unwrap_or(&before))?;
    } else {
        summary::stopped(last.as_ref(), out)?;
    }
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::fake::{outcome, Fake};
    use super::*;
    use crate::output::printed;

    fn json(fake: &Fake, kind: &str) -> (Status, serde_json::Value) {
        let outcome = outcome(fake, kind);
        let (status, text) = printed(true, |out| finish(&outcome, Style::plain(), out));
        (status, serde_json::from_str(&text).expect("one document"))
    }

    #[test]
    fn json_is_one_document() {
        let (status, document) = json(&Fake::new(), "cpu_preempt_off");
        assert_eq!(status, Status::Done);
        for (key, value) in [
            ("kind", serde_json::json!("cpu_preempt_off")),
            ("cpu", 1.into()),
            (
                "culprit",
                serde_json::json!({"pid": 93, "comm": "stall_reader"}),
            ),
            ("expects", "detected stall".into()),
            (
                "header",
                "rcu: INFO: rcu_preempt self-detected stall on CPU".into(),
            ),
            ("seconds", 3.0.into()),
            ("named", true.into()),
            ("blamed", true.into()),
            ("recovered", true.into()),
            ("grace_period_ms", 12.into()),
            ("outcome", "stopped".into()),
            ("interrupted", false.into()),
            ("wrong", serde_json::json!([])),
        ] {
            assert_eq!(document[key], value, "{key}");
        }
        assert_eq!(document["events"][0]["kind"], "rcu-cpu-stall");
    }

    #[test]
    fn an_interrupted_run_has_status_130_unless_something_is_not_restored() {
        let mut outcome = outcome(&Fake::new().silent(1), "cpu_preempt_off");
        outcome.interrupted = true;
        let finished =
            |outcome: &Outcome| printed(false, |out| finish(outcome, Style::plain(), out));
        let (status, text) = finished(&outcome);
        assert_eq!(status, Status::Interrupted);
        assert!(
            text.ends_with("interrupted, all settings restored\n"),
            "{text}"
        );
        outcome.restore_error = Some("a time-out".to_string());
        let (status, text) = finished(&outcome);
        assert_eq!(status, Status::Refused);
        assert!(!text.contains("all settings restored"), "{text}");
    }

    #[test]
    fn a_stall_without_a_report_is_status_2() {
        let (status, document) = json(&Fake::new().silent(1), "cpu_preempt_off");
        assert_eq!(status, Status::Refused);
        assert_eq!(document["header"], serde_json::Value::Null);
        assert_eq!(document["named"], false);
        assert_eq!(document["blamed"], false);
        assert_eq!(document["recovered"], true);
        assert_eq!(document["wrong"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn stop_is_status_0_with_and_without_an_active_stall() {
        let fake = Fake::new().running("cpu_preempt_off");
        for state in ["stopped", "stopped"] {
            let (status, text) = printed(true, |out| stop(&fake, Pace::QUICK, out));
            assert_eq!(status, Status::Done);
            let document: serde_json::Value = serde_json::from_str(&text).expect("one document");
            assert_eq!(document["outcome"], state);
            assert_eq!(document["state"], "idle");
        }
        assert_eq!(fake.written(), ["stall=none"]);
    }
}
