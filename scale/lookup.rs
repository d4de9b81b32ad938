// SPDX-License-Identifier: GPL-2.0

//! `scale=lookup`: what a lookup costs in the table that the device serves.
//!
//! It is [`Snapshot::next_hop_ref`](crate::rcu_table::Snapshot::next_hop_ref) that is asked, what a data plane needs, within sections of as many lookups as a driver
//! handles packets in one poll. In streams a, b and d the processor works on several lookups at once, in c it
//! cannot. See [`stream`](super::stream) for them.

use super::{
    knobs::{family_name, Writer},
    rendezvous::{self, Work},
    row::{Figures, Label},
    run::Run,
    stream::{Address, Hash, Prefixes, Stream},
    writer::{Churn, Writing},
};
use crate::{
    kernel_ext::sched,
    rcu_table::{read_lock, Family, Guard, Table},
};
use core::{
    hint::black_box,
    net::{Ipv4Addr, Ipv6Addr},
};
use kernel::{prelude::*, sync::Arc};

/// Lookups in one read-side critical section: C's `NAPI_POLL_WEIGHT`.
const SECTION: usize = 64;

/// The most addresses of a stream; readers that want more begin again.
const MAX_ADDRESSES: usize = 1 << 22;

/// The streams that are measured.
const STREAMS: [&str; 4] = ["a", "b", "c", "d"];
/// Those that are measured beside a writer, and without it.
const STREAMS_WITH_WRITER: [&str; 2] = ["b", "c"];

#[inline(never)]
fn answer<A: Address>(table: &Table, address: A, guard: &Guard) -> u64 {
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
    /// How far readers begin apart, in batches.
    apart: usize,
}

impl<A: Address> Lookups<A> {
    /// Looks addresses up; the sum of what the answers are about.
    fn independent(&self, addresses: &[A]) -> u64 {
        let mut sum = 0_u64;
        for section in addresses.chunks(SECTION) {
            let guard = read_lock();
            for address in section {
                sum = sum.wrapping_add(answer(&self.table, *address, &guard));
            }
        }
        sum
    }

    /// The same, where each address has to wait for the last answer.
    fn dependent(&self, addresses: &[A]) -> u64 {
        // Which the compiler does not know.
        let no_bits: usize = black_box(0);
        let mut sum = 0_u64;
        let mut last = 0;
        for section in addresses.chunks(SECTION) {
            let guard = read_lock();
            for number in 0..section.len() {
                let Some(address) = section.get(number + (last as usize & no_bits)) else {
                    break;
                };
                last = answer(&self.table, *address, &guard);
                sum = sum.wrapping_add(last);
            }
        }
        sum
    }
}

impl<A: Address> Work for Lookups<A> {
    fn pass(&self, reader: usize, batch: usize) {
        let addresses = self.stream.batch(batch + reader * self.apart);
        black_box(match self.is_chained {
            false => self.independent(addresses),
            true => self.dependent(addresses),
        });
    }
}

/// The streams of one family.
struct Streams<A> {
    anywhere: Arc<Stream<A>>,
    inside: Arc<Stream<A>>,
    same: Arc<Stream<A>>,
}

impl<A: Address> Streams<A> {
    fn new(run: &Run) -> Result<Option<Self>> {
        let (count, seed) = (run.plan.loops as usize, run.plan.seed.into());
        let count = count.min(MAX_ADDRESSES);
        let prefixes = Prefixes::of(&run.table)?;
        if prefixes.len() == 0 {
            return Ok(None);
        }
        let inside = Stream::inside(&prefixes, count, seed)?;
        Ok(Some(Self {
            anywhere: Arc::new(Stream::anywhere(count, seed)?, GFP_KERNEL)?,
            same: Arc::new(Stream::same(&inside)?, GFP_KERNEL)?,
            inside: Arc::new(inside, GFP_KERNEL)?,
        }))
    }

    fn called(&self, name: &str) -> &Arc<Stream<A>> {
        match name {
            "a" => &self.anywhere,
            "d" => &self.same,
            _ => &self.inside,
        }
    }

    /// Tells what is asked, and what the table answers before anyone changes it.
    fn describe(&self, run: &Run) -> Result {
        for name in ["a", "b"] {
            let stream = self.called(name);
            let keys = [("family", family_name(A::FAMILY)), ("stream", name)];
            let figures = Figures::Stream {
                count: stream.addresses().len(),
                addresses: stream.hash(),
                answers: answers(&run.table, stream.addresses()),
            };
            run.rows.put(Label::new(keys, None), figures)?;
        }
        Ok(())
    }

    /// Measures one stream.
    fn measure(
        &self,
        run: &Arc<Run>,
        name: &'static str,
        readers: u32,
        writing: Option<&Writing>,
    ) -> Result {
        if run.is_stopped() {
            return Ok(());
        }
        let stream = self.called(name).clone();
        let batches = stream.addresses().len() / rendezvous::BATCH;
        let work = Lookups {
            table: run.table.clone(),
            is_chained: name == "c",
            apart: batches.checked_div(run.plan.readers as usize).unwrap_or(0),
            stream,
        };
        let keys = [
            ("family", family_name(A::FAMILY)),
            ("stream", name),
            (
                "writer",
                writing.map_or(Writer::None, Writing::writer).name(),
            ),
        ];
        let Some(measured) = rendezvous::measure(run, readers, work)? else {
            return Ok(());
        };
        let changes = writing.and_then(|writing| writing.changes_per_second(run));
        let label = Label::new(keys, Some(readers));
        run.rows.add(label, run.plan.runs, &measured, changes)
    }

    /// Measures all that was asked for, once.
    fn measure_all(&self, run: &Arc<Run>, churn: Option<&Churn>) -> Result {
        for readers in run.plan.crowds() {
            let Some(churn) = churn else {
                for name in STREAMS {
                    self.measure(run, name, readers, None)?;
                }
                continue;
            };
            for name in STREAMS_WITH_WRITER {
                self.measure(run, name, readers, None)?;
                churn.beside_each(run, |writing| {
                    self.measure(run, name, readers, Some(writing))
                })?;
            }
        }
        Ok(())
    }
}

/// The hash of the answers to all addresses.
fn answers<A: Address>(table: &Table, addresses: &[A]) -> u64 {
    let mut hash = Hash::new();
    for batch in addresses.chunks(rendezvous::BATCH) {
        let guard = read_lock();
        for address in batch {
            hash.add(answer(table, *address, &guard));
        }
        drop(guard);
        sched::yield_now();
    }
    hash.0
}

/// Measures the families that were asked for and have routes.
///
/// Errors: `ENOENT` without routes, `ENOMEM`, `ENXIO` if a CPU goes offline. Context: may sleep.
pub(super) fn measure(run: &Arc<Run>) -> Result {
    let wants = |family| run.plan.families().any(|wanted| wanted == family);
    let inet = match wants(Family::Inet) {
        true => Streams::<Ipv4Addr>::new(run)?,
        false => None,
    };
    let inet6 = match wants(Family::Inet6) {
        true => Streams::<Ipv6Addr>::new(run)?,
        false => None,
    };
    if inet.is_none() && inet6.is_none() {
        pr_err!("parameter scale: the table has no such routes; load some before\n");
        return Err(ENOENT);
    }
    if let Some(streams) = &inet {
        streams.describe(run)?;
    }
    if let Some(streams) = &inet6 {
        streams.describe(run)?;
    }
    let churn = match run.plan.writer {
        Writer::None => None,
        _ => Some(Churn::new(run)?),
    };
    let churn = churn.as_ref();
    run.repeat(|| {
        if let Some(streams) = &inet {
            streams.measure_all(run, churn)?;
        }
        if let Some(streams) = &inet6 {
            streams.measure_all(run, churn)?;
        }
        Ok(())
    })
}
