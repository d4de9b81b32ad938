// SPDX-License-Identifier: GPL-2.0

//! Wall-clock time and CPU time. The latter excludes other programs; it suits code that never
//! sleeps.

use std::time::Instant;

use nix::time::{clock_gettime, ClockId};

/// A running stopwatch of the calling thread.
pub struct Clock {
    wall: Instant,
    cpu_ns: i64,
}

impl Clock {
    pub fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu_ns: cpu_ns(),
        }
    }

    /// The wall-clock seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.wall.elapsed().as_secs_f64()
    }

    /// The CPU seconds of this thread since the start.
    pub fn cpu_seconds(&self) -> f64 {
        (cpu_ns() - self.cpu_ns) as f64 / 1e9
    }
}

fn cpu_ns() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{thread, time::Duration};

    #[test]
    fn sleep_takes_no_cpu_time() {
        let clock = Clock::start();
        thread::sleep(Duration::from_millis(200));
        assert!(clock.seconds() >= 0.2);
        assert!(clock.cpu_seconds() < 0.1);
    }
}
