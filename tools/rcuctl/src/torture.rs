// SPDX-License-Identifier: GPL-2.0

//! `torture`: starts a torture run, shows how it goes, and ends with its verdict.
//!
//! The module is driven by its parameters in sysfs, `/sys/module/rust_rcu_demo/parameters/`:
//!
//! ```text
//!   settings ──► torture_type bug nreaders … shutdown_secs      what the options name
//!   run      ──► torture = 1                                    the kernel takes them, the run begins
//!   settings ──► what they were                                 a killed rcuctl leaves nothing behind
//!   run      ◄── torture                                        the report, until the state is idle
//!   summary, or document                                        the verdict, which is the exit status
//! ```
//!
//! The kernel ends the run by its own clock, so that it also ends if this program does not live to see
//! that. Writing 0 to `torture` is for whoever does not want to wait: Ctrl-C, `--stop`, and a bug that was
//! caught.

mod document;
mod explain;
#[cfg(test)]
pub mod fake;
mod live;
mod options;
mod report;
mod run;
mod summary;
mod trouble;

use std::io::Write;
use std::time::Duration;

use document::Document;
use live::Live;
use report::{Report, Verdict};
use run::{Ended, Pace};

pub use options::Torture;
pub use trouble::Trouble;

use crate::error::{Result, Status};
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::parameters::{Folder, Parameters};
use crate::run::{Run, State};
use crate::settings::Settings;
use options::RunOptions;

/// The parameter that starts and stops runs, and reads as the report.
const TORTURE: &str = "torture";
/// What ends one.
const STOP: &str = "0";

pub fn torture(options: &Torture, out: &mut Output<impl Write>) -> Result<Status> {
    let folder = Folder::new(&options.parameters);
    if options.status {
        return status(&folder, out);
    }
    if options.stop {
        return stop(&folder, &Pace::default(), out);
    }
    let interrupt = Interrupt::new()?;
    let mut live = Live::new(options.run.limit(), out.json());
    let ended = begin_and_follow(
        &folder,
        &options.run,
        &Pace::default(),
        &mut || interrupt.came(),
        &mut live,
    )?;
    finish(&ended, options.run.expect_failure, out)
}

/// `--status`: what the module says now.
fn status(parameters: &impl Parameters, out: &mut Output<impl Write>) -> Result<Status> {
    let report = Report::read(parameters)?;
    if out.json() {
        out.document(&Document::of(&report))?;
    } else {
        summary::state(&report, out)?;
    }
    Ok(Status::Done)
}

/// `--stop`: ends the run that is going on, whoever began it, and tells its verdict.
fn stop(parameters: &impl Parameters, pace: &Pace, out: &mut Output<impl Write>) -> Result<Status> {
    let report = Report::read(parameters)?;
    if report.state == State::Idle {
        if out.json() {
            out.document(&Document::of(&report))?;
        } else {
            out.line("no torture run is going on")?;
        }
        return Ok(Status::Done);
    }
    let mut run = Run::new(parameters, TORTURE, STOP, report.runs);
    run.end()?;
    let ended = Ended {
        // Counted from when it began, which is not known here.
        caught_after: None,
        ..run::follow(run, None, pace, &mut || false, &mut Live::hidden())?
    };
    finish(&ended, false, out)
}

fn begin_and_follow(
    parameters: &impl Parameters,
    options: &RunOptions,
    pace: &Pace,
    interrupted: &mut dyn FnMut() -> bool,
    live: &mut Live,
) -> Result<Ended> {
    let report = Report::read(parameters)?;
    if report.state != State::Idle {
        return Err(Trouble::Busy.into());
    }
    let settings = Settings::apply(parameters, options.settings())?;
    let run = run::begin(parameters, &report)?;
    settings.put_back()?;
    run::follow(run, options.limit(), pace, interrupted, live)
}

fn finish(ended: &Ended, expect_failure: bool, out: &mut Output<impl Write>) -> Result<Status> {
    let wanted = match expect_failure {
        true => Verdict::Failure,
        false => Verdict::Success,
    };
    if out.json() {
        out.document(&Document::of_ended(ended))?;
    } else {
        summary::result(&ended.report, ended.caught_after, out)?;
    }
    Ok(if ended.report.verdict == wanted {
        Status::Done
    } else {
        Status::Refused
    })
}

/// Seconds to a tenth, for people.
fn tenths(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::fake::Fake;
    use super::*;
    use crate::error::Error;
    use crate::output::printed;
    use crate::parameters;
    use nix::errno::Errno;

    fn quick() -> Pace {
        Pace {
            tick: Duration::from_micros(100),
            late: Duration::from_millis(20),
            verdict: Duration::from_millis(20),
        }
    }

    fn follow(fake: &Fake, words: &str, interrupted: &mut dyn FnMut() -> bool) -> Result<Ended> {
        let options = RunOptions::of_words(words);
        begin_and_follow(fake, &options, &quick(), interrupted, &mut Live::hidden())
    }

    /// The exit status and the output of a run that nobody interrupts.
    fn run(fake: &Fake, words: &str, json: bool) -> (Status, String) {
        let ended = follow(fake, words, &mut || false).expect("a verdict");
        let expect_failure = RunOptions::of_words(words).expect_failure;
        printed(json, |out| finish(&ended, expect_failure, out))
    }

    #[test]
    fn a_run_ends_by_the_kernels_clock() {
        let fake = Fake::new();
        let (status, text) = run(&fake, "--secs 3 --type srcu", false);
        assert_eq!(status, Status::Done);
        assert!(
            text.starts_with("SUCCESS: no error in 3 s\ntype srcu, bug none\n"),
            "{text}"
        );
        assert_eq!(
            fake.written(),
            [
                "shutdown_secs=3",
                "torture_type=srcu",
                "torture=1",
                "torture_type=rcu",
                "shutdown_secs=0"
            ]
        );
    }

    #[test]
    fn a_caught_bug_ends_the_run() {
        let fake = Fake::new();
        let (status, text) = run(&fake, "--secs 1000 --bug skip_gp", false);
        assert_eq!(status, Status::Refused);
        assert!(
            text.starts_with("FAILURE, as it must be: bug=skip_gp was caught after 0.0 s\n"),
            "{text}"
        );
        assert_eq!(fake.written().last().map(String::as_str), Some("torture=0"));
        assert_eq!(fake.value("bug"), "none");
    }

    #[test]
    fn who_expects_a_failure_wants_one() {
        let words = "--secs 9 --expect-failure";
        assert_eq!(run(&Fake::new(), words, false).0, Status::Refused);
        let words = "--secs 9 --expect-failure --bug skip_gp";
        assert_eq!(run(&Fake::new(), words, false).0, Status::Done);
    }

    #[test]
    fn a_bug_that_is_not_caught_is_said_plainly() {
        let (status, text) = run(&Fake::new(), "--secs 1 --bug skip_gp", false);
        assert_eq!(status, Status::Done);
        assert!(text.starts_with("SUCCESS, which must not be"), "{text}");
    }

    #[test]
    fn an_interrupt_stops_the_run_and_shows_its_verdict() {
        let fake = Fake::new();
        let mut looks = 0;
        let ended = follow(&fake, "--secs 0 --stutter 3", &mut || {
            looks += 1;
            looks == 3
        })
        .expect("a verdict");
        assert!(ended.interrupted);
        assert_eq!(ended.report.verdict, Verdict::Success);
        assert_eq!(fake.value("stutter"), "0");
        let written = fake.written();
        assert_eq!(
            written.iter().filter(|write| *write == "torture=0").count(),
            1
        );
    }

    #[test]
    fn a_second_interrupt_does_not_wait() {
        let fake = Fake::new().never_end();
        let pace = Pace {
            verdict: Duration::from_secs(1000),
            ..quick()
        };
        let options = RunOptions::of_words("--bug skip_gp");
        let result = begin_and_follow(&fake, &options, &pace, &mut || true, &mut Live::hidden());
        assert!(matches!(result, Err(Error::Torture(Trouble::GaveUp))));
        assert_eq!(fake.value("bug"), "none");
    }

    #[test]
    fn a_kernel_that_does_not_end_the_run_is_told_to() {
        let fake = Fake::new().ignore_shutdown();
        let options = RunOptions::of_words("--secs 3");
        let mut run = run::begin(&fake, &Report::read(&fake).expect("a report")).expect("begun");
        run.begun -= Duration::from_secs(4);
        let mut live = Live::hidden();
        let ended = run::follow(run, options.limit(), &quick(), &mut || false, &mut live)
            .expect("a verdict");
        assert_eq!(ended.report.verdict, Verdict::Success);
        assert_eq!(fake.written(), ["torture=1", "torture=0"]);
    }

    #[test]
    fn a_verdict_that_never_comes_is_not_waited_for() {
        let fake = Fake::new().never_end();
        assert!(matches!(
            follow(&fake, "--secs 100 --bug skip_gp", &mut || false),
            Err(Error::Torture(Trouble::NoVerdict(_)))
        ));
        // When the bug was caught, and once more when giving up.
        let written = fake.written();
        assert_eq!(
            written.iter().filter(|write| *write == "torture=0").count(),
            2
        );
    }

    #[test]
    fn a_run_that_goes_on_is_left_alone() {
        let fake = Fake::new().running();
        assert!(matches!(
            follow(&fake, "--bug skip_gp", &mut || false),
            Err(Error::Torture(Trouble::Busy))
        ));
        assert!(fake.written().is_empty());
    }

    #[test]
    fn so_is_one_that_begins_meanwhile() {
        let fake = Fake::new().refuse("torture", Errno::EBUSY);
        assert!(matches!(
            follow(&fake, "--bug skip_gp", &mut || false),
            Err(Error::Torture(Trouble::Busy))
        ));
        assert_eq!(fake.value("bug"), "none");
        assert_eq!(fake.value("shutdown_secs"), "0");
    }

    #[test]
    fn a_refused_parameter_starts_nothing() {
        let fake = Fake::new().refuse("onoff_interval", Errno::EOPNOTSUPP);
        assert!(matches!(
            follow(&fake, "--onoff 1 --bug skip_gp", &mut || false),
            Err(Error::Parameter(parameters::Trouble::Refused { setting, .. }))
                if setting == "onoff_interval=1"
        ));
        assert_eq!(fake.value("bug"), "none");
        assert!(!fake.written().contains(&"torture=1".to_string()));
    }

    #[test]
    fn the_verdict_of_another_run_is_not_taken() {
        let fake = Fake::new().overtake();
        assert!(matches!(
            follow(&fake, "--secs 2", &mut || false),
            Err(Error::Torture(Trouble::Overtaken(1, 2)))
        ));
        assert!(!fake.written().contains(&"torture=0".to_string()));
    }

    #[test]
    fn an_unloaded_module_has_no_verdict() {
        let fake = Fake::new().unload();
        assert!(matches!(
            follow(&fake, "--secs 2", &mut || false),
            Err(Error::Torture(Trouble::Unloaded))
        ));
    }

    #[test]
    fn a_run_that_is_lost_sight_of_is_stopped() {
        let fake = Fake::new().fail_reads_at(2);
        assert!(follow(&fake, "--secs 100", &mut || false).is_err());
        assert_eq!(fake.written().last().map(String::as_str), Some("torture=0"));
    }

    #[test]
    fn json_is_one_document() {
        let (_, text) = run(&Fake::new(), "--secs 100 --bug skip_gp", true);
        let document: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(document["state"], "idle");
        assert_eq!(document["verdict"], "FAILURE");
        assert_eq!(document["bug"], "skip_gp");
        assert_eq!(document["counters"]["reads"], 2000);
        assert_eq!(document["rates"]["reads"], 1000);
        assert_eq!(document["pipe"][2], 1);
        assert_eq!(document["interrupted"], false);
        assert!(document["caught_after"].is_f64(), "{text}");
    }

    #[test]
    fn stop_ends_a_run_of_anybody() {
        let fake = Fake::new().running();
        let (status, said) = printed(false, |out| stop(&fake, &quick(), out));
        assert_eq!(status, Status::Done);
        assert!(said.starts_with("SUCCESS: no error in 1 s\n"), "{said}");

        let (status, said) = printed(false, |out| stop(&fake, &quick(), out));
        assert_eq!(
            (status, said.as_str()),
            (Status::Done, "no torture run is going on\n")
        );
        assert_eq!(fake.written(), ["torture=0"]);
    }

    #[test]
    fn status_changes_nothing() {
        let fake = Fake::new().running();
        let (_, said) = printed(false, |out| status(&fake, out));
        assert!(
            said.starts_with("run 1 has been going on for 1 s\n"),
            "{said}"
        );
        let (_, said) = printed(true, |out| status(&fake, out));
        let document: serde_json::Value = serde_json::from_str(&said).expect("valid JSON");
        assert_eq!(document["state"], "running");
        assert!(document.get("interrupted").is_none());
        assert!(fake.written().is_empty());
    }
}
