// SPDX-License-Identifier: GPL-2.0

//! How long something takes, on the wall and on the processor: where a thread never waits, the latter
//! leaves out what other programs do.

use std::time::Instant;

use nix::time::{clock_gettime, ClockId};

/// When something began.
pub struct Clock {
    wall: Instant,
    processor: i64,
}

impl Clock {
    /// Starts a clock, for this thread.
    pub fn start() -> Self {
        Self {
            wall: Instant::now(),
            processor: processor_time(),
        }
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.wall.elapsed().as_secs_f64()
    }

    /// Seconds that this thread has been on a processor since the start.
    pub fn processor_seconds(&self) -> f64 {
        (processor_time() - self.processor) as f64 / 1e9
    }
}

/// Nanoseconds that this thread has been on a processor.
fn processor_time() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{thread, time::Duration};

    #[test]
    fn sleep_takes_no_processor() {
        let clock = Clock::start();
        thread::sleep(Duration::from_millis(200));
        assert!(clock.seconds() >= 0.2);
        assert!(clock.processor_seconds() < 0.1);
    }
}
