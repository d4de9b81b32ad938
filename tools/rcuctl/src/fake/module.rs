// SPDX-License-Identifier: GPL-2.0

//! A fake of the module's parameters and of other files of the kernel. A run advances by one second
//! with each read of its report.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;

use nix::errno::Errno;

use crate::error::Result;
use crate::parameters::{ParameterError, Parameters};
use crate::run::Job;

/// No test reads a report more often.
const MAX_SECONDS: u64 = 100_000;

/// The part of the fake that differs between torture, scale and stalls.
pub trait FakeJob: Default {
    const JOB: &'static Job;
    /// Parameters and files, with their initial values.
    const VALUES: &'static [(&'static str, &'static str)];

    /// Starts a run, or refuses it.
    fn start(_module: &mut Module<Self>, _value: &str) -> std::result::Result<(), Errno> {
        Ok(())
    }
    /// A second of the run has passed. Returns whether the run ends by itself now.
    fn second(module: &mut Module<Self>) -> bool;
    /// The run has ended.
    fn ended(_module: &mut Module<Self>) {}
    fn report(module: &Module<Self>) -> String;
}

#[derive(Default)]
pub struct Module<J> {
    pub job: J,
    pub values: BTreeMap<String, String>,
    pub runs: u64,
    /// The latest run.
    pub run: Option<FakeRun>,
    written: Vec<String>,
    refused: Vec<(String, Errno)>,
    never_ends: bool,
    reads_fail_at: Option<u64>,
    is_overtaken: bool,
    is_unloaded: bool,
}

#[derive(Clone, Default)]
pub struct FakeRun {
    /// The value that started it.
    pub value: String,
    pub seconds: u64,
    pub was_stopped: bool,
    pub is_stopping: bool,
    pub is_over: bool,
}

impl<J: FakeJob> Module<J> {
    /// A second passes.
    fn tick(&mut self) {
        let Some(run) = self.run.as_mut().filter(|run| !run.is_over) else {
            return;
        };
        if run.is_stopping && !self.never_ends {
            run.is_over = true;
            self.runs += u64::from(self.is_overtaken);
            self.runs *= u64::from(!self.is_unloaded);
            J::ended(self);
            return;
        }
        run.seconds += 1;
        assert!(run.seconds < MAX_SECONDS, "the run was not stopped");
        let is_done = J::second(self);
        if let Some(run) = &mut self.run {
            run.is_stopping |= is_done;
        }
    }

    pub fn is_idle(&self) -> bool {
        self.run.as_ref().is_none_or(|run| run.is_over)
    }

    fn set_job(&mut self, value: &str) -> std::result::Result<(), Errno> {
        if value != J::JOB.stop {
            J::start(self, value)?;
            self.runs += 1;
            self.run = Some(FakeRun {
                value: value.to_string(),
                ..FakeRun::default()
            });
        } else if let Some(run) = self.run.as_mut().filter(|run| !run.is_over) {
            run.is_stopping = true;
            run.was_stopped = true;
        }
        Ok(())
    }
}

pub struct Fake<J>(RefCell<Module<J>>);

impl<J: FakeJob> Fake<J> {
    pub fn new() -> Self {
        let values = J::VALUES
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        Self(RefCell::new(Module {
            values,
            ..Module::default()
        }))
    }

    pub fn with(self, change: impl FnOnce(&mut Module<J>)) -> Self {
        change(&mut self.0.borrow_mut());
        self
    }

    /// The kernel lacks a file.
    pub fn without(self, name: &str) -> Self {
        self.with(|module| {
            module.values.remove(name);
        })
    }

    /// `setting` is a name, or `NAME=VALUE`.
    pub fn refuse(self, setting: &str, errno: Errno) -> Self {
        self.refuse_from_now(setting, errno);
        self
    }

    pub fn refuse_from_now(&self, setting: &str, errno: Errno) {
        let refused = (setting.to_string(), errno);
        self.0.borrow_mut().refused.push(refused);
    }

    pub fn accept_from_now(&self, setting: &str) {
        let refused = &mut self.0.borrow_mut().refused;
        refused.retain(|(refused, _)| refused != setting);
    }

    /// Runs that were asked to stop do not end.
    pub fn never_end(self) -> Self {
        self.with(|module| module.never_ends = true)
    }

    /// A run of this many seconds makes the report unreadable.
    pub fn fail_reads_at(self, seconds: u64) -> Self {
        self.with(|module| module.reads_fail_at = Some(seconds))
    }

    /// Another process starts a run as soon as one has ended.
    pub fn overtake(self) -> Self {
        self.with(|module| module.is_overtaken = true)
    }

    /// The module is unloaded as soon as a run has ended, and loaded again.
    pub fn unload(self) -> Self {
        self.with(|module| module.is_unloaded = true)
    }

    /// Another process has started a run.
    pub fn running(self, value: &str) -> Self {
        self.write(J::JOB.parameter, value).expect("accepted");
        self.with(|module| module.written.clear())
    }

    pub fn state(&self) -> RefMut<'_, Module<J>> {
        self.0.borrow_mut()
    }

    pub fn value(&self, name: &str) -> String {
        self.0.borrow().values[name].clone()
    }

    /// All settings written, in order.
    pub fn written(&self) -> Vec<String> {
        self.0.borrow().written.clone()
    }

    /// The number of writes of a setting.
    pub fn count_written(&self, setting: &str) -> usize {
        let written = self.written();
        written.iter().filter(|written| *written == setting).count()
    }

    /// The files that do not have their initial value.
    pub fn changed(&self) -> Vec<String> {
        let module = self.0.borrow();
        let changed = J::VALUES.iter().filter(|(name, value)| {
            let now = module.values.get(*name);
            now.is_some_and(|now| now != value)
        });
        changed.map(|(name, _)| name.to_string()).collect()
    }
}

impl<J: FakeJob> Parameters for Fake<J> {
    fn read(&self, name: &str) -> Result<String> {
        let mut module = self.0.borrow_mut();
        if name != J::JOB.parameter {
            let value = module.values.get(name).cloned();
            return value.ok_or_else(|| ParameterError::NoParameter(name.to_string()).into());
        }
        module.tick();
        let seconds = module.run.as_ref().map_or(0, |run| run.seconds);
        if module.reads_fail_at.is_some_and(|at| seconds >= at) {
            return Err(ParameterError::NoModule("gone".into()).into());
        }
        Ok(J::report(&module))
    }

    fn write(&self, name: &str, value: &str) -> Result<()> {
        let mut module = self.0.borrow_mut();
        let setting = format!("{name}={value}");
        let mut refusals = module.refused.iter();
        let result = match refusals.find(|(refused, _)| refused == name || *refused == setting) {
            Some((_, errno)) => Err(*errno),
            None if name == J::JOB.parameter => module.set_job(value),
            // Accepts any file in /proc: no list of VALUES has the files of a new process.
            None if name.starts_with("/proc/") || module.values.contains_key(name) => {
                module.values.insert(name.to_string(), value.to_string());
                Ok(())
            }
            None => return Err(ParameterError::NoParameter(name.to_string()).into()),
        };
        if let Err(errno) = result {
            let source = std::io::Error::from_raw_os_error(errno as i32);
            return Err(ParameterError::Refused { setting, source }.into());
        }
        module.written.push(setting);
        Ok(())
    }
}
