// SPDX-License-Identifier: GPL-2.0

//! A small stand-in for the module: its parameters, and runs that go on by one second with each look at them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use nix::errno::Errno;

use super::report::Report;
use super::TORTURE;
use crate::error::Result;
use crate::parameters::{Parameters, Trouble};

/// When a bug shows.
const CAUGHT: u64 = 2;

/// No test looks that often.
const FOREVER: u64 = 10_000;

pub fn report(lines: &str) -> Report {
    let fake = Fake::new();
    fake.0.borrow_mut().report = Some(format!("state idle\n{lines}"));
    Report::read(&fake).expect("a report")
}

pub struct Fake(RefCell<Module>);

#[derive(Default)]
struct Module {
    values: BTreeMap<String, String>,
    written: Vec<String>,
    refused: Vec<(String, Errno)>,
    /// Instead of what would be reported.
    report: Option<String>,
    runs: u64,
    run: Option<OneRun>,
    verdict: &'static str,
    ignores_shutdown: bool,
    never_ends: bool,
    reads_fail_at: Option<u64>,
    overtaken: bool,
    unloaded: bool,
}

/// A run has what the parameters were when it began.
#[derive(Clone, Default)]
struct OneRun {
    kind: String,
    bug: String,
    shutdown: u64,
    seconds: u64,
    stopping: bool,
    over: bool,
}

impl OneRun {
    fn errors(&self) -> u64 {
        u64::from(self.bug != "none" && self.seconds >= CAUGHT)
    }
}

impl Fake {
    pub fn new() -> Self {
        let zero = [
            "shutdown_secs",
            "stutter",
            "onoff_interval",
            "stat_interval",
            "nfakewriters",
        ];
        let mut values: BTreeMap<_, _> = zero
            .into_iter()
            .map(|name| (name.to_string(), "0".to_string()))
            .collect();
        values.insert("nreaders".to_string(), "-1".to_string());
        values.insert("torture_type".to_string(), "rcu".to_string());
        values.insert("bug".to_string(), "none".to_string());
        Self(RefCell::new(Module {
            values,
            verdict: "none",
            ..Module::default()
        }))
    }

    fn with(self, change: impl FnOnce(&mut Module)) -> Self {
        change(&mut self.0.borrow_mut());
        self
    }

    pub fn refuse(self, name: &str, errno: Errno) -> Self {
        self.refuse_from_now(name, errno);
        self
    }

    pub fn refuse_from_now(&self, name: &str, errno: Errno) {
        self.0.borrow_mut().refused.push((name.to_string(), errno));
    }

    /// It does not end a run by its own clock.
    pub fn ignore_shutdown(self) -> Self {
        self.with(|module| module.ignores_shutdown = true)
    }

    /// Runs that stop do not come to their end.
    pub fn never_end(self) -> Self {
        self.with(|module| module.never_ends = true)
    }

    /// The report cannot be read when a run has lasted so long.
    pub fn fail_reads_at(self, seconds: u64) -> Self {
        self.with(|module| module.reads_fail_at = Some(seconds))
    }

    /// Someone begins another run as soon as one has ended.
    pub fn overtake(self) -> Self {
        self.with(|module| module.overtaken = true)
    }

    /// It is unloaded as soon as a run has ended, and loaded again.
    pub fn unload(self) -> Self {
        self.with(|module| module.unloaded = true)
    }

    /// Someone has begun a run that goes on.
    pub fn running(self) -> Self {
        self.write(TORTURE, "1").expect("accepted");
        self.with(|module| module.written.clear())
    }

    pub fn value(&self, name: &str) -> String {
        self.0.borrow().values[name].clone()
    }

    /// All that was written, in order.
    pub fn written(&self) -> Vec<String> {
        self.0.borrow().written.clone()
    }
}

impl Module {
    /// A second passes.
    fn tick(&mut self) {
        let Some(run) = self.run.as_mut().filter(|run| !run.over) else {
            return;
        };
        if run.stopping && !self.never_ends {
            run.over = true;
            self.verdict = match run.errors() {
                0 => "SUCCESS",
                _ => "FAILURE",
            };
            self.runs += u64::from(self.overtaken);
            self.runs *= u64::from(!self.unloaded);
            return;
        }
        run.seconds += 1;
        assert!(run.seconds < FOREVER, "nobody ends this run");
        run.stopping |= run.shutdown > 0 && run.seconds >= run.shutdown && !self.ignores_shutdown;
    }

    fn report(&self) -> String {
        let run = self.run.clone().unwrap_or_default();
        let state = match (&self.run, run.stopping, run.over) {
            (None, ..) | (.., true) => "idle",
            (_, true, _) => "stopping",
            (_, false, _) => "running",
        };
        let OneRun {
            kind, bug, seconds, ..
        } = &run;
        let (verdict, runs, errors) = (self.verdict, self.runs, run.errors());
        format!(
            "state {state}\nverdict {verdict}\nruns {runs}\ntype {kind}\nbug {bug}\nseconds {seconds}\n\
             readers 2\nreads {}\npipe {} 0 {errors}\nerrors {errors}",
            seconds * 1000,
            seconds * 1000 - errors,
        )
    }
}

impl Parameters for Fake {
    fn read(&self, name: &str) -> Result<String> {
        if name != TORTURE {
            return Ok(self.value(name));
        }
        let mut module = self.0.borrow_mut();
        if let Some(report) = &module.report {
            return Ok(report.clone());
        }
        module.tick();
        let seconds = module.run.as_ref().map_or(0, |run| run.seconds);
        if module.reads_fail_at.is_some_and(|at| seconds >= at) {
            return Err(Trouble::NoModule("gone".into()).into());
        }
        Ok(module.report())
    }

    fn write(&self, name: &str, value: &str) -> Result<()> {
        let mut module = self.0.borrow_mut();
        let refusal = module.refused.iter().find(|(refused, _)| refused == name);
        if let Some((_, errno)) = refusal {
            return Err(Trouble::Refused {
                setting: format!("{name}={value}"),
                source: std::io::Error::from_raw_os_error(*errno as i32),
            }
            .into());
        }
        module.written.push(format!("{name}={value}"));
        match (name, value) {
            (TORTURE, "1") => {
                module.runs += 1;
                module.run = Some(OneRun {
                    kind: module.values["torture_type"].clone(),
                    bug: module.values["bug"].clone(),
                    shutdown: module.values["shutdown_secs"].parse().expect("a number"),
                    ..OneRun::default()
                });
            }
            (TORTURE, _) => {
                if let Some(run) = &mut module.run {
                    run.stopping = true;
                }
            }
            _ => {
                module.values.insert(name.to_string(), value.to_string());
            }
        }
        Ok(())
    }
}
