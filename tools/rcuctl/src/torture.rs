// SPDX-License-Identifier: GPL-2.0

//! `torture`: starts a torture run, shows its progress, and ends with its verdict.
//!
//! The module is controlled by its parameters in sysfs, `/sys/module/rust_rcu_demo/parameters/`:
//!
//! ```text
//!   settings ──► torture_type bug nreaders … shutdown_secs      as the options say
//!   run      ──► torture = 1                                    the run starts with these values
//!   settings ──► the previous values                            a killed rcuctl leaves none changed
//!   run      ◄── torture                                        the report, until the state is idle
//!   summary, or document                                        the verdict, and the exit status
//! ```
//!
//! The kernel's clock ends the run, even if rcuctl is killed. rcuctl writes 0 to `torture` after
//! Ctrl-C, for `--stop`, and when a bug was caught.

mod document;
mod explain;
#[cfg(test)]
pub mod fake;
mod live;
mod options;
mod report;
mod summary;

use std::io::Write;
use std::time::Duration;

use document::Document;
use live::Live;
use report::{Report, Verdict};

pub use options::Torture;

use crate::error::{Result, Status};
use crate::interrupt::Interrupts;
use crate::journal;
use crate::output::Output;
use crate::parameters::{Folder, Parameters};
use crate::run::{stop_active, Job, Pace, Report as _, Run, State};
use options::RunOptions;

const JOB: Job = Job {
    noun: "torture run",
    parameter: "torture",
    stop: "0",
    commands: "`rcuctl torture --status` shows it, `rcuctl torture --stop` stops it",
};

/// How late the kernel's clock may end a run before rcuctl stops it.
const LATE: Duration = Duration::from_secs(5);

/// The threads of a run wait for grace periods and callbacks before they end. Those take long in
/// an emulated debug kernel, and the kernel reports a stalled grace period after up to 60 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(120);

/// A run that has ended.
struct Ended {
    report: Report,
    /// From the start of the run to the first report with an error.
    caught_after: Option<Duration>,
    interrupted: bool,
}

pub fn torture(options: &Torture, out: &mut Output<impl Write>) -> Result<Status> {
    let folder = Folder::new(&options.job.parameters);
    let pace = Pace::with_stop_timeout(STOP_TIMEOUT);
    if options.job.status {
        return status(&folder, out);
    }
    if options.job.stop {
        let stopped = stop(&folder, pace, out);
        return journal::recover(&folder).and(stopped);
    }
    let mut interrupts = Interrupts::from_signals()?;
    let mut live = Live::new(options.run.limit(), out.json());
    let ended = run(
        &journal::open_for(&JOB, &folder)?,
        &options.run,
        pace,
        &mut interrupts,
        &mut live,
    )?;
    drop(live);
    finish(&ended, options.run.expect_failure, out)
}

/// `--status`: shows the latest report.
fn status(parameters: &impl Parameters, out: &mut Output<impl Write>) -> Result<Status> {
    let report = Report::read(parameters)?;
    if out.json() {
        out.document(&Document::of(&report))?;
    } else {
        summary::state(&report, out)?;
    }
    Ok(Status::Done)
}

/// `--stop`: stops the active run, whoever started it, and shows its verdict.
fn stop(parameters: &impl Parameters, pace: Pace, out: &mut Output<impl Write>) -> Result<Status> {
    let (before, last) = stop_active::<Report>(parameters, pace)?;
    if let Some(report) = last {
        let ended = Ended {
            report,
            // The start of the run is not known.
            caught_after: None,
            interrupted: false,
        };
        return finish(&ended, false, out);
    }
    if out.json() {
        out.document(&Document::of(&before))?;
    } else {
        out.line("no torture run is active")?;
    }
    Ok(Status::Done)
}

fn run(
    parameters: &impl Parameters,
    options: &RunOptions,
    pace: Pace,
    interrupts: &mut Interrupts<'_>,
    live: &mut Live,
) -> Result<Ended> {
    let number = Report::read_idle(parameters)?.runs + 1;
    let run = Run::start(parameters, &JOB, number, options.settings(), "1")?;
    follow(run, options.limit(), pace, interrupts, live)
}

fn follow(
    run: Run<'_, impl Parameters>,
    limit: Option<Duration>,
    pace: Pace,
    interrupts: &mut Interrupts<'_>,
    live: &mut Live,
) -> Result<Ended> {
    let mut caught_after = None;
    let report = run.follow(pace, interrupts, |report: &Report, elapsed| {
        if report.errors > 0 {
            caught_after.get_or_insert(elapsed);
        }
        if report.state != State::Idle {
            live.update(report, elapsed);
        }
        let is_caught = report.has_bug() && report.errors > 0;
        is_caught || limit.is_some_and(|limit| elapsed > limit + LATE)
    })?;
    Ok(Ended {
        report,
        caught_after,
        interrupted: interrupts.any(),
    })
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

#[cfg(test)]
mod tests {
    use super::fake::Fake;
    use super::*;
    use crate::error::Error;
    use crate::output::printed;
    use crate::parameters::ParameterError;
    use crate::run::RunError;
    use nix::errno::Errno;

    fn run_interrupted(
        fake: &Fake,
        words: &str,
        mut interrupts: Interrupts<'_>,
        pace: Pace,
    ) -> Result<Ended> {
        let options = RunOptions::of_words(words);
        run(fake, &options, pace, &mut interrupts, &mut Live::hidden())
    }

    fn run_undisturbed(fake: &Fake, words: &str) -> Result<Ended> {
        run_interrupted(fake, words, Interrupts::none(), Pace::QUICK)
    }

    /// The exit status and the output of a run without interrupts.
    fn printed_run(fake: &Fake, words: &str, json: bool) -> (Status, String) {
        let ended = run_undisturbed(fake, words).expect("a verdict");
        let expect_failure = RunOptions::of_words(words).expect_failure;
        printed(json, |out| finish(&ended, expect_failure, out))
    }

    #[test]
    fn the_kernels_clock_ends_a_run() {
        let fake = Fake::new();
        let (status, text) = printed_run(&fake, "--secs 3 --type srcu", false);
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
    fn a_caught_bug_stops_the_run() {
        let fake = Fake::new();
        let (status, text) = printed_run(&fake, "--secs 1000 --bug skip_gp", false);
        assert_eq!(status, Status::Refused);
        assert!(
            text.starts_with("FAILURE, as expected: bug=skip_gp was caught after 0.0 s\n"),
            "{text}"
        );
        assert_eq!(fake.written().last().map(String::as_str), Some("torture=0"));
        assert_eq!(fake.value("bug"), "none");
    }

    #[test]
    fn an_expected_failure_is_status_0_and_a_success_status_2() {
        let words = "--secs 9 --expect-failure";
        assert_eq!(printed_run(&Fake::new(), words, false).0, Status::Refused);
        let words = "--secs 9 --expect-failure --bug skip_gp";
        assert_eq!(printed_run(&Fake::new(), words, false).0, Status::Done);
    }

    #[test]
    fn a_missed_bug_is_reported() {
        let (status, text) = printed_run(&Fake::new(), "--secs 1 --bug skip_gp", false);
        assert_eq!(status, Status::Done);
        assert!(text.starts_with("SUCCESS, expected FAILURE"), "{text}");
    }

    #[test]
    fn an_interrupt_stops_the_run_and_shows_its_verdict() {
        let fake = Fake::new();
        let mut polls = 0;
        let third = Interrupts::new(|| {
            polls += 1;
            polls == 3
        });
        let ended =
            run_interrupted(&fake, "--secs 0 --stutter 3", third, Pace::QUICK).expect("a verdict");
        assert!(ended.interrupted);
        assert_eq!(ended.report.verdict, Verdict::Success);
        assert_eq!(fake.value("stutter"), "0");
        assert_eq!(fake.count_written("torture=0"), 1);
    }

    #[test]
    fn a_second_interrupt_ends_the_wait() {
        let fake = Fake::new().never_end();
        let pace = Pace {
            stop_timeout: Duration::from_secs(1000),
            ..Pace::QUICK
        };
        let result = run_interrupted(&fake, "--bug skip_gp", Interrupts::new(|| true), pace);
        assert!(matches!(result, Err(Error::Run(RunError::GaveUp(_)))));
        assert_eq!(fake.value("bug"), "none");
    }

    #[test]
    fn a_run_that_outlasts_its_limit_is_stopped() {
        let fake = Fake::new().with(|module| module.job.ignores_shutdown = true);
        let mut run = Run::start(&fake, &JOB, 1, [], "1").expect("started");
        run.started -= LATE + Duration::from_secs(4);
        let limit = RunOptions::of_words("--secs 3").limit();
        let mut interrupts = Interrupts::none();
        let ended = follow(
            run,
            limit,
            Pace::QUICK,
            &mut interrupts,
            &mut Live::hidden(),
        )
        .expect("a verdict");
        assert_eq!(ended.report.verdict, Verdict::Success);
        assert_eq!(fake.written(), ["torture=1", "torture=0"]);
    }

    #[test]
    fn a_run_that_does_not_stop_is_an_error() {
        let fake = Fake::new().never_end();
        assert!(matches!(
            run_undisturbed(&fake, "--secs 100 --bug skip_gp"),
            Err(Error::Run(RunError::NotStopped(..)))
        ));
        // When the bug was caught, and once more after the time-out.
        assert_eq!(fake.count_written("torture=0"), 2);
    }

    #[test]
    fn an_active_run_is_not_disturbed() {
        let fake = Fake::new().running("1");
        assert!(matches!(
            run_undisturbed(&fake, "--bug skip_gp"),
            Err(Error::Run(RunError::Busy(_)))
        ));
        assert!(fake.written().is_empty());
    }

    #[test]
    fn a_run_that_someone_else_starts_first_is_not_disturbed() {
        let fake = Fake::new().refuse("torture", Errno::EBUSY);
        assert!(matches!(
            run_undisturbed(&fake, "--bug skip_gp"),
            Err(Error::Run(RunError::Busy(_)))
        ));
        assert_eq!(fake.value("bug"), "none");
        assert_eq!(fake.value("shutdown_secs"), "0");
    }

    #[test]
    fn a_refused_parameter_starts_nothing() {
        let fake = Fake::new().refuse("onoff_interval", Errno::EOPNOTSUPP);
        assert!(matches!(
            run_undisturbed(&fake, "--onoff 1 --bug skip_gp"),
            Err(Error::Parameter(ParameterError::Refused { setting, .. }))
                if setting == "onoff_interval=1"
        ));
        assert_eq!(fake.value("bug"), "none");
        assert!(!fake.written().contains(&"torture=1".to_string()));
    }

    #[test]
    fn a_report_of_another_run_is_an_error() {
        let fake = Fake::new().overtake();
        assert!(matches!(
            run_undisturbed(&fake, "--secs 2"),
            Err(Error::Run(RunError::Overtaken { run: 1, by: 2, .. }))
        ));
        assert!(!fake.written().contains(&"torture=0".to_string()));
    }

    #[test]
    fn an_unloaded_module_is_an_error() {
        let fake = Fake::new().unload();
        assert!(matches!(
            run_undisturbed(&fake, "--secs 2"),
            Err(Error::Run(RunError::Unloaded(_)))
        ));
    }

    #[test]
    fn a_run_whose_report_cannot_be_read_is_stopped() {
        let fake = Fake::new().fail_reads_at(2);
        assert!(run_undisturbed(&fake, "--secs 100").is_err());
        assert_eq!(fake.written().last().map(String::as_str), Some("torture=0"));
    }

    #[test]
    fn json_is_one_document() {
        let (_, text) = printed_run(&Fake::new(), "--secs 100 --bug skip_gp", true);
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
    fn stop_ends_a_run_that_someone_else_started() {
        let fake = Fake::new().running("1");
        let (status, said) = printed(false, |out| stop(&fake, Pace::QUICK, out));
        assert_eq!(status, Status::Done);
        assert!(said.starts_with("SUCCESS: no error in 1 s\n"), "{said}");

        let (status, said) = printed(false, |out| stop(&fake, Pace::QUICK, out));
        assert_eq!(
            (status, said.as_str()),
            (Status::Done, "no torture run is active\n")
        );
        assert_eq!(fake.written(), ["torture=0"]);
    }

    #[test]
    fn status_changes_nothing() {
        let fake = Fake::new().running("1");
        let (_, said) = printed(false, |out| status(&fake, out));
        assert!(
            said.starts_with("run 1 has been active for 1 s\n"),
            "{said}"
        );
        let (_, said) = printed(true, |out| status(&fake, out));
        let document: serde_json::Value = serde_json::from_str(&said).expect("valid JSON");
        assert_eq!(document["state"], "running");
        assert!(document.get("interrupted").is_none());
        assert!(fake.written().is_empty());
    }
}
