// SPDX-License-Identifier: GPL-2.0

//! `scale`: has the module measure the cost of readers, lookups, updates or grace periods, and
//! shows the results.
//!
//! The module is controlled by its parameters, as for `torture`: rcuctl sets those that options
//! name, starts a run by `scale = MEASUREMENT`, restores them at once, and reads `scale` until the
//! run has ended. Each row shows its ratio to its baseline.

mod document;
#[cfg(test)]
mod fake;
mod live;
mod notes;
mod options;
mod report;
mod table;

use std::io::Write;
use std::time::Duration;

use document::Document;
use live::Live;
use notes::notes;
use options::RunOptions;
use report::Report;

pub use options::Scale;

use crate::decode::text::wrapped;
use crate::error::{Result, Status};
use crate::interrupt::Interrupts;
use crate::journal;
use crate::output::Output;
use crate::parameters::{Folder, Parameters};
use crate::run::{stop_active, Job, Pace, Report as _, Run, State};
use crate::settings::name_of;

const JOB: Job = Job {
    noun: "scale run",
    parameter: "scale",
    stop: "none",
    commands: "`rcuctl scale --status` shows it, `rcuctl scale --stop` stops it",
};

/// A run stops after its current batch, which takes long for a contended lock in an emulated
/// machine.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

pub fn scale(options: &Scale, out: &mut Output<impl Write>) -> Result<Status> {
    let folder = Folder::new(&options.job.parameters);
    let pace = Pace::with_stop_timeout(STOP_TIMEOUT);
    if options.job.status {
        let report = Report::read(&folder)?;
        return show(&report, &notes(&folder, &report, None), out);
    }
    if options.job.stop {
        let stopped = stop(&folder, pace, out);
        return journal::recover(&folder).and(stopped);
    }
    let mut interrupts = Interrupts::from_signals()?;
    let mut live = Live::new(out.json());
    let report = measure(
        &journal::open_for(&JOB, &folder)?,
        &options.run,
        pace,
        &mut interrupts,
        &mut live,
    )?;
    drop(live);
    show(&report, &notes(&folder, &report, options.run.readers), out)
}

/// Starts a run and follows it to its end.
fn measure(
    parameters: &impl Parameters,
    options: &RunOptions,
    pace: Pace,
    interrupts: &mut Interrupts<'_>,
    live: &mut Live,
) -> Result<Report> {
    let number = Report::read_idle(parameters)?.runs + 1;
    let kind = name_of(&options.kind);
    let run = Run::start(parameters, &JOB, number, options.settings(), &kind)?;
    run.follow(pace, interrupts, |report: &Report, elapsed| {
        if report.state != State::Idle {
            live.update(report, elapsed);
        }
        false
    })
}

/// `--stop`: stops the active run, whoever started it, and shows its results.
fn stop(parameters: &impl Parameters, pace: Pace, out: &mut Output<impl Write>) -> Result<Status> {
    let (before, last) = stop_active::<Report>(parameters, pace)?;
    let report = last.unwrap_or(before);
    show(&report, &notes(parameters, &report, None), out)
}

fn show(report: &Report, notes: &[String], out: &mut Output<impl Write>) -> Result<Status> {
    if out.json() {
        out.document(&Document::of(report, notes))?;
    } else {
        table::show(report, out)?;
        for note in notes {
            let mut text = String::new();
            wrapped(&mut text, "", "", note);
            out.line(text.trim_end())?;
        }
    }
    Ok(match report.has_failed() {
        true => Status::Refused,
        false => Status::Done,
    })
}

#[cfg(test)]
mod tests {
    use super::fake::Fake;
    use super::*;
    use crate::error::Error;
    use crate::output::printed;
    use crate::run::RunError;
    use nix::errno::Errno;

    fn run_interrupted(fake: &Fake, words: &str, has_come: impl FnMut() -> bool) -> Result<Report> {
        let options = RunOptions::of_words(words);
        let mut interrupts = Interrupts::new(has_come);
        measure(
            fake,
            &options,
            Pace::QUICK,
            &mut interrupts,
            &mut Live::hidden(),
        )
    }

    fn run_undisturbed(fake: &Fake, words: &str) -> Result<Report> {
        run_interrupted(fake, words, || false)
    }

    #[test]
    fn options_are_in_effect_for_one_run_and_then_restored() {
        let fake = Fake::new();
        let report = run_undisturbed(&fake, "lookup --runs 4 --readers 2").expect("a report");
        assert_eq!((report.kind.as_str(), report.passed), ("lookup", 4));
        assert_eq!(
            fake.written(),
            [
                "scale_nreaders=2",
                "scale_nruns=4",
                "scale=lookup",
                "scale_nruns=10",
                "scale_nreaders=-1"
            ]
        );
        let (status, text) = printed(false, |out| show(&report, &[], out));
        assert_eq!(status, Status::Done);
        assert!(text.contains("median"), "{text}");
    }

    #[test]
    fn an_interrupt_stops_the_run_and_shows_its_results() {
        let fake = Fake::new();
        let mut polls = 0;
        let third = || {
            polls += 1;
            polls == 3
        };
        let report = run_interrupted(&fake, "read --runs 1000", third).expect("a report");
        assert_eq!(report.result, "stopped");
        assert!(report.passed < 1000);
        assert_eq!(
            fake.written().last().map(String::as_str),
            Some("scale=none")
        );
    }

    #[test]
    fn a_second_interrupt_ends_the_wait() {
        let fake = Fake::new().never_end();
        let result = run_interrupted(&fake, "read", || true);
        assert!(matches!(result, Err(Error::Run(RunError::GaveUp(_)))));
    }

    #[test]
    fn a_run_that_does_not_stop_is_an_error() {
        let fake = Fake::new().never_end();
        let mut first = true;
        let result = run_interrupted(&fake, "read", || std::mem::take(&mut first));
        assert!(matches!(result, Err(Error::Run(RunError::NotStopped(..)))));
    }

    #[test]
    fn an_active_run_is_not_disturbed() {
        let fake = Fake::new().running("read");
        assert!(matches!(
            run_undisturbed(&fake, "gp"),
            Err(Error::Run(RunError::Busy(_)))
        ));
        assert!(fake.written().is_empty());
    }

    #[test]
    fn a_report_of_another_run_is_an_error() {
        let fake = Fake::new().overtake();
        let result = run_undisturbed(&fake, "read");
        assert!(matches!(
            result,
            Err(Error::Run(RunError::Overtaken { run: 1, by: 2, .. }))
        ));
    }

    #[test]
    fn an_unloaded_module_is_an_error() {
        let fake = Fake::new().unload();
        let result = run_undisturbed(&fake, "read");
        assert!(matches!(result, Err(Error::Run(RunError::Unloaded(_)))));
    }

    #[test]
    fn stop_ends_a_run_that_someone_else_started() {
        let stopped = |fake: &Fake| printed(false, |out| stop(fake, Pace::QUICK, out)).1;
        let fake = Fake::new().running("read");
        assert!(stopped(&fake).contains("stopped"));
        assert_eq!(fake.written(), ["scale=none"]);
        let fake = Fake::new();
        assert_eq!(stopped(&fake), "no scale run since the module was loaded\n");
        assert!(fake.written().is_empty());
    }

    #[test]
    fn a_failed_run_is_status_2_and_shows_its_errno() {
        let fake = Fake::new().with(|module| module.job.failure = Some(Errno::ENOENT));
        let report = run_undisturbed(&fake, "lookup").expect("a report");
        let (status, text) = printed(false, |out| show(&report, &[], out));
        assert_eq!(status, Status::Refused);
        assert!(text.contains("ENOENT"), "{text}");
    }

    #[test]
    fn notes_are_shown_below_the_table_and_in_json() {
        let report = run_undisturbed(&Fake::new(), "read").expect("a report");
        let notes = ["A note.".to_string()];
        let (_, text) = printed(false, |out| show(&report, &notes, out));
        assert!(text.ends_with("\nA note.\n"), "{text}");
        let (_, text) = printed(true, |out| show(&report, &notes, out));
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(document["notes"][0], "A note.");
    }
}
