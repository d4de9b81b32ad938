// SPDX-License-Identifier: GPL-2.0

//! Next-hop objects: the command `nexthop`, and routes with `nhid`.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use nix::errno::Errno;

use crate::{
    device::{self, dump, expect_table, scaled, Device, Stats},
    tap::{ensure, equal, same_text, Group, Outcome, Test},
};

/// Deletes all routes, and then all objects: groups before their members.
fn clear() -> Outcome {
    device::flush()?;
    let objects = device::run("nexthop\n")?;
    let (groups, singles): (Vec<_>, Vec<_>) =
        objects.lines().partition(|line| line.contains(" group "));
    for line in groups.iter().chain(&singles) {
        let id = line.split(' ').nth(1).unwrap_or("");
        device::run(format!("nexthop del id {id}\n"))?;
    }
    equal("objects", Stats::now()?.get("nexthop_objects")?, 0)
}

/// Runs a test without objects before and after it.
fn alone(test: fn() -> Outcome) -> Outcome {
    clear()?;
    let done = test();
    clear()?;
    done
}

/// Fails unless the device refuses a line with this errno and message.
fn refuses(line: &str, errno: Errno, message: &str) -> Outcome {
    let device = Device::open()?;
    let written = device.write(format!("{line}\n"));
    equal(format!("write() of '{line}'"), written, Err(errno))?;
    let expected = format!("line 1: {message}\n");
    same_text(
        format!("the message for '{line}'"),
        &device.answers()?,
        &expected,
    )
}

fn shown() -> Outcome {
    alone(|| {
        device::run(
            "nexthop add id 7 via 192.0.2.1 dev a\nip nexthop add id 5 dev b\n\
             -6 nexthop add id 6 via fe80::1 dev c onlink\nnexthop add id 8 blackhole proto zebra\n\
             nexthop add id 3 group 7,5/5\n",
        )?;
        let all = "id 3 group 7,5/5\nid 5 dev b\nid 6 via fe80::1 dev c\n\
            id 7 via 192.0.2.1 dev a\nid 8 blackhole\n";
        same_text("nexthop show", &device::run("nexthop show\n")?, all)?;
        let three = device::run("nexthop get id 3\nnexthop show id 8\n")?;
        same_text("two objects", &three, "id 3 group 7,5/5\nid 8 blackhole\n")?;
        equal("objects", Stats::now()?.get("nexthop_objects")?, 5)
    })
}

fn one_replace_moves_routes() -> Outcome {
    alone(|| {
        device::run("nexthop add id 5 via 192.0.2.1 dev a\n10.9.0.0/16 dev z\n")?;
        let count = scaled(100_000);
        let mut routes = String::new();
        for number in 0..count {
            let [_, a, b, c] = number.to_be_bytes();
            routes.push_str(&format!("10.{a}.{b}.{c}/32 nhid 5\n"));
        }
        let device = Device::open()?;
        let mut rest = routes.as_bytes();
        while !rest.is_empty() {
            let written = device.write(&rest[..rest.len().min(1 << 20)]);
            rest = &rest[written?..];
        }
        let before = Stats::now()?.get("generation")?;
        same_text(
            "the route before",
            &device::run("get 10.0.1.1\n")?,
            "10.0.1.1/32 via 192.0.2.1 dev a\n",
        )?;
        device::run("nexthop replace id 5 via 192.0.2.2 dev b\n")?;
        equal("changes", Stats::now()?.get("generation")?, before + 1)?;
        for address in ["10.0.0.0", "10.0.1.1", "10.0.39.15"] {
            let expected = format!("{address}/32 via 192.0.2.2 dev b\n");
            same_text(
                "a route",
                &device::run(format!("get {address}\n"))?,
                &expected,
            )?;
        }
        same_text(
            "a route of another next hop",
            &device::run("get 10.9.1.1\n")?,
            "10.9.0.0/16 dev z\n",
        )
    })
}

fn whole_table_reads_back() -> Outcome {
    alone(|| {
        let text = "nexthop replace id 7 via 192.0.2.1 dev a\nnexthop replace id 8 blackhole\n\
            nexthop replace id 9 dev b\nnexthop replace id 1 group 7/9,200\n\
            10.0.0.0/8 nhid 7 via 192.0.2.1 dev a metric 5\nblackhole 10.1.0.0/16 nhid 8\n\
            10.2.0.0/16 nhid 1\n2001:db8::/32 nhid 9 dev b\n";
        device::run(text)?;
        expect_table(text)?;
        // A reload of the same text changes no object.
        device::run(format!("begin reload\n{text}commit\n"))?;
        expect_table(text)?;
        clear()?;
        device::run(text)?;
        expect_table(text)
    })
}

/// Text of another machine may name an object that has another next hop here, or none.
fn foreign_objects_are_skipped() -> Outcome {
    alone(|| {
        device::run("nexthop add id 30 via 192.0.2.1 dev a\n")?;
        device::run(
            "10.0.0.0/8 nhid 30 via 192.0.2.1 dev a proto bgp\n\
             10.1.0.0/16 nhid 30 via 192.0.2.9 dev a proto bgp\n\
             10.2.0.0/16 nhid 31 via 192.0.2.1 dev a proto bgp\n",
        )?;
        let table = dump()?;
        let (_, routes) = table.split_once('\n').unwrap_or_default();
        same_text(
            "the routes",
            routes,
            "10.0.0.0/8 nhid 30 via 192.0.2.1 dev a\n10.1.0.0/16 via 192.0.2.9 dev a\n\
             10.2.0.0/16 via 192.0.2.1 dev a\n",
        )?;
        device::run(
            "del 10.0.0.0/8 nhid 30 via 192.0.2.1 dev a\ndel 10.1.0.0/16 nhid 30 via 192.0.2.9\n",
        )?;
        refuses(
            "del 10.2.0.0/16 nhid 30",
            Errno::ESRCH,
            "10.2.0.0/16: no such route",
        )
    })
}

fn refusals() -> Outcome {
    alone(|| {
        device::run(
            "nexthop add id 1 via 192.0.2.1 dev a\nnexthop add id 2 blackhole\n\
             nexthop add id 10 group 1\n10.0.0.0/8 nhid 1\n",
        )?;
        for (line, errno, message) in [
            ("10.1.0.0/16 nhid 7", Errno::EINVAL, "10.1.0.0/16: Nexthop id does not exist"),
            ("nexthop add id 1 dev b", Errno::EEXIST, "nexthop id 1: nexthop exists; 'replace' changes it"),
            ("nexthop del id 7", Errno::ENOENT, "nexthop id 7: Nexthop id does not exist"),
            ("nexthop get id 7", Errno::ENOENT, "nexthop id 7: Nexthop id does not exist"),
            ("nexthop del id 1", Errno::EBUSY, "nexthop id 1: in use by 2 groups or metrics of routes; delete these first, or 'replace' it"),
            ("nexthop replace id 1 group 2", Errno::EINVAL, "nexthop id 1: Can not replace a nexthop with a nexthop group."),
            ("nexthop replace id 10 dev b", Errno::EINVAL, "nexthop id 10: Can not replace a nexthop group with a nexthop."),
            ("nexthop add id 11 group 1/10", Errno::EINVAL, "nexthop id 11: Hash-threshold group can not be a nexthop within a group: 10"),
            ("nexthop add id 11 group 1/2", Errno::EINVAL, "nexthop id 11: Blackhole nexthop can not be used in a group with more than 1 path: 2"),
            ("nexthop add id 11 group 7", Errno::EINVAL, "nexthop id 11: Invalid nexthop id: 7 does not exist"),
            ("nexthop add id 11 group 1/1", Errno::EINVAL, "nexthop id 11: Nexthop id can not be used twice in a group: 1"),
            ("nexthop add id 0 dev a", Errno::EINVAL, "0: expected the id of a nexthop, from 1"),
        ] {
            refuses(line, errno, message)?;
        }
        equal("objects", Stats::now()?.get("nexthop_objects")?, 3)
    })
}

fn transactions() -> Outcome {
    alone(|| {
        device::run("nexthop add id 1 dev a\n")?;
        let message = "a transaction cannot change nexthops; write this line before 'begin'";
        for begin in ["begin\n", "begin reload\n"] {
            let device = Device::open()?;
            device.write_all(begin)?;
            for line in [
                "nexthop add id 2 dev b\n",
                "nexthop replace id 1 dev b\n",
                "nexthop del id 1\n",
            ] {
                equal(line, device.write(line), Err(Errno::EBUSY))?;
                ensure(
                    "the message",
                    device.answers()?.ends_with(&format!("{message}\n")),
                )?;
            }
            device.write_all("10.0.0.0/8 nhid 1\nnexthop replace id 1 dev a\ncommit\n")?;
            expect_table("nexthop replace id 1 dev a\n10.0.0.0/8 nhid 1 dev a\n")?;
            device::flush()?;
        }
        // A reload holds its objects; a transaction that finds no object changes nothing.
        let reload = Device::open()?;
        reload.write_all("begin reload\n10.0.0.0/8 nhid 1\n")?;
        ensure(
            "an object of a reload is held",
            device::run("nexthop del id 1\n").is_err(),
        )?;
        reload.write_all("abort\n")?;
        let transaction = Device::open()?;
        transaction.write_all("begin\n10.1.0.0/16 dev b\n10.0.0.0/8 nhid 1\n")?;
        device::run("nexthop del id 1\n")?;
        equal("commit", transaction.write("commit\n"), Err(Errno::EINVAL))?;
        same_text(
            "the message",
            &transaction.answers()?,
            "line 3: 10.0.0.0/8: Nexthop id does not exist\n",
        )?;
        expect_table("")
    })
}

fn monitored() -> Outcome {
    alone(|| {
        let monitor = Device::open()?;
        monitor.write_all("monitor\n")?;
        device::run(
            "nexthop add id 1 via 192.0.2.1 dev a\nnexthop replace id 1 via 192.0.2.1 dev a\n\
             nexthop add id 2 group 1,3\n10.0.0.0/8 nhid 2\nnexthop replace id 1 dev b\n\
             del 10.0.0.0/8\nnexthop add id 3 group 1\nnexthop del id 3\n",
        )?;
        let mut piece = [0; 4096];
        let read = monitor.read(&mut piece)?;
        same_text(
            "the changes",
            &String::from_utf8_lossy(&piece[..read]),
            "nexthop id 1 via 192.0.2.1 dev a\nnexthop id 2 group 1,3\n10.0.0.0/8 nhid 2\n\
             nexthop id 1 dev b\nDeleted 10.0.0.0/8 nhid 2\nDeleted nexthop id 3\n",
        )
    })
}

fn readers_see_old_or_new() -> Outcome {
    alone(|| {
        device::run("nexthop add id 1 via 192.0.2.1 dev d1\n10.0.0.0/8 nhid 1\n")?;
        let stop = AtomicBool::new(false);
        let is_stopped = || stop.load(Ordering::Relaxed);
        thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| -> Outcome {
                        let device = Device::open()?;
                        while !is_stopped() {
                            let answer = device.query("get 10.1.1.1\n")?;
                            let number = answer
                                .split("192.0.2.")
                                .nth(1)
                                .and_then(|rest| rest.split(' ').next())
                                .unwrap_or("none");
                            let whole = format!("10.0.0.0/8 via 192.0.2.{number} dev d{number}\n");
                            same_text("an answer", &answer, &whole)?;
                        }
                        Ok(())
                    })
                })
                .collect();
            let updater = Device::open()?;
            let mut result = Ok(());
            for number in 0..scaled(10_000) {
                let number = number % 250;
                let line = format!(
                    "nexthop replace id 1 via 192.0.2.{} dev d{}\n",
                    number + 1,
                    number + 1
                );
                result = updater.write_all(line);
                if result.is_err() {
                    break;
                }
            }
            stop.store(true, Ordering::Relaxed);
            for reader in readers {
                match reader.join() {
                    Ok(read) => read?,
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            result
        })
    })
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("nexthop show and get print the objects in order", shown),
    ("one replace moves all routes of an object", one_replace_moves_routes),
    ("the whole table with objects reads back", whole_table_reads_back),
    ("a route with an object of another machine keeps its own next hop", foreign_objects_are_skipped),
    ("a refusal has the errno and the sentence of Linux", refusals),
    ("a transaction uses objects and changes none", transactions),
    ("a monitor prints changes of objects", monitored),
    ("readers see an object before or after a replace", readers_see_old_or_new),
];

pub fn tests() -> Vec<Test> {
    Test::group("nexthop", TESTS)
}
