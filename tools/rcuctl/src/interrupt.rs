// SPDX-License-Identifier: GPL-2.0

//! Signals that ask this program to end. The first one stops a run and shows its result, the second
//! one ends the wait for that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register;

use crate::error::{Error, Result};

/// Counts interrupts.
pub struct Interrupts<'a> {
    /// Whether one came since the last call.
    has_come: Box<dyn FnMut() -> bool + 'a>,
    count: u32,
}

impl Interrupts<'static> {
    /// Counts signals, which no longer end this program from now on.
    pub fn from_signals() -> Result<Self> {
        let has_come = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            register(signal, has_come.clone()).map_err(Error::io("setting up Ctrl-C"))?;
        }
        // ORDERING: The flag guards no other memory.
        Ok(Self::new(move || has_come.swap(false, Ordering::Relaxed)))
    }

    pub fn none() -> Self {
        Self::new(|| false)
    }
}

impl<'a> Interrupts<'a> {
    pub fn new(has_come: impl FnMut() -> bool + 'a) -> Self {
        Self {
            has_come: Box::new(has_come),
            count: 0,
        }
    }

    /// Polls for an interrupt, and returns the number of interrupts so far.
    pub fn count(&mut self) -> u32 {
        self.count += u32::from((self.has_come)());
        self.count
    }

    /// Whether one was counted.
    pub fn any(&self) -> bool {
        self.count > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_counts_once() {
        let mut interrupts = Interrupts::from_signals().expect("signals");
        assert_eq!(interrupts.count(), 0);
        signal_hook::low_level::raise(SIGTERM).expect("a signal to this process");
        assert_eq!(interrupts.count(), 1);
        assert_eq!(interrupts.count(), 1);
        assert!(interrupts.any());
    }
}
