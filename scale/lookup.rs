// SPDX-License-Identifier: GPL-2.0

//! `scale=lookup`: the cost of a lookup in the device's table, or beside a writer in a copy of it.
//!
//! Readers call [`Snapshot::next_hop_ref`](crate::rcu_table::Snapshot::next_hop_ref), which returns
//! the next hop without copying the route, as a data plane needs it. A critical section has as many
//! lookups as a driver handles packets in one poll. In streams a, b and d the processor overlaps
//! several lookups; in stream c it cannot. [`stream`](super::stream) describes the streams.

use super::{
    copy::copy_table,
    knobs::Writer,
    measurement::Measurement,
    rendezvous::{self, Work},
    row::{family_name, Figures, Label},
    run::Run,
    stream::{no_routes, Address, Hash, Prefixes, Stream},
    writer::{RunningWriter, Writers},
};
use crate::{
    kernel_ext::{params::Choice, sched},
    rcu_table::{read_lock, Family, Guard, Table},
};
use core::{
    hint::black_box,
    net::{Ipv4Addr, Ipv6Addr},
};
use kernel::{prelude::*, sync::Arc};

pub(super) const LOOKUP: Measurement = Measurement {
    name: "lookup",
    default_loops: 1 << 20,
    uses_table: true,
    uses_writer: true,
    keeps_latencies: false,
    measure,
};

/// Lookups in one read-side critical section: C's `NAPI_POLL_WEIGHT`.
const SECTION: usize = 64;

/// The most addresses of a stream. Readers with more passes start again at its beginning.
const MAX_ADDRESSES: usize = 1 << 22;

const STREAMS: [&str; 4] = ["a", "b", "c", "d"];
/// The streams that are measured with and without a writer.
const STREAMS_WITH_WRITER: [&str; 2] = ["b", "c"];

#[inline(never)]
fn look_up<A: Address>(table: &Table, address: A, guard: &Guard) -> u64 {
    table
        .snapshot(guard)
        .next_hop_ref(address.into())
        .map_or(0, |hop| hop.digest())
}

/// Readers of one stream.
struct Lookups<A> {
    table: Arc<Table>,
    stream: Arc<Stream<A>>,
    is_chained: bool,
    /// Batches in the stream between the first batches of two readers.
    spacing: usize,
}

impl<A: Address> Lookups<A> {
    /// Looks up addresses, and returns the sum of the answers' digests.
    fn independent(&self, addresses: &[A]) -> u64 {
        let mut sum = 0_u64;
        for section in addresses.chunks(SECTION) {
            let guard = read_lock();
            for address in section {
                sum = sum.wrapping_add(look_up(&self.table, *address, &guard));
            }
        }
        sum
    }

    /// Looks up addresses, each of which depends on the previous answer.
    fn dependent(&self, addresses: &[A]) -> u64 {
        // Zero, unknown to the compiler.
        let no_bits: usize = black_box(0);
        let mut sum = 0_u64;
        let mut last = 0;
        for section in addresses.chunks(SECTION) {
            let guard = read_lock();
            for number in 0..section.len() {
                let Some(address) = section.get(number + (last as usize & no_bits)) else {
                    break;
                };
                last = look_up(&self.table, *address, &guard);
                sum = sum.wrapping_add(last);
            }
        }
        sum
    }
}

impl<A: Address> Work for Lookups<A> {
    fn run_batch(&self, reader: usize, batch: usize) {
        let addresses = self.stream.batch(batch + reader * self.spacing);
        black_box(match self.is_chained {
            false => self.independent(addresses),
            true => self.dependent(addresses),
        });
    }
}

/// The streams of one family, and the table in which they are looked up.
struct Streams<A> {
    table: Arc<Table>,
    anywhere: Arc<Stream<A>>,
    inside: Arc<Stream<A>>,
    same: Arc<Stream<A>>,
}

impl<A: Address> Streams<A> {
    fn new(run: &Run, table: &Arc<Table>) -> Result<Option<Self>> {
        let (count, seed) = (run.plan.loops as usize, run.plan.seed.into());
        let count = count.min(MAX_ADDRESSES);
        let prefixes = Prefixes::of(table)?;
        if prefixes.len() == 0 {
            return Ok(None);
        }
        let inside = Stream::inside(&prefixes, count, seed)?;
        Ok(Some(Self {
            anywhere: Arc::new(Stream::anywhere(count, seed)?, GFP_KERNEL)?,
            same: Arc::new(Stream::same(&inside)?, GFP_KERNEL)?,
            inside: Arc::new(inside, GFP_KERNEL)?,
            table: table.clone(),
        }))
    }

    fn get(&self, name: &str) -> &Arc<Stream<A>> {
        match name {
            "a" => &self.anywhere,
            "d" => &self.same,
            _ => &self.inside,
        }
    }

    /// Adds the hashes of the addresses, and of the table's answers before a writer begins.
    fn add_hashes(&self, run: &Run) -> Result {
        for name in ["a", "b"] {
            let stream = self.get(name);
            let keys = [("family", family_name(A::FAMILY)), ("stream", name)];
            let figures = Figures::Stream {
                count: stream.addresses().len(),
                addresses: stream.hash(),
                answers: hash_of_answers(&self.table, stream.addresses()),
            };
            run.rows.set(Label::new(keys, None), figures)?;
        }
        Ok(())
    }

    /// Measures one stream once.
    fn measure(
        &self,
        run: &Arc<Run>,
        name: &'static str,
        readers: u32,
        writer: Option<&RunningWriter>,
    ) -> Result {
        if run.is_stopped() {
            return Ok(());
        }
        let stream = self.get(name).clone();
        let batches = stream.addresses().len() / rendezvous::BATCH;
        let work = Lookups {
            table: self.table.clone(),
            is_chained: name == "c",
            spacing: batches.checked_div(run.plan.readers as usize).unwrap_or(0),
            stream,
        };
        let keys = [
            ("family", family_name(A::FAMILY)),
            ("stream", name),
            (
                "writer",
                writer.map_or(Writer::None.name(), RunningWriter::name),
            ),
        ];
        let Some(times) = rendezvous::measure(run, readers, work)? else {
            return Ok(());
        };
        let changes = writer.and_then(|writer| writer.changes_per_second(run));
        let label = Label::new(keys, Some(readers));
        run.rows.add_passes(label, run.plan.runs, &times, changes)
    }

    /// Measures all streams once.
    fn measure_all(&self, run: &Arc<Run>, writers: Option<&Writers>) -> Result {
        for readers in run.plan.reader_counts() {
            let Some(writers) = writers else {
                for name in STREAMS {
                    self.measure(run, name, readers, None)?;
                }
                continue;
            };
            for name in STREAMS_WITH_WRITER {
                self.measure(run, name, readers, None)?;
                writers.measure_beside_each(run, |writer| {
                    self.measure(run, name, readers, Some(writer))
                })?;
            }
        }
        Ok(())
    }
}

/// Returns the hash of the answers to all addresses.
fn hash_of_answers<A: Address>(table: &Table, addresses: &[A]) -> u64 {
    let mut hash = Hash::new();
    for batch in addresses.chunks(rendezvous::BATCH) {
        let guard = read_lock();
        for address in batch {
            hash.add(look_up(table, *address, &guard));
        }
        drop(guard);
        sched::yield_now();
    }
    hash.0
}

/// Measures the requested families that have routes.
///
/// Errors: `ENOENT` without routes, `ENOMEM`, `ENXIO` if a CPU goes offline. Context: may sleep.
fn measure(run: &Arc<Run>) -> Result {
    let table = match run.plan.writer {
        Writer::None => run.table.clone(),
        _ => copy_table(run)?,
    };
    let inet = match run.plan.families.contains(Family::Inet) {
        true => Streams::<Ipv4Addr>::new(run, &table)?,
        false => None,
    };
    let inet6 = match run.plan.families.contains(Family::Inet6) {
        true => Streams::<Ipv6Addr>::new(run, &table)?,
        false => None,
    };
    if inet.is_none() && inet6.is_none() {
        return Err(no_routes());
    }
    if let Some(streams) = &inet {
        streams.add_hashes(run)?;
    }
    if let Some(streams) = &inet6 {
        streams.add_hashes(run)?;
    }
    let writers = match run.plan.writer {
        Writer::None => None,
        _ => Some(Writers::new(run, &table)?),
    };
    let writers = writers.as_ref();
    run.repeat(|| {
        if let Some(streams) = &inet {
            streams.measure_all(run, writers)?;
        }
        if let Some(streams) = &inet6 {
            streams.measure_all(run, writers)?;
        }
        Ok(())
    })
}
