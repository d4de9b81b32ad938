// SPDX-License-Identifier: GPL-2.0

//! Out of memory: the allocations of each command are made to fail, one after another by itself, and
//! all from one after another on. The command must fail with `ENOMEM` and change nothing, or succeed
//! whole.
//!
//! By the kernel's fault injection for slab objects, see
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
    tap::{ensure, equal, fail, same_text, skip, During, Outcome, Test},
};

const FAILSLAB: &str = "/sys/kernel/debug/failslab";

/// No command allocates more often, nor as many steps of bytes.
const MOST: u32 = 2000;

/// More failures than come up, for a count that goes down from here.
const COUNTDOWN: u32 = 1_000_000;

/// What fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// One allocation, counted from 1. Where the kernel tries another way, that succeeds.
    Nth(u32),
    /// All that do not fit into so many bytes.
    Beyond(u32),
}

/// The ways to go through all allocations of a call, from the first: a fault for each step.
const WAYS: [fn(u32) -> Fault; 2] = [Fault::Nth, |step| Fault::Beyond(128 * (step - 1))];

/// The switches of fault injection for the current thread.
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
            // Allocations that may sleep are to fail too.
            ("ignore-gfp-wait", "N"),
            // A report of each failure on the console would take most of the time.
            ("verbose", "0"),
        ];
        settings
            .iter()
            .try_for_each(|(name, value)| set(name, value))?;
        let switch = |name: &str| {
            let path = format!("/proc/thread-self/{name}");
            File::options()
                .read(true)
                .write(true)
                .open(&path)
                .during(path)
        };
        Ok(Self {
            nth: switch("fail-nth")?,
            armed: switch("make-it-fail")?,
        })
    }

    /// Runs `call` with that fault; says whether it came up.
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

/// Goes through all allocations of a call in each of the ways: `attempt` makes the call with a fault
/// and says whether it came up and whether the call failed. Calls must fail, and in the end succeed.
fn each_fault(mut attempt: impl FnMut(&Injection, Fault) -> Outcome<(bool, bool)>) -> Outcome {
    let injection = Injection::new()?;
    for (way, name) in WAYS.into_iter().zip(["one by one", "all beyond"]) {
        let mut failures = 0;
        let mut came_up = true;
        for step in 1..MOST {
            let failed;
            (came_up, failed) = attempt(&injection, way(step))?;
            failures += u32::from(failed);
            if !came_up {
                break;
            }
        }
        ensure(format!("it succeeds in the end ({name})"), !came_up)?;
        // The kernel makes up for a failure here and there, but not when it has nothing at all.
        ensure(
            format!("it fails ({name})"),
            failures > 0 || name == "one by one",
        )?;
    }
    Ok(())
}

/// Fails the allocations of `command`. `wanted` is its answer when it succeeds; `complaint` is what
/// the message says behind the line's number when it fails, if there is memory for a message.
fn fail_each(table: &str, command: &str, wanted: &str, complaint: &str) -> Outcome {
    each_fault(|injection, fault| {
        device::flush()?;
        device::run(table)?;
        let before = Snapshot::take()?;
        let device = Device::open()?;
        device.feed("\n")?;
        match injection.during(fault, || device.write(command))? {
            (Err(Errno::ENOMEM), true) => {
                before.still_holds()?;
                let message = format!("line 2: {complaint}out of memory\n");
                let answers = device.answers()?;
                if !(matches!(fault, Fault::Beyond(_)) && answers.is_empty()) {
                    same_text(format!("the message at {fault:?}"), &answers, &message)?;
                }
                Ok((true, true))
            }
            (Ok(count), came_up) if count == command.len() => {
                same_text("the answer", &device.answers()?, wanted)?;
                Ok((came_up, false))
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

/// The same for a change, after which the table is `after`.
fn fail_change(table: &str, command: &str, after: &str) -> Outcome {
    let prefix = command
        .split(' ')
        .find(|word| word.contains('/'))
        .unwrap_or("");
    fail_each(table, &format!("{command}\n"), "", &format!("{prefix}: "))?;
    device::table_is(after)?;
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

/// A `show` that failed takes no room among the unread answers.
fn failed_shows_take_no_room() -> Outcome {
    let injection = Injection::new()?;
    let device = Device::open()?;
    let shows = || (0..20_000).all(|_| device.write("show\n") == Err(Errno::ENOMEM));
    let (all_failed, _) = injection.during(Fault::Beyond(0), shows)?;
    ensure("without memory show fails", all_failed)?;
    device.answers()?;
    device.feed("help\n")
}

/// Where a script stopped, and why; its lines are written one by one.
fn write_lines(device: &Device, script: &str) -> Result<(), (usize, nix::Result<usize>)> {
    for (at, line) in script.split_inclusive('\n').enumerate() {
        let result = device.write(line);
        if result != Ok(line.len()) {
            return Err((at, result));
        }
    }
    Ok(())
}

/// Fails the allocations of a script of lines. Whatever line it stops at, the table is as it was; when it
/// comes through, the table is `after`. Says at how many different lines it stopped.
fn fail_script(table: &str, script: &str, after: &str) -> Outcome<usize> {
    let mut stopped_at = BTreeSet::new();
    each_fault(|injection, fault| {
        device::flush()?;
        device::run(table)?;
        let before = Snapshot::take()?;
        let device = Device::open()?;
        device.feed("\n")?;
        match injection.during(fault, || write_lines(&device, script))? {
            (Err((at, Err(Errno::ENOMEM))), true) => {
                device::table_is(table)?;
                let message = device.answers()?;
                let is_said = message.starts_with("line ") && message.ends_with("out of memory\n");
                let may_be_unsaid = matches!(fault, Fault::Beyond(_)) && message.is_empty();
                ensure(
                    format!("the message '{message}' at {fault:?}"),
                    is_said || may_be_unsaid,
                )?;
                stopped_at.insert(at);
                // What has begun is aborted by this, and then holds nothing any more.
                drop(device);
                before.still_holds()?;
                Ok((true, true))
            }
            (Ok(()), came_up) => {
                device::table_is(after)?;
                Ok((came_up, false))
            }
            (other, _) => fail(format!("at {fault:?} it stopped with {other:?}")),
        }
    })?;
    device::flush()?;
    equal(
        "next hops after a flush",
        Stats::now()?.get("next_hops")?,
        0,
    )?;
    equal("routes after a flush", Stats::now()?.get("routes_inet")?, 0)?;
    Ok(stopped_at.len())
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
    let lines = fail_script(FULL, &script, AFTER_SCRIPT)?;
    ensure("it stopped at changes and at the commit", lines > 1)
}

fn fail_reload() -> Outcome {
    let routes = AFTER_SCRIPT.replace("dev a", "dev z");
    let script = format!("begin reload\n{routes}commit\n");
    let lines = fail_script(FULL, &script, &routes)?;
    ensure("it stopped at more than one line", lines > 1)
}

/// `flush` frees, so it must not need memory.
fn flush_needs_none() -> Outcome {
    let injection = Injection::new()?;
    for fault in (1..10).map(Fault::Nth).chain([Fault::Beyond(0)]) {
        device::run(FULL)?;
        let device = Device::open()?;
        let (result, _) = injection.during(fault, || device.write("flush\n"))?;
        equal("write() of flush", result, Ok(6))?;
        device::table_is("")?;
    }
    Ok(())
}

/// A read that fails can be done again, and no byte is lost or comes twice.
fn fail_reads(file: impl Fn() -> Outcome<Device>, wanted: &str) -> Outcome {
    each_fault(|injection, fault| {
        let device = file()?;
        let mut buffer = vec![0; wanted.len() + 1];
        let (result, came_up) = injection.during(fault, || device.read(&mut buffer))?;
        let count = match result {
            Err(Errno::ENOMEM) if came_up => 0,
            other => other.during(format!("read() at {fault:?}"))?,
        };
        let begin = String::from_utf8_lossy(&buffer[..count]).into_owned();
        same_text(
            format!("what is read at {fault:?}"),
            &(begin + &device.answers()?),
            wanted,
        )?;
        Ok((came_up, count < wanted.len()))
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
        device.feed("help\nshow\nget 10.0.0.0\n")?;
        Ok(device)
    };
    fail_reads(file, &(help + &table + &routes::line(0)))
}

fn fail_open() -> Outcome {
    device::run(FULL)?;
    each_fault(|injection, fault| {
        match injection.during(fault, || Device::open_as(OFlag::O_RDWR))? {
            (Err(Errno::ENOMEM), true) => Ok((true, true)),
            (Ok(device), came_up) => {
                same_text("the table", &device.answers()?, FULL)?;
                Ok((came_up, false))
            }
            (Err(errno), _) => fail(format!("open() at {fault:?}: {errno}")),
        }
    })
}

pub fn tests() -> Vec<Test> {
    vec![
        Test::new("memory fails: in the first add", fail_first_add),
        Test::new(
            "memory fails: in an add among others",
            fail_add_among_others,
        ),
        Test::new("memory fails: in replace", fail_replace),
        Test::new("memory fails: in del", fail_delete),
        Test::new("memory fails: in get", fail_get),
        Test::new("memory fails: in help", fail_help),
        Test::new("memory fails: in show", fail_show),
        Test::new(
            "memory fails: a failed show takes no room",
            failed_shows_take_no_room,
        ),
        Test::new("memory fails: flush needs none", flush_needs_none),
        Test::new("memory fails: in a transaction", fail_transaction),
        Test::new("memory fails: in a reload", fail_reload),
        Test::new(
            "memory fails: in read() of the table",
            fail_reads_of_the_table,
        ),
        Test::new("memory fails: in read() of answers", fail_reads_of_answers),
        Test::new("memory fails: in open()", fail_open),
    ]
}
