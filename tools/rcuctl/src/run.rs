// SPDX-License-Identifier: GPL-2.0

//! What runs of `torture` and `scale`, and stalls, have in common: a parameter of the module begins and ends them,
//! and reads as the report of the last that has begun.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::error::Result;
use crate::parameters::{Parameters, Trouble};

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    #[default]
    Idle,
    Running,
    /// Of torture only.
    Stopping,
}

/// Takes a report: lines of a key and a value. Returns the state, and how many runs have begun; all other lines are
/// for `take`, which returns `None` if the value is not what the key wants.
pub fn parse_report(
    text: &str,
    mut take: impl FnMut(&str, &str) -> Option<()>,
) -> Result<(State, u64)> {
    let (mut state, mut runs) = (None, 0);
    for line in text.lines() {
        let unexpected = || Trouble::Report(format!("{line:?}"));
        let (key, value) = line.split_once(' ').ok_or_else(unexpected)?;
        match (key, value.trim()) {
            ("state", "idle") => state = Some(State::Idle),
            ("state", "running") => state = Some(State::Running),
            ("state", "stopping") => state = Some(State::Stopping),
            ("state", _) => return Err(unexpected().into()),
            ("runs", value) => runs = value.parse().map_err(|_| unexpected())?,
            (key, value) => take(key, value).ok_or_else(unexpected)?,
        }
    }
    let state = state.ok_or_else(|| Trouble::Report(format!("no line `state` in {text:?}")))?;
    Ok((state, runs))
}

/// A run that has begun. Dropping it tells it to end: who cannot see how it ends does not leave it to itself.
pub struct Run<'a, P: Parameters> {
    pub parameters: &'a P,
    parameter: &'static str,
    /// What ends a run.
    none: &'static str,
    /// How many have begun, with it.
    number: u64,
    pub begun: Instant,
    /// Since when it is to end.
    pub ending: Option<Instant>,
    /// It is not to be told to end any more.
    pub over: bool,
}

impl<'a, P: Parameters> Run<'a, P> {
    pub fn new(
        parameters: &'a P,
        parameter: &'static str,
        none: &'static str,
        number: u64,
    ) -> Self {
        Self {
            parameters,
            parameter,
            none,
            number,
            begun: Instant::now(),
            ending: None,
            over: false,
        }
    }

    /// Tells it to end.
    pub fn end(&mut self) -> Result<()> {
        self.ending.get_or_insert_with(Instant::now);
        self.parameters.write(self.parameter, self.none)
    }

    /// Whether it was to end longer ago than this.
    pub fn is_late(&self, patience: Duration) -> bool {
        self.ending.is_some_and(|since| since.elapsed() > patience)
    }

    /// Whether a report is of this run: `found` is how many it says have begun.
    pub fn check<E>(
        &mut self,
        found: u64,
        overtaken: fn(u64, u64) -> E,
        unloaded: E,
    ) -> std::result::Result<(), E> {
        if found == self.number {
            return Ok(());
        }
        // It has ended, or there could not be another; that one is not ours to end.
        self.over = true;
        Err(if found > self.number {
            overtaken(self.number, found)
        } else {
            unloaded
        })
    }
}

impl<P: Parameters> Drop for Run<'_, P> {
    fn drop(&mut self) {
        if !self.over {
            // Another error is being told already, and it is the cause.
            let _ = self.end();
        }
    }
}
