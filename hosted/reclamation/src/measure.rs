// SPDX-License-Identifier: GPL-2.0

//! Measures the costs of a scheme, and the memory behind a reader that does not end.

use crate::{
    schemes::{Bound, Unprotected},
    Reader, Routes, Scheme, Versions,
};
use std::{
    hint::black_box,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc, Mutex,
    },
    thread,
    time::{Duration, Instant},
};

/// The routes of the measured table.
const ROUTES: u32 = 256;

/// The address of the first route: 10.0.0.0.
const NETWORK: u32 = 10 << 24;

/// The lookups between two checks for the end of a measurement.
const BATCH: u64 = 256;

/// An updater that shows no progress for this time is blocked.
const BLOCKED_TIME: Duration = Duration::from_millis(300);

/// The limit for events that must happen.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An updater pauses when this many old tables await reclaim, so that memory suffices.
const MAX_BACKLOG: usize = 20_000;

/// Returns the first table that is measured: /24 routes below 10.0.0.0/8.
fn first_table(versions: &Versions) -> Routes {
    let routes: Vec<_> = (0..ROUTES).map(|i| (NETWORK | (i << 8), 24, i)).collect();
    Routes::new(&routes, versions)
}

/// The costs of a scheme with some readers.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// The time of a lookup as a reader measures it, in nanoseconds.
    pub lookup_ns: f64,
    /// The updates of one updater per second; 0 without an updater.
    pub updates_per_second: f64,
}

/// Looks addresses up until `stop` is set. Returns the time of one lookup in nanoseconds.
fn look_up(reader: &mut impl Reader, stop: &AtomicBool) -> f64 {
    let (start, mut lookups, mut random) = (Instant::now(), 0, 1_u32);
    // A busy machine may start this thread after the end.
    while lookups == 0 || !stop.load(Ordering::Relaxed) {
        for _ in 0..BATCH {
            // Marsaglia's xorshift generator.
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            let address = NETWORK | (random % (ROUTES << 8));
            black_box(reader.read(|routes| routes.lookup(address)));
        }
        lookups += BATCH;
    }
    start.elapsed().as_nanos() as f64 / lookups as f64
}

/// Runs readers for a duration, and `updater` meanwhile. Returns the mean time of a lookup.
fn run_readers(
    readers: usize,
    duration: Duration,
    read: impl Fn(&AtomicBool) -> f64 + Sync,
    updater: impl FnOnce(&AtomicBool) + Send,
) -> f64 {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..readers).map(|_| scope.spawn(|| read(&stop))).collect();
        scope.spawn(|| updater(&stop));
        thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
        let times = threads.into_iter().map(|thread| thread.join().unwrap());
        times.sum::<f64>() / readers as f64
    })
}

/// Measures readers of a table without protection, in nanoseconds a lookup.
pub fn baseline(readers: usize, duration: Duration) -> f64 {
    let routes = first_table(&Versions::default());
    let read = |stop: &AtomicBool| look_up(&mut Unprotected(&routes), stop);
    run_readers(readers, duration, read, |_| ())
}

/// Measures readers, and one updater if `is_updated`.
pub fn cost<S: Scheme>(readers: usize, is_updated: bool, duration: Duration) -> Cost {
    let versions = Versions::default();
    let scheme = S::new(first_table(&versions));
    let updates = AtomicUsize::new(0);
    let start = Instant::now();
    let read = |stop: &AtomicBool| look_up(&mut scheme.reader(), stop);
    let lookup_ns = run_readers(readers, duration, read, |stop| {
        while is_updated && !stop.load(Ordering::Relaxed) {
            if versions.live() > MAX_BACKLOG {
                thread::yield_now();
                continue;
            }
            let number = updates.fetch_add(1, Ordering::Relaxed) as u32;
            scheme.update(|old| old.with(NETWORK | ((number % ROUTES) << 8), number));
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    Cost {
        lookup_ns,
        updates_per_second: updates.into_inner() as f64 / seconds,
    }
}

/// The memory behind a reader that did not end.
#[derive(Clone, Debug)]
pub struct Behind {
    /// The number of updates, and the tables that were not freed after them.
    pub points: Vec<(usize, usize)>,
    /// The number of updates that returned before the reader ended.
    pub updates: usize,
    /// The tables that were not freed after these updates.
    pub live: usize,
    /// The memory of these tables, in bytes.
    pub bytes: usize,
    /// The tables that remained after the reader had ended.
    pub remaining: usize,
}

/// Updates a table behind a reader that does not end before.
///
/// # Panics
///
/// If the reader's table changes, or if the updater blocks though `bound` says otherwise.
pub fn behind_a_stalled_reader<S: Scheme>(updates: usize, bound: Bound) -> Behind {
    let versions = Versions::default();
    let scheme = S::new(first_table(&versions));
    let bytes = first_table(&Versions::default()).bytes();
    let (entered, wait_entered) = mpsc::channel();
    let (release, wait_release) = mpsc::channel::<()>();
    let done = AtomicUsize::new(0);
    let points = Mutex::new(vec![(0, versions.live())]);
    let mut behind = thread::scope(|scope| {
        scope.spawn(|| {
            scheme.reader().read(move |routes| {
                let before = routes.lookup(NETWORK);
                entered.send(()).expect("the main thread waits");
                wait_release
                    .recv()
                    .expect("the main thread ends the reader");
                assert_eq!(routes.lookup(NETWORK), before, "a reader's table changed");
            });
        });
        wait_entered.recv().expect("the reader waits");
        let updater = scope.spawn(|| {
            for number in 1..=updates {
                scheme.update(|old| old.with(NETWORK, number as u32));
                done.store(number, Ordering::SeqCst);
                if number % updates.div_ceil(100) == 0 || number == updates {
                    points.lock().unwrap().push((number, versions.live()));
                }
            }
        });
        let limit = match bound {
            Bound::UpdaterBlocks => BLOCKED_TIME,
            _ => TIMEOUT,
        };
        let start = Instant::now();
        while !updater.is_finished() && start.elapsed() < limit {
            thread::sleep(Duration::from_millis(1));
        }
        let behind = Behind {
            points: points.lock().unwrap().clone(),
            updates: done.load(Ordering::SeqCst),
            live: versions.live(),
            bytes: versions.live() * bytes,
            remaining: 0,
        };
        release.send(()).expect("the reader waits");
        behind
    });
    let start = Instant::now();
    while versions.live() > 1 && start.elapsed() < TIMEOUT {
        scheme.reclaim();
    }
    behind.remaining = versions.live();
    behind
}
