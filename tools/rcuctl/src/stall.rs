// SPDX-License-Identifier: GPL-2.0

//! `stall`: RCU stalls and misuse of RCU, each kind on demand, decoded and explained.
//!
//! The module provokes them, asked by its parameters; the kernel complains in its log, after time-outs:
//!
//! ```text
//!   cpus      ──► this program leaves the CPU that will suffer
//!   timeouts  ──► rcu_cpu_stall_timeout …               shorter
//!   run       ──► stall_hold_ms …, stall = KIND         and what they were, as soon as the stall has begun
//!   observer  ◄── /dev/kmsg                             the kernel's line, and what the decoder makes of it
//!   run       ──► stall = none                          as soon as the report is whole
//!   run       ◄── stall                                 until it is over, and a grace period has ended since
//!   timeouts  ──► what they were
//!   verdict ──► summary, or document                    and the exit status
//! ```
//!
//! Whatever goes wrong on the way, the stall is told to end, and what was changed is put back.

mod cpus;
mod document;
mod explain;
#[cfg(test)]
mod fake;
mod kinds;
mod list;
mod live;
mod observer;
mod options;
mod report;
mod run;
mod summary;
mod timeouts;
mod trouble;
mod verdict;
mod victim;

use std::io::Write;

use document::Document;
use live::Live;
use options::{RunOptions, StallCommand};
use report::Report;
use run::{Ended, Interrupts, Pace, Plan};
use verdict::Verdict;

pub use options::Stall;
pub use trouble::Trouble;

use crate::decode::Style;
use crate::error::{Result, Status};
use crate::interrupt::Interrupt;
use crate::kmsg;
use crate::output::Output;
use crate::parameters::{Folder, Parameters};
use crate::run::State;

/// The parameter that starts and ends stalls, and reads as the report.
const STALL: &str = "stall";
/// What ends one.
const NONE: &str = "none";

impl Stall {
    /// Whether the module is needed.
    pub fn wants_module(&self) -> bool {
        !matches!(self.command, StallCommand::Explain { .. })
    }
}

pub fn stall(options: &Stall, out: &mut Output<impl Write>) -> Result<Status> {
    let folder = Folder::new(&options.parameters);
    match &options.command {
        StallCommand::List => list::list(&folder, out),
        StallCommand::Run(options) => run(&folder, options, out),
        StallCommand::Explain { kind } => explain::explain(kind.as_deref(), out),
        StallCommand::Stop => stop(&folder, &Pace::default(), out),
    }
}

fn run(folder: &Folder, options: &RunOptions, out: &mut Output<impl Write>) -> Result<Status> {
    let kind = kinds::find(&options.kind).ok_or_else(|| Trouble::NoKind(options.kind.clone()))?;
    let plan = Plan {
        kind,
        cpu: options.cpu,
        allow_unsafe: options.allow_unsafe,
        hold: options.hold,
        timeout: options.timeout,
    };
    // The thread that reads the log is started from this one, and stays off that CPU as well.
    let cpus = cpus::choose(folder, options.cpu)?;
    cpus.keep_off()?;
    let _rcu_is_elsewhere = cpus.keep_rcu_off();
    let log = kmsg::follow(kmsg::open(&options.log, false)?);
    let interrupt = Interrupt::new()?;
    let mut came = || interrupt.came();
    let mut live = Live::new(out.json());
    let interrupts = Interrupts::new(&mut came);
    let ended = run::run(folder, log, &plan, &Pace::default(), interrupts, &mut live)?;
    drop(live);
    finish(&ended, Style::for_stdout(), out)
}

fn finish(ended: &Ended, style: Style, out: &mut Output<impl Write>) -> Result<Status> {
    let verdict = Verdict::of(ended);
    if out.json() {
        out.document(&Document::of(ended, &verdict))?;
    } else {
        summary::result(ended, &verdict, style, out)?;
    }
    Ok(match verdict.is_right() {
        true => Status::Done,
        false => Status::Refused,
    })
}

fn stop(parameters: &impl Parameters, pace: &Pace, out: &mut Output<impl Write>) -> Result<Status> {
    let before = Report::read(parameters)?;
    let after = match before.state {
        State::Idle => before.clone(),
        State::Running | State::Stopping => run::stop(parameters, pace)?,
    };
    if out.json() {
        out.document(&after)?;
    } else {
        summary::stopped(&before, &after, out)?;
    }
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::fake::{ended, quick, Fake};
    use super::*;
    use crate::output::printed;

    fn json(fake: &Fake, kind: &str) -> (Status, serde_json::Value) {
        let ended = ended(fake, kind);
        let (status, text) = printed(true, |out| finish(&ended, Style::plain(), out));
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
    fn what_is_not_as_it_must_be_is_status_2() {
        let (status, document) = json(&Fake::new().silent(1), "cpu_preempt_off");
        assert_eq!(status, Status::Refused);
        assert_eq!(document["header"], serde_json::Value::Null);
        assert_eq!(document["named"], false);
        assert_eq!(document["blamed"], false);
        assert_eq!(document["recovered"], true);
        assert_eq!(document["wrong"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn stop_is_done_whether_or_not_there_is_one() {
        let fake = Fake::new().running();
        for state in ["stopped", "stopped"] {
            let (status, text) = printed(true, |out| stop(&fake, &quick(), out));
            assert_eq!(status, Status::Done);
            let document: serde_json::Value = serde_json::from_str(&text).expect("one document");
            assert_eq!(document["outcome"], state);
            assert_eq!(document["state"], "idle");
        }
        assert_eq!(fake.written(), ["stall=none"]);
    }
}
