// SPDX-License-Identifier: GPL-2.0

//! The ioctls that copy the table, get exact routes, and look up numbers, beside updaters. The
//! client of `tests/uapi` checks their arguments.

use std::{
    collections::{btree_map::Entry, BTreeMap},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::{errno::Errno, fcntl::OFlag};

use crate::{
    device::{self, Device, Stats},
    ioctl::{self, Address, Dump, Key, Route},
    memory::UnresolvedPage,
    routes,
    tap::{ensure, equal, fail, skip, During, Group, Outcome, Test},
};

/// The time for which a test runs beside an updater.
const TIME: Duration = Duration::from_millis(500);

/// Returns the address of a test's route: [`routes::lines`] has host routes from 10.0.0.0 on.
fn host(number: u32) -> Address {
    Address::inet((0x0a00_0000 + number).to_be_bytes())
}

/// Runs `body` while another thread repeats `change` with growing numbers.
fn beside_updates(
    change: impl Fn(u64) -> Outcome + Sync,
    body: impl FnOnce() -> Outcome,
) -> Outcome {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let updater = scope.spawn(|| {
            let mut number = 0;
            while !is_done.load(Ordering::Relaxed) {
                number += 1;
                change(number)?;
            }
            Ok(())
        });
        let result = body();
        is_done.store(true, Ordering::Relaxed);
        result.and(updater.join().unwrap_or(fail("panicked")))
    })
}

/// Copies the table, `size` routes a call. Returns the routes and the last structure.
fn dump(device: &Device, size: usize) -> Outcome<(Vec<Route>, Dump)> {
    let (mut all, mut piece) = (Vec::new(), vec![Route::default(); size]);
    let mut args = Dump {
        more: 1,
        ..Dump::default()
    };
    while args.more == 1 {
        ioctl::dump(device, &mut args, &mut piece).during("DUMP")?;
        all.extend_from_slice(&piece[..args.done as usize]);
    }
    Ok((all, args))
}

fn dump_beside_updates() -> Outcome {
    let count = device::scaled(5000);
    device::run(routes::lines(count))?;
    let device = Device::open_as(OFlag::O_RDONLY)?;
    let writer = Device::open()?;
    // Another metric of routes that stay, and routes between them.
    let change = |number: u64| {
        let place = number * 7919 % u64::from(count);
        let [_, b, c, d] = (place as u32).to_be_bytes();
        writer.write_all(format!(
            "add 10.{b}.{c}.{d}/32 dev x metric 9\ndel 10.{b}.{c}.{d}/32 metric 9\n"
        ))
    };
    let mut changed = 0;
    beside_updates(change, || {
        let start = Instant::now();
        let mut size = 1;
        while start.elapsed() < TIME {
            let (routes, last) = dump(&device, size)?;
            let stable = routes.iter().filter(|route| route.metric == 0);
            let numbers: Vec<_> = stable.map(|route| route.dst).collect();
            let expected: Vec<_> = (0..count).map(host).collect();
            ensure(
                format!("a dump by {size} has each route once, in order"),
                numbers == expected,
            )?;
            let rising = routes.windows(2).all(|pair| pair[0].key() < pair[1].key());
            ensure("the dump is in order", rising)?;
            changed += u32::from(last.latest > last.generation);
            size = size * 3 % 1000 + 1;
        }
        Ok(())
    })?;
    ensure("a dump reports that the table has changed", changed > 0)?;
    let start = Instant::now();
    device::dump()?;
    let by_text = start.elapsed();
    let start = Instant::now();
    let (_, last) = dump(&device, 4096)?;
    let by_ioctl = start.elapsed();
    println!("# a dump of {count} routes takes {by_text:?} as text, {by_ioctl:?} by the ioctl");
    let now = Stats::now()?.get("generation")?;
    equal(
        "the generations of a quiet dump",
        (last.generation, last.latest),
        (now, now),
    )
}

fn get_beside_updates() -> Outcome {
    let count = device::scaled(1000);
    device::run(routes::lines(count))?;
    let keys: Vec<_> = (0..count)
        .map(|number| Key::new(host(number), 32))
        .collect();
    let writer = Device::open()?;
    let reader = Device::open_as(OFlag::O_RDONLY)?;
    let change = |_| writer.write_all("add 11.0.0.0/8 dev x\ndel 11.0.0.0/8\n");
    beside_updates(change, || {
        let start = Instant::now();
        while start.elapsed() < TIME {
            let mut routes = vec![Route::default(); keys.len()];
            let done = ioctl::get(&reader, &keys, &mut routes).during("GET")?;
            let found = routes.iter().map(|route| route.dst);
            let is_right = done == keys.len() && found.eq(keys.iter().map(|key| key.dst));
            ensure("GET returns the route of each key", is_right)?;
        }
        Ok(())
    })
}

/// Keeps answers by number, as programs do. The gateway of the only route counts up, so an answer
/// that was kept too long is older than one that the test has seen or the updater has completed.
fn kept_answers() -> Outcome {
    let writer = Device::open()?;
    let reader = Device::open_as(OFlag::O_RDONLY)?;
    let completed = AtomicU64::new(0);
    let change = |number: u64| {
        let [.., a, b, c] = number.to_be_bytes();
        writer.write_all(format!("replace 10.0.0.0/8 via 11.{a}.{b}.{c}\n"))?;
        completed.store(number, Ordering::SeqCst);
        Ok(())
    };
    let (mut asked, mut kept) = (0, 0);
    beside_updates(change, || {
        let (mut answers, mut numbering, mut newest) = (BTreeMap::new(), 0, 0);
        let start = Instant::now();
        while start.elapsed() < 2 * TIME {
            let oldest = completed.load(Ordering::SeqCst);
            let found = ioctl::numbers(&reader, &[host(1)]).during("LOOKUP")?;
            if found.numbering != numbering {
                answers.clear();
                numbering = found.numbering;
            }
            let number = found.numbers[0];
            if number == 0 {
                ensure("the route exists after its first change", oldest == 0)?;
                continue;
            }
            let seen = match answers.entry(number) {
                Entry::Occupied(answer) => {
                    kept += 1;
                    *answer.get()
                }
                Entry::Vacant(place) => {
                    asked += 1;
                    let (routes, latest) = ioctl::answers(&reader, &[number]).during("ANSWERS")?;
                    if latest != numbering {
                        continue;
                    }
                    *place.insert(routes[0].gateway.low_bits())
                }
            };
            ensure(
                format!("the answer {seen} is not older than {oldest} and {newest}"),
                seen >= oldest && seen >= newest,
            )?;
            newest = seen;
        }
        Ok(())
    })?;
    let changes = completed.into_inner();
    println!("# {kept} answers kept, {asked} asked for, {changes} changes");
    ensure(
        "some answers are kept, and some asked for",
        kept > 0 && asked > 1,
    )
}

/// Lookups end early instead of mixing numberings, and the caller continues.
fn one_numbering() -> Outcome {
    device::run(routes::lines(device::scaled(5000)))?;
    let writer = Device::open()?;
    let reader = Device::open_as(OFlag::O_RDONLY)?;
    let change = |number: u64| {
        let [.., b, c] = number.to_be_bytes();
        writer.write_all(format!("replace 12.0.0.0/8 via 11.1.{b}.{c}\n"))
    };
    let addresses: Vec<_> = (0..20_000).map(host).collect();
    let mut early = 0;
    beside_updates(change, || {
        let start = Instant::now();
        // A busy machine may run the updater seldom.
        while start.elapsed() < TIME || (early == 0 && start.elapsed() < device::TIMEOUT) {
            let found = ioctl::numbers(&reader, &addresses).during("LOOKUP")?;
            ensure("each lookup makes progress", !found.numbers.is_empty())?;
            early += u32::from(found.numbers.len() < addresses.len());
        }
        Ok(())
    })?;
    ensure("a lookup ends early if the numbering changes", early > 0)
}

/// An array whose page fault never completes: only the caller of that ioctl waits.
fn unresolved_array() -> Outcome {
    let page = match UnresolvedPage::new() {
        Err(Errno::ENOSYS) => return skip("the kernel has no userfaultfd"),
        page => page.during("preparing the page")?,
    };
    device::run(routes::lines(100))?;
    let device = Device::open()?;
    thread::scope(|scope| {
        let address = page.address() as u64;
        let waiting: Vec<_> = ioctl::calls_with_array(address)
            .into_iter()
            .map(|call| {
                scope.spawn({
                    let device = &device;
                    move || call(device)
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(100));
        let is_waiting = waiting.iter().all(|call| !call.is_finished());
        let result = (|| {
            equal(
                "close() of a duplicate",
                device.duplicate()?.close(),
                Ok(()),
            )?;
            device::run("add 11.0.0.0/8 dev x\ndel 11.0.0.0/8\n")?;
            Stats::now().map(drop)
        })();
        // Unmapping the page makes its access fail.
        drop(page);
        for call in waiting {
            let ended = call.join().unwrap_or(Err(Errno::UnknownErrno));
            equal("the ioctl", ended, Err(Errno::EFAULT))?;
        }
        ensure("the ioctls wait for their page", is_waiting)?;
        result
    })
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("a dump beside an updater has each route once, in order", dump_beside_updates),
    ("GET beside an updater returns the route of each key", get_beside_updates),
    ("an answer that is kept by its number and numbering is never too old", kept_answers),
    ("a lookup of numbers has one numbering", one_numbering),
    ("an ioctl whose page fault never completes delays no other call", unresolved_array),
];

pub fn tests() -> Vec<Test> {
    Test::group("bulk", TESTS)
}
