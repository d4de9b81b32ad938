// SPDX-License-Identifier: GPL-2.0

//! Readers that are timed while all of them read, each bound to a processor of its own.

use std::hint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{ensure, Result};
use nix::sched::{sched_getaffinity, sched_setaffinity, CpuSet};
use nix::unistd::Pid;
use table_bench::clock::Clock;

/// What readers do.
pub trait Work: Sync {
    /// A piece of it. Which one only matters to who walks through something.
    fn pass(&self, reader: usize, piece: usize);

    /// What a thread does before its first piece.
    fn begin(&self) {}

    /// What a thread does after its last one.
    fn end(&self) {}
}

/// How long a reader took.
#[derive(Clone, Copy, Default)]
pub struct Times {
    /// Seconds on the wall.
    pub wall: f64,
    /// Seconds on its processor.
    pub processor: f64,
}

/// The processors that this program may use.
pub fn processors() -> Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    let is_in = |cpu: &usize| set.is_set(*cpu).unwrap_or(false);
    Ok((0..CpuSet::count()).filter(is_in).collect())
}

/// Has so many readers do so many pieces each; what they took on average.
pub fn measure(readers: usize, pieces: usize, work: &impl Work) -> Result<Times> {
    let processors = processors()?;
    ensure!(
        readers <= processors.len(),
        "{readers} readers, but {} processors",
        processors.len()
    );
    let crew = Crew {
        readers,
        pieces,
        arrived: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
    };
    let found: Result<Vec<Times>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..readers)
            .map(|reader| {
                let (crew, cpu) = (&crew, processors[reader]);
                scope.spawn(move || crew.read(reader, cpu, work))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a reader does not panic"))
            .collect()
    });
    let found = found?;
    let mean = |of: fn(&Times) -> f64| found.iter().map(of).sum::<f64>() / readers as f64;
    Ok(Times {
        wall: mean(|times| times.wall),
        processor: mean(|times| times.processor),
    })
}

struct Crew {
    readers: usize,
    pieces: usize,
    arrived: AtomicUsize,
    done: AtomicUsize,
}

// ORDERING: Only the numbers matter.
impl Crew {
    /// What a reader's thread does.
    fn read(&self, reader: usize, cpu: usize, work: &impl Work) -> Result<Times> {
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
            processor: clock.cpu_seconds(),
        };
        self.done.fetch_add(1, Ordering::Relaxed);
        // Others are still being timed.
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

    /// Notes which reader did what.
    struct Notes(Mutex<Vec<(usize, usize)>>);

    impl Work for Notes {
        fn pass(&self, reader: usize, piece: usize) {
            self.0.lock().expect("nobody panics").push((reader, piece));
        }
    }

    #[test]
    fn readers_begin_only_when_all_are_there() {
        let notes = Notes(Mutex::new(Vec::new()));
        let readers = processors().expect("some").len().min(2);
        measure(readers, 3, &notes).expect("so many processors");
        let notes = notes.0.into_inner().expect("nobody panics");
        let first_of = |wanted| notes.iter().position(|(reader, _)| *reader == wanted);
        let second_piece = notes.iter().position(|(_, piece)| *piece == 1);
        for reader in 0..readers {
            assert!(first_of(reader) < second_piece);
            for piece in 0..3 {
                assert!(notes.contains(&(reader, piece)));
            }
        }
    }
}
