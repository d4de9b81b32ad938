// SPDX-License-Identifier: GPL-2.0

//! Times readers while all of them run, each bound to its own CPU.

use std::hint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{ensure, Result};
use nix::sched::{sched_getaffinity, sched_setaffinity, CpuSet};
use nix::unistd::Pid;
use table_bench::clock::Clock;

/// The work of readers, divided into pieces.
pub trait Work: Sync {
    /// Does piece number `piece`.
    fn pass(&self, reader: usize, piece: usize);

    /// Called in each thread before its first piece.
    fn begin(&self) {}

    /// Called in each thread after its last piece.
    fn end(&self) {}
}

/// The time that a reader took, in seconds.
#[derive(Clone, Copy, Default)]
pub struct Times {
    pub wall: f64,
    pub cpu: f64,
}

/// The CPUs that this program may use.
pub fn cpus() -> Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    let is_in = |cpu: &usize| set.is_set(*cpu).unwrap_or(false);
    Ok((0..CpuSet::count()).filter(is_in).collect())
}

/// Runs readers that do `pieces` pieces each. Returns the mean of their times.
pub fn measure(readers: usize, pieces: usize, work: &impl Work) -> Result<Times> {
    let cpus = cpus()?;
    ensure!(
        readers <= cpus.len(),
        "{readers} readers need as many CPUs; this program may use {}",
        cpus.len()
    );
    let group = Readers {
        readers,
        pieces,
        arrived: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
    };
    let times: Result<Vec<Times>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..readers)
            .map(|reader| {
                let (group, cpu) = (&group, cpus[reader]);
                scope.spawn(move || group.run(reader, cpu, work))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a reader does not panic"))
            .collect()
    });
    let times = times?;
    let mean = |of: fn(&Times) -> f64| times.iter().map(of).sum::<f64>() / readers as f64;
    Ok(Times {
        wall: mean(|times| times.wall),
        cpu: mean(|times| times.cpu),
    })
}

struct Readers {
    readers: usize,
    pieces: usize,
    arrived: AtomicUsize,
    done: AtomicUsize,
}

// ORDERING: The counters publish no other data.
impl Readers {
    /// The body of a reader's thread.
    fn run(&self, reader: usize, cpu: usize, work: &impl Work) -> Result<Times> {
        let bound = bind(cpu);
        work.begin();
        work.pass(reader, 0);
        self.arrived.fetch_add(1, Ordering::Relaxed);
        while self.arrived.load(Ordering::Relaxed) < self.readers {
            hint::spin_loop();
        }
        let clock = Clock::start();
        for piece in 0..self.pieces {
            work.pass(reader, piece);
        }
        let times = Times {
            wall: clock.seconds(),
            cpu: clock.cpu_seconds(),
        };
        self.done.fetch_add(1, Ordering::Relaxed);
        // Keeps the load the same while other readers are timed.
        let mut piece = 0;
        while self.done.load(Ordering::Relaxed) < self.readers {
            work.pass(reader, piece % self.pieces);
            piece += 1;
        }
        work.end();
        bound?;
        Ok(times)
    }
}

fn bind(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Records the pieces of each reader.
    struct Log(Mutex<Vec<(usize, usize)>>);

    impl Work for Log {
        fn pass(&self, reader: usize, piece: usize) {
            self.0.lock().expect("no panic").push((reader, piece));
        }
    }

    #[test]
    fn readers_start_after_all_have_arrived() {
        let log = Log(Mutex::new(Vec::new()));
        let readers = cpus().expect("a CPU").len().min(2);
        measure(readers, 3, &log).expect("enough CPUs");
        let log = log.0.into_inner().expect("no panic");
        let first_of = |wanted| log.iter().position(|(reader, _)| *reader == wanted);
        let second_piece = log.iter().position(|(_, piece)| *piece == 1);
        for reader in 0..readers {
            assert!(first_of(reader) < second_piece);
            for piece in 0..3 {
                assert!(log.contains(&(reader, piece)));
            }
        }
    }
}
