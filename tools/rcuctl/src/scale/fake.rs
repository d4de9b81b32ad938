// SPDX-License-Identifier: GPL-2.0

//! A small stand-in for the module: its parameters, and runs that go on by one with each look at them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use nix::errno::Errno;

use super::{Parameters, NONE, SCALE};
use crate::error::Result;

pub struct Fake(RefCell<Module>);

#[derive(Default)]
struct Module {
    values: BTreeMap<String, String>,
    written: Vec<String>,
    runs: u64,
    run: Option<OneRun>,
    failure: Option<Errno>,
    never_ends: bool,
    overtaken: bool,
    unloaded: bool,
}

/// A run has what the parameters were when it began.
#[derive(Clone)]
struct OneRun {
    kind: String,
    wanted: u64,
    passed: u64,
    stopped: bool,
}

impl OneRun {
    fn is_over(&self) -> bool {
        self.stopped || self.passed == self.wanted
    }
}

impl Fake {
    pub fn new() -> Self {
        let values = [("scale_nreaders", "-1"), ("scale_nruns", "10")];
        Self(RefCell::new(Module {
            values: values
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .into(),
            ..Module::default()
        }))
    }

    fn with(self, change: impl FnOnce(&mut Module)) -> Self {
        change(&mut self.0.borrow_mut());
        self
    }

    /// Runs that are told to end go on.
    pub fn never_end(self) -> Self {
        self.with(|module| module.never_ends = true)
    }

    /// Runs fail with this errno.
    pub fn fail(self, errno: Errno) -> Self {
        self.with(|module| module.failure = Some(errno))
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
        self.write(SCALE, "read").expect("accepted");
        self.with(|module| module.written.clear())
    }

    /// All that was written, in order.
    pub fn written(&self) -> Vec<String> {
        self.0.borrow().written.clone()
    }
}

impl Module {
    fn tick(&mut self) {
        let never_ends = self.never_ends;
        let Some(run) = self.run.as_mut().filter(|run| !run.is_over()) else {
            return;
        };
        if !never_ends {
            run.passed += 1;
        }
        if run.is_over() {
            self.runs += u64::from(self.overtaken);
            self.runs *= u64::from(!self.unloaded);
        }
    }

    fn report(&self) -> String {
        let runs = self.runs;
        let Some(run) = &self.run else {
            return format!("state idle\nresult none\nruns {runs}");
        };
        let (state, result) = match (&self.failure, run) {
            (Some(errno), _) => ("idle", format!("failed {}", *errno as i32)),
            (None, run) if !run.is_over() => ("running", "none".to_string()),
            (None, run) if run.stopped => ("idle", "stopped".to_string()),
            (None, _) => ("idle", "done".to_string()),
        };
        let OneRun {
            kind,
            wanted,
            passed,
            ..
        } = run;
        format!(
            "state {state}\nresult {result}\nruns {runs}\nkind {kind}\npassed {passed}\nnruns {wanted}\n\
             row kind=rcu readers=1 min=1 median=2 max=3 wall=2 dropped=0"
        )
    }
}

impl Parameters for Fake {
    fn read(&self, name: &str) -> Result<String> {
        let mut module = self.0.borrow_mut();
        if name != SCALE {
            return Ok(module.values[name].clone());
        }
        module.tick();
        Ok(module.report())
    }

    fn write(&self, name: &str, value: &str) -> Result<()> {
        let mut module = self.0.borrow_mut();
        module.written.push(format!("{name}={value}"));
        let never_ends = module.never_ends;
        match (name, value) {
            (SCALE, NONE) => {
                if let Some(run) = module.run.as_mut().filter(|_| !never_ends) {
                    run.stopped = true;
                }
            }
            (SCALE, kind) => {
                module.runs += 1;
                module.run = Some(OneRun {
                    kind: kind.to_string(),
                    wanted: module.values["scale_nruns"].parse().expect("a number"),
                    passed: 0,
                    stopped: false,
                });
            }
            _ => {
                module.values.insert(name.to_string(), value.to_string());
            }
        }
        Ok(())
    }
}
