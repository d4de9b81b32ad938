// SPDX-License-Identifier: GPL-2.0

//! Measures read-side sections of `c/sections.c`: liburcu's flavours, POSIX locks, and nothing.
//! Each section dereferences one shared pointer. The figures are wall-clock time, as locks may
//! sleep.

use std::hint::black_box;

use anyhow::Result;

use crate::readers::{self, Work};
use crate::row::Row;

/// The sections of one piece of work.
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

/// A primitive. Only a thread between `peers_read_begin()` and `peers_read_end()` may call `pass`.
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
        // SAFETY: A reader's thread calls `begin()` once, before any pass.
        unsafe { peers_read_begin() };
    }

    fn pass(&self, _reader: usize, _piece: usize) {
        // SAFETY: A reader's thread calls `pass()` only between `begin()` and `end()`.
        black_box(unsafe { (self.pass)(PIECE) });
    }

    fn end(&self) {
        // SAFETY: A reader's thread calls `end()` once, after its last pass.
        unsafe { peers_read_end() };
    }
}

/// Measures all primitives, each with 1 to `max_readers` readers.
pub fn measure(sections: usize, max_readers: usize, runs: usize) -> Result<()> {
    let pieces = sections.div_ceil(PIECE as usize).max(1);
    let mut tasks: Vec<(Primitive, usize, Vec<f64>)> = PRIMITIVES
        .into_iter()
        .flat_map(|primitive| {
            (1..=max_readers).map(move |readers| (primitive, readers, Vec::new()))
        })
        .collect();
    for _ in 0..runs {
        for (primitive, readers, figures) in &mut tasks {
            let times = readers::measure(*readers, pieces, primitive)?;
            figures.push(times.wall * 1e9 / (pieces as f64 * PIECE as f64));
        }
    }
    for (primitive, readers, figures) in tasks {
        let row = Row {
            what: Some(primitive.name),
            readers: Some(readers),
            ..Row::new("read")
        };
        row.with_runs(figures).print()?;
    }
    Ok(())
}
