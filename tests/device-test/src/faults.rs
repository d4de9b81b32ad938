// SPDX-License-Identifier: GPL-2.0

//! Out of memory. Each command runs many times: first each single allocation fails, then all
//! allocations beyond a limit fail. The command must fail with `ENOMEM` and change nothing, or
//! succeed.
//!
//! Uses the kernel's fault injection for slab objects, see
//! `Documentation/fault-injection/fault-injection.rst`.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
};

use nix::{errno::Errno, fcntl::OFlag};

use crate::{
    device::{self, Device, Snapshot, Stats},
    routes,
    tap::{ensure, equal, fail, same_text, skip, During, Group, Outcome, Test},
};

const FAILSLAB: &str = "/sys/kernel/debug/failslab";

/// The maximum number of faults for a command. Every command succeeds before this limit.
const MAX_STEPS: u32 = 2000;

/// The limit of failures for failslab. A smaller value afterwards shows that an allocation failed.
const COUNTDOWN: u32 = 1_000_000;

/// The allocations that fail.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// One allocation, counted from 1. The kernel's fallback allocation, if any, succeeds.
    Nth(u32),
    /// All allocations after this number of bytes.
    Beyond(u32),
}

/// Returns the fault of a step, counted from 1.
type FaultOf = fn(u32) -> Fault;

/// The two series of faults.
const SERIES: [(&str, FaultOf); 2] = [
    ("single allocations", Fault::Nth),
    ("all beyond a limit", |step| Fault::Beyond(128 * (step - 1))),
];

/// The files that control fault injection for the current thread.
struct Injection {
    nth: File,
    armed: File,
}

impl Injection {
    fn new() -> Outcome<Self> {
        if !Path::new(FAILSLAB).exists() {
            return skip("the kernel has no failslab");
        }
        let settings = [
            ("probability", "0"),
            ("interval", "1"),
            ("task-filter", "Y"),
            // Allocations that may sleep must fail too.
            ("ignore-gfp-wait", "N"),
            // Console reports would make the tests much slower.
            ("verbose", "0"),
        ];
        settings
            .iter()
            .try_for_each(|(name, value)| set(name, value))?;
        let open = |name: &str| {
            let path = format!("/proc/thread-self/{name}");
            File::options()
                .read(true)
                .write(true)
                .open(&path)
                .during(path)
        };
        Ok(Self {
            nth: open("fail-nth")?,
            armed: open("make-it-fail")?,
        })
    }

    /// Runs `call` with a fault. Returns its result, and whether an allocation failed.
    fn during<T>(&self, fault: Fault, call: impl FnOnce() -> T) -> Outcome<(T, bool)> {
        match fault {
            Fault::Nth(nth) => self.during_nth(nth, call),
            Fault::Beyond(bytes) => self.during_shortage(bytes, call),
        }
    }

    fn during_nth<T>(&self, nth: u32, call: impl FnOnce() -> T) -> Outcome<(T, bool)> {
        self.nth.write_at(nth.to_string().as_bytes(), 0)?;
        let result = call();
        let mut left = [0; 16];
        let count = self.nth.read_at(&mut left, 0)?;
        self.nth.write_at(b"0", 0)?;
        Ok((result, &left[..count] == b"0\n"))
    }

    fn during_shortage<T>(&self, bytes: u32, call: impl FnOnce() -> T) -> Outcome<(T, bool)> {
        set("times", &COUNTDOWN.to_string())?;
        set("space", &bytes.to_string())?;
        set("probability", "100")?;
        self.armed.write_at(b"1", 0)?;
        let result = call();
        self.armed.write_at(b"0", 0)?;
        set("probability", "0")?;
        let left = fs::read_to_string(format!("{FAILSLAB}/times"))?;
        Ok((result, left.trim() != COUNTDOWN.to_string()))
    }
}

fn set(name: &str, value: &str) -> Outcome {
    fs::write(format!("{FAILSLAB}/{name}"), value).during(format!("setting {name} of failslab"))
}

/// Runs `attempt` with each fault of both series, until no allocation fails any more. `attempt`
/// returns whether an allocation failed, and whether the call failed. A call must fail at least
/// once if all memory is exhausted, and the last call must succeed.
fn each_fault(mut attempt: impl FnMut(&Injection, Fault) -> Outcome<(bool, bool)>) -> Outcome {
    let injection = Injection::new()?;
    for (name, fault_of) in SERIES {
        let mut failures = 0;
        let mut has_fired = true;
        for step in 1..MAX_STEPS {
            let failed;
            (has_fired, failed) = attempt(&injection, fault_of(step))?;
            failures += u32::from(failed);
            if !has_fired {
                break;
            }
        }
        ensure(format!("the call succeeds in the end ({name})"), !has_fired)?;
        // The kernel may have a fallback for each single failure, but none if all memory is gone.
        ensure(
            format!("the call fails at least once ({name})"),
            failures > 0 || matches!(fault_of(1), Fault::Nth(_)),
        )?;
    }
    Ok(())
}

/// Runs a query with each fault. `expected` is its answer if it succeeds. If it fails, its message
/// names `subject`, unless there is no memory for a message.
fn fail_each(table: &str, command: &str, expected: &str, subject: &str) -> Outcome {
    each_fault(|injection, fault| {
        device::flush()?;
        device::run(table)?;
        let before = Snapshot::now()?;
        let device = Device::open()?;
        device.write_all("\n")?;
        match injection.during(fault, || device.write(command))? {
            (Err(Errno::ENOMEM), true) => {
                before.expect_unchanged()?;
                let message = format!("line 2: {subject}out of memory\n");
                let answers = device.answers()?;
                if !(matches!(fault, Fault::Beyond(_)) && answers.is_empty()) {
                    same_text(format!("the message at {fault:?}"), &answers, &message)?;
                }
                Ok((true, true))
            }
            (Ok(count), has_fired) if count == command.len() => {
                same_text("the answer", &device.answers()?, expected)?;
                Ok((has_fired, false))
            }
            (other, _) => fail(format!("write() at {fault:?} returned {other:?}")),
        }
    })
}

const FULL: &str = "\
10.0.0.0/8 dev a
10.0.0.0/8 dev b metric 1
10.0.0.0/8 dev c metric 2
10.128.0.0/9 via 192.0.2.1
2001:db8::/32 dev a
";

/// Runs a change with each fault. The table is `after` once the change succeeds.
fn fail_change(table: &str, command: &str, after: &str) -> Outcome {
    let prefix = command
        .split(' ')
        .find(|word| word.contains('/'))
        .unwrap_or("");
    fail_each(table, &format!("{command}\n"), "", &format!("{prefix}: "))?;
    device::expect_table(after)?;
    device::flush()?;
    equal("objects after a flush", Stats::now()?.get("objects")?, 0)?;
    equal(
        "next hops after a flush",
        Stats::now()?.get("next_hops")?,
        0,
    )
}

fn fail_first_add() -> Outcome {
    let route = "2001:db8:1:2:3:4:5:6/128 via fe80::1 dev eth0";
    fail_change("", &format!("add {route}"), &format!("{route}\n"))
}

fn fail_add_among_others() -> Outcome {
    let after = FULL.replace("10.128", "10.0.0.0/8 dev new metric 3\n10.128");
    fail_change(FULL, "add 10.0.0.0/8 dev new metric 3", &after)
}

fn fail_replace() -> Outcome {
    let after = FULL.replace("10.0.0.0/8 dev a\n", "blackhole 10.0.0.0/8\n");
    fail_change(FULL, "replace blackhole 10.0.0.0/8", &after)
}

fn fail_delete() -> Outcome {
    let after = FULL.replace("10.0.0.0/8 dev b metric 1\n", "");
    fail_change(FULL, "del 10.0.0.0/8 metric 1", &after)
}

fn fail_get() -> Outcome {
    fail_each(FULL, "get 10.1.2.3\n", "10.0.0.0/8 dev a\n", "")
}

fn fail_help() -> Outcome {
    fail_each(FULL, "help\n", &device::run("help\n")?, "")
}

fn fail_show() -> Outcome {
    fail_each(
        FULL,
        "show 10.128.0.0/9\n",
        "10.128.0.0/9 via 192.0.2.1\n",
        "",
    )
}

/// A `show` that failed must not count for the limit on unread answers.
fn failed_shows_do_not_count() -> Outcome {
    let injection = Injection::new()?;
    let device = Device::open()?;
    let shows = || (0..20_000).all(|_| device.write("show\n") == Err(Errno::ENOMEM));
    let (all_failed, _) = injection.during(Fault::Beyond(0), shows)?;
    ensure("show fails without memory", all_failed)?;
    device.answers()?;
    device.write_all("help\n")
}

/// Makes the writes one by one. Returns the index and the result of the first that fails.
fn write_each(device: &Device, writes: &[&str]) -> Result<(), (usize, nix::Result<usize>)> {
    for (at, text) in writes.iter().enumerate() {
        let result = device.write(text);
        if result != Ok(text.len()) {
            return Err((at, result));
        }
    }
    Ok(())
}

fn lines(script: &str) -> Vec<&str> {
    script.split_inclusive('\n').collect()
}

/// Makes writes with each fault. The table is unchanged if a write fails, and is `after` once all
/// succeed. Returns the number of different writes that failed.
fn fail_script(table: &str, writes: &[&str], after: &str) -> Outcome<usize> {
    let mut failed = BTreeSet::new();
    each_fault(|injection, fault| {
        device::flush()?;
        device::run(table)?;
        let before = Snapshot::now()?;
        let device = Device::open()?;
        device.write_all("\n")?;
        match injection.during(fault, || write_each(&device, writes))? {
            (Err((at, Err(Errno::ENOMEM))), true) => {
                device::expect_table(table)?;
                let message = device.answers()?;
                let is_expected =
                    message.starts_with("line ") && message.ends_with("out of memory\n");
                let has_no_memory = matches!(fault, Fault::Beyond(_)) && message.is_empty();
                ensure(
                    format!("the message '{message}' at {fault:?}"),
                    is_expected || has_no_memory,
                )?;
                failed.insert(at);
                // This aborts the transaction and frees its memory.
                drop(device);
                before.expect_unchanged()?;
                Ok((true, true))
            }
            (Ok(()), has_fired) => {
                device::expect_table(after)?;
                Ok((has_fired, false))
            }
            (other, _) => fail(format!("at {fault:?} the script ended with {other:?}")),
        }
    })?;
    device::flush()?;
    equal(
        "next hops after a flush",
        Stats::now()?.get("next_hops")?,
        0,
    )?;
    equal("routes after a flush", Stats::now()?.get("routes_inet")?, 0)?;
    Ok(failed.len())
}

/// Changes of all kinds, in both families.
const SCRIPT: &str = "\
add 10.0.0.0/8 dev new metric 3
replace 10.128.0.0/9 via 192.0.2.7
del 10.0.0.0/8 metric 1
add 10.20.30.40/32 dev a
flush inet6
add 2001:db8:1:2:3:4:5:6/128 via fe80::7
";

const AFTER_SCRIPT: &str = "\
10.0.0.0/8 dev a
10.0.0.0/8 dev c metric 2
10.0.0.0/8 dev new metric 3
10.20.30.40/32 dev a
10.128.0.0/9 via 192.0.2.7
2001:db8:1:2:3:4:5:6/128 via fe80::7
";

fn fail_transaction() -> Outcome {
    let script = format!("begin\n{SCRIPT}commit\n");
    let failed = fail_script(FULL, &lines(&script), AFTER_SCRIPT)?;
    ensure("changes and the commit failed", failed > 1)
}

fn fail_reload() -> Outcome {
    let routes = AFTER_SCRIPT.replace("dev a", "dev z");
    let script = format!("begin reload\n{routes}commit\n");
    let failed = fail_script(FULL, &lines(&script), &routes)?;
    ensure("more than one line failed", failed > 1)
}

/// Each leg has a write of its own, so that a later leg extends its route.
fn fail_legs() -> Outcome {
    let writes = [
        "begin\n",
        "10.9.0.0/16 proto static ",
        "\n\tnexthop dev a weight 1 \n",
        "\tnexthop dev b weight 2 \n",
        "add 10.8.0.0/16 \\\n",
        " nexthop dev b nexthop dev a\n",
        "commit\n",
    ];
    let after = FULL.replace(
        "10.128",
        "10.8.0.0/16 nexthop dev b weight 1 nexthop dev a weight 1\n\
         10.9.0.0/16 nexthop dev a weight 1 nexthop dev b weight 2\n10.128",
    );
    let failed = fail_script(FULL, &writes, &after)?;
    ensure("several writes failed", failed > 2)
}

/// `flush` frees memory, so it must not need any.
fn flush_needs_no_memory() -> Outcome {
    let injection = Injection::new()?;
    for fault in (1..10).map(Fault::Nth).chain([Fault::Beyond(0)]) {
        device::run(FULL)?;
        let device = Device::open()?;
        let (result, _) = injection.during(fault, || device.write("flush\n"))?;
        equal("write() of flush", result, Ok(6))?;
        device::expect_table("")?;
    }
    Ok(())
}

/// A read that failed can be repeated, and returns each byte exactly once.
fn fail_reads(file: impl Fn() -> Outcome<Device>, expected: &str) -> Outcome {
    each_fault(|injection, fault| {
        let device = file()?;
        let mut buffer = vec![0; expected.len() + 1];
        let (result, has_fired) = injection.during(fault, || device.read(&mut buffer))?;
        let count = match result {
            Err(Errno::ENOMEM) if has_fired => 0,
            other => other.during(format!("read() at {fault:?}"))?,
        };
        let first = String::from_utf8_lossy(&buffer[..count]).into_owned();
        same_text(
            format!("the bytes of all reads at {fault:?}"),
            &(first + &device.answers()?),
            expected,
        )?;
        Ok((has_fired, count < expected.len()))
    })
}

fn fail_reads_of_the_table() -> Outcome {
    let table = routes::lines(150);
    device::run(&table)?;
    fail_reads(|| Device::open_as(OFlag::O_RDONLY).during("open()"), &table)
}

fn fail_reads_of_answers() -> Outcome {
    let table = routes::lines(130);
    device::run(&table)?;
    let help = device::run("help\n")?;
    let file = || -> Outcome<Device> {
        let device = Device::open()?;
        device.write_all("help\nshow\nget 10.0.0.0\n")?;
        Ok(device)
    };
    fail_reads(file, &(help + &table + &routes::line(0)))
}

fn fail_open() -> Outcome {
    device::run(FULL)?;
    each_fault(|injection, fault| {
        match injection.during(fault, || Device::open_as(OFlag::O_RDWR))? {
            (Err(Errno::ENOMEM), true) => Ok((true, true)),
            (Ok(device), has_fired) => {
                same_text("the table", &device.answers()?, FULL)?;
                Ok((has_fired, false))
            }
            (Err(errno), _) => fail(format!("open() at {fault:?}: {errno}")),
        }
    })
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("an add to an empty table is all or nothing", fail_first_add),
    ("an add to a table with routes is all or nothing", fail_add_among_others),
    ("replace is all or nothing", fail_replace),
    ("del is all or nothing", fail_delete),
    ("get returns ENOMEM or is answered", fail_get),
    ("help returns ENOMEM or is answered", fail_help),
    ("show returns ENOMEM or is answered", fail_show),
    ("a failed show does not count as an unread answer", failed_shows_do_not_count),
    ("flush succeeds", flush_needs_no_memory),
    ("a transaction is all or nothing", fail_transaction),
    ("a reload is all or nothing", fail_reload),
    ("a transaction of multipath routes is all or nothing", fail_legs),
    ("read() of the table can be repeated", fail_reads_of_the_table),
    ("read() of answers can be repeated", fail_reads_of_answers),
    ("open() returns ENOMEM or succeeds", fail_open),
];

pub fn tests() -> Vec<Test> {
    Test::group("out of memory", TESTS)
}
