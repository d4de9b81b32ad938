// SPDX-License-Identifier: GPL-2.0

//! `scale`: has the module measure what readers, lookups, updates or grace periods cost, and shows what it found.
//!
//! The module is driven by its parameters, as for `torture`: those that options name are set, `scale = KIND` begins
//! a run, and they are put back at once; then `scale` is read until the run is over. Its rows are shown with what
//! each is of the one that it is to be compared with.

mod document;
#[cfg(test)]
mod fake;
mod live;
mod options;
mod report;
mod run;
mod table;
mod trouble;

use std::io::Write;

use document::Document;
use live::Live;
use options::RunOptions;
use report::Report;
use run::Pace;

pub use options::Scale;
pub use trouble::Trouble;

use crate::error::{Result, Status};
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::parameters::{Folder, Parameters};
use crate::run::{Run, State};
use crate::settings::{name_of, Settings};

/// The parameter that starts and ends runs, and reads as the report.
const SCALE: &str = "scale";
/// What ends one.
const NONE: &str = "none";

pub fn scale(options: &Scale, out: &mut Output<impl Write>) -> Result<Status> {
    let folder = Folder::new(&options.parameters);
    if options.status {
        return show(&Report::read(&folder)?, out);
    }
    if options.stop {
        return stop(&folder, &Pace::default(), out);
    }
    let interrupt = Interrupt::new()?;
    let mut live = Live::new(out.json());
    let report = measure(
        &folder,
        &options.run,
        &Pace::default(),
        &mut || interrupt.came(),
        &mut live,
    )?;
    drop(live);
    show(&report, out)
}

/// Starts a run and follows it to its end.
fn measure(
    parameters: &impl Parameters,
    options: &RunOptions,
    pace: &Pace,
    interrupted: &mut dyn FnMut() -> bool,
    live: &mut Live,
) -> Result<Report> {
    let before = Report::read(parameters)?;
    if before.state != State::Idle {
        return Err(Trouble::Busy.into());
    }
    let settings = Settings::apply(parameters, options.settings())?;
    parameters.write(SCALE, &name_of(&options.kind))?;
    let run = Run::new(parameters, SCALE, NONE, before.runs + 1);
    settings.put_back()?;
    run::follow(run, pace, interrupted, live)
}

/// `--stop`: ends the run that is going on, whoever began it, and shows what it had found.
fn stop(parameters: &impl Parameters, pace: &Pace, out: &mut Output<impl Write>) -> Result<Status> {
    let before = Report::read(parameters)?;
    if before.state == State::Idle {
        return show(&before, out);
    }
    let mut run = Run::new(parameters, SCALE, NONE, before.runs);
    run.end()?;
    let report = run::follow(run, pace, &mut || false, &mut Live::hidden())?;
    show(&report, out)
}

fn show(report: &Report, out: &mut Output<impl Write>) -> Result<Status> {
    if out.json() {
        out.document(&Document::of(report))?;
    } else {
        table::show(report, out)?;
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
    use nix::errno::Errno;
    use std::time::Duration;

    fn quick() -> Pace {
        Pace {
            tick: Duration::from_micros(100),
            patience: Duration::from_millis(20),
        }
    }

    fn follow(fake: &Fake, words: &str, interrupted: &mut dyn FnMut() -> bool) -> Result<Report> {
        measure(
            fake,
            &RunOptions::of_words(words),
            &quick(),
            interrupted,
            &mut Live::hidden(),
        )
    }

    #[test]
    fn a_run_takes_its_options_and_leaves_the_parameters_as_they_were() {
        let fake = Fake::new();
        let report = follow(&fake, "lookup --runs 4 --readers 2", &mut || false).expect("a report");
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
        let (status, text) = printed(false, |out| show(&report, out));
        assert_eq!(status, Status::Done);
        assert!(text.contains("median"), "{text}");
    }

    #[test]
    fn an_interrupt_ends_the_run_and_shows_what_it_has() {
        let fake = Fake::new();
        let mut looks = 0;
        let mut third = || {
            looks += 1;
            looks == 3
        };
        let report = follow(&fake, "read --runs 1000", &mut third).expect("a report");
        assert_eq!(report.result, "stopped");
        assert!(report.passed < 1000);
        assert_eq!(
            fake.written().last().map(String::as_str),
            Some("scale=none")
        );
    }

    #[test]
    fn a_second_interrupt_does_not_wait() {
        let fake = Fake::new().never_end();
        let result = follow(&fake, "read", &mut || true);
        assert!(matches!(result, Err(Error::Scale(Trouble::GaveUp))));
    }

    #[test]
    fn a_run_that_does_not_end_is_given_up() {
        let fake = Fake::new().never_end();
        let mut first = true;
        let result = follow(&fake, "read", &mut || std::mem::take(&mut first));
        assert!(matches!(result, Err(Error::Scale(Trouble::NoEnd(_)))));
    }

    #[test]
    fn there_is_one_run_at_a_time() {
        let fake = Fake::new().running();
        assert!(matches!(
            follow(&fake, "gp", &mut || false),
            Err(Error::Scale(Trouble::Busy))
        ));
        assert!(fake.written().is_empty());
    }

    #[test]
    fn a_run_of_someone_else_is_not_taken_for_ours() {
        let fake = Fake::new().overtake();
        let result = follow(&fake, "read", &mut || false);
        assert!(matches!(
            result,
            Err(Error::Scale(Trouble::Overtaken(1, 2)))
        ));
    }

    #[test]
    fn a_module_that_went_away_is_noticed() {
        let fake = Fake::new().unload();
        let result = follow(&fake, "read", &mut || false);
        assert!(matches!(result, Err(Error::Scale(Trouble::Unloaded))));
    }

    #[test]
    fn stop_ends_whatever_goes_on() {
        let stopped = |fake: &Fake| printed(false, |out| stop(fake, &quick(), out)).1;
        let fake = Fake::new().running();
        assert!(stopped(&fake).contains("stopped"));
        assert_eq!(fake.written(), ["scale=none"]);
        let fake = Fake::new();
        assert_eq!(stopped(&fake), "no scale run since the module was loaded\n");
        assert!(fake.written().is_empty());
    }

    #[test]
    fn a_failure_is_told_and_is_the_exit_status() {
        let fake = Fake::new().fail(Errno::ENOENT);
        let report = follow(&fake, "lookup", &mut || false).expect("a report");
        let (status, text) = printed(false, |out| show(&report, out));
        assert_eq!(status, Status::Refused);
        assert!(text.contains("ENOENT"), "{text}");
    }
}
