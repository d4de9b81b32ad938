// SPDX-License-Identifier: GPL-2.0

//! Signals that ask this program to end: for a run they are a wish to stop it, and to see how it
//! came out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register;

use crate::error::{Error, Result};

pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on these signals no longer end this program.
    pub fn new() -> Result<Self> {
        let came = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            register(signal, came.clone()).map_err(Error::io("setting up Ctrl-C"))?;
        }
        Ok(Self(came))
    }

    /// Whether one came since the last call.
    pub fn came(&self) -> bool {
        // ORDERING: It stands for nothing but itself.
        self.0.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_seen_once() {
        let interrupt = Interrupt::new().expect("signals");
        assert!(!interrupt.came());
        signal_hook::low_level::raise(SIGTERM).expect("a signal of ours");
        assert!(interrupt.came());
        assert!(!interrupt.came());
    }
}
