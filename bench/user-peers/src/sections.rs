// SPDX-License-Identifier: GPL-2.0

//! What a read-side section costs, by way of `c/sections.c`: liburcu's flavours, POSIX's locks, and nothing. In
//! each section one shared pointer is dereferenced. Time on the wall counts, as some of them wait.

use std::hint::black_box;

use anyhow::Result;

use crate::crew::{self, Work};
use crate::row::Row;

/// Sections of one piece of a pass.
const PIECE: u64 = 4096;

extern "C" {
    fn peers_read_begin();
    fn peers_read_end();
    fn peers_read_nothing(count: u64) -> u64;
    fn peers_read_memb(count: u64) -> u64;
    fn peers_read_mb(count: u64) -> u64;
    fn peers_read_qsbr(count: u64) -> u64;
    fn peers_read_bp(count: u64) -> u64;
    fn peers_read_rwlock(count: u64) -> u64;
    fn peers_read_mutex(count: u64) -> u64;
}

/// A primitive; its function is for threads between `peers_read_begin()` and `peers_read_end()`.
#[derive(Clone, Copy)]
struct Primitive {
    name: &'static str,
    pass: unsafe extern "C" fn(u64) -> u64,
}

const PRIMITIVES: [Primitive; 7] = [
    Primitive {
        name: "nothing",
        pass: peers_read_nothing,
    },
    Primitive {
        name: "urcu-memb",
        pass: peers_read_memb,
    },
    Primitive {
        name: "urcu-mb",
        pass: peers_read_mb,
    },
    Primitive {
        name: "urcu-qsbr",
        pass: peers_read_qsbr,
    },
    Primitive {
        name: "urcu-bp",
        pass: peers_read_bp,
    },
    Primitive {
        name: "pthread_rwlock",
        pass: peers_read_rwlock,
    },
    Primitive {
        name: "pthread_mutex",
        pass: peers_read_mutex,
    },
];

impl Work for Primitive {
    fn begin(&self) {
        // SAFETY: `Crew` calls it once in a thread, before any pass.
        unsafe { peers_read_begin() };
    }

    fn pass(&self, _reader: usize, _piece: usize) {
        // SAFETY: Between `begin()` and `end()`.
        black_box(unsafe { (self.pass)(PIECE) });
    }

    fn end(&self) {
        // SAFETY: After the last pass, in the thread that began.
        unsafe { peers_read_end() };
    }
}

/// Measures all of them, with one reader and with more.
pub fn measure(sections: usize, readers: usize, runs: usize) -> Result<()> {
    let pieces = sections.div_ceil(PIECE as usize).max(1);
    let crowds = || 1..=readers;
    let mut tasks: Vec<(Primitive, usize, Vec<f64>)> = PRIMITIVES
        .into_iter()
        .flat_map(|primitive| crowds().map(move |readers| (primitive, readers, Vec::new())))
        .collect();
    for _ in 0..runs {
        for (primitive, readers, found) in &mut tasks {
            let times = crew::measure(*readers, pieces, primitive)?;
            found.push(times.wall * 1e9 / (pieces as f64 * PIECE as f64));
        }
    }
    for (primitive, readers, found) in tasks {
        let row = Row {
            what: Some(primitive.name),
            readers: Some(readers),
            ..Row::new("read")
        };
        row.with_runs(found).print()?;
    }
    Ok(())
}
