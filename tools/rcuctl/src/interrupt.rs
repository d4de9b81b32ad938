// SPDX-License-Identifier: GPL-2.0

//! Signals that ask this program to end. The first one stops a run or a load and shows its result,
//! the second one ends the wait for the result.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_default};

use crate::error::{Error, Result};

const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Sets the returned flag at the first signal. The second one ends this program.
pub fn flag() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in SIGNALS {
        // The order matters: the first signal sets the flag after the check of it.
        register_conditional_default(signal, flag.clone())
            .and_then(|_| register(signal, flag.clone()))
            .map_err(Error::io("setting up Ctrl-C"))?;
    }
    Ok(flag)
}

/// Counts interrupts.
pub struct Interrupts<'a> {
    /// Returns whether an interrupt arrived since the last call.
    has_arrived: Box<dyn FnMut() -> bool + 'a>,
    count: u32,
}

impl Interrupts<'static> {
    /// Counts signals from now on, instead of letting them end this program.
    pub fn from_signals() -> Result<Self> {
        let has_arrived = Arc::new(AtomicBool::new(false));
        for signal in SIGNALS {
            register(signal, has_arrived.clone()).map_err(Error::io("setting up Ctrl-C"))?;
        }
        // ORDERING: The flag publishes no other data.
        Ok(Self::new(move || {
            has_arrived.swap(false, Ordering::Relaxed)
        }))
    }

    pub fn none() -> Self {
        Self::new(|| false)
    }
}

impl<'a> Interrupts<'a> {
    pub fn new(has_arrived: impl FnMut() -> bool + 'a) -> Self {
        Self {
            has_arrived: Box::new(has_arrived),
            count: 0,
        }
    }

    /// Polls for an interrupt, and returns the number of interrupts so far.
    pub fn count(&mut self) -> u32 {
        self.count += u32::from((self.has_arrived)());
        self.count
    }

    /// Whether an interrupt was counted.
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
