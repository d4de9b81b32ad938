// SPDX-License-Identifier: GPL-2.0

//! Multipath routes: several next hops, the legs, in one line.

use std::collections::BTreeMap;

use nix::errno::Errno;

use crate::{
    device::{self, dump, expect_table, scaled, Device, Stats},
    routes,
    tap::{ensure, equal, same_text, skip, Group, Outcome, Test},
};

const LEGS: &str = "nexthop via 192.0.2.1 dev a weight 1 nexthop dev b weight 3";

fn objects() -> Outcome<u64> {
    Stats::now()?.get("nexthop_objects")
}

fn reads_back() -> Outcome {
    device::run(
        "10.0.0.0/8 proto static metric 5 nexthop via 192.0.2.1 dev a nexthop oif b weight 0x3 onlink\n\
         ip -6 route add default nexthop via fe80::1 dev a weight 256 nexthop via inet 192.0.2.1\n\
         10.1.0.0/16 nexthop via inet6 fe80::1 dev a weight 1 nexthop dev b weight 1\n",
    )?;
    let text = format!(
        "10.0.0.0/8 metric 5 {LEGS}\n\
         10.1.0.0/16 nexthop via inet6 fe80::1 dev a weight 1 nexthop dev b weight 1\n\
         ::/0 nexthop via fe80::1 dev a weight 256 nexthop via inet 192.0.2.1 weight 1\n"
    );
    expect_table(&text)?;
    device::run(format!("begin reload\n{text}commit\n"))?;
    expect_table(&text)?;
    device::run(format!("flush\nbegin\n{text}commit\n"))?;
    expect_table(&text)?;
    equal("shared legs", objects()?, 3)
}

fn flows_are_shared() -> Outcome {
    device::run(format!("10.0.0.0/8 {LEGS}\n"))?;
    let device = Device::open()?;
    let mut shares = BTreeMap::new();
    let count = scaled(20_000);
    for number in 0..count {
        let [_, a, b, c] = (number * 547).to_be_bytes();
        let found = device.query(format!("get 10.{a}.{b}.{c}\n"))?;
        *shares.entry(found).or_insert(0_u32) += 1;
    }
    let gateway = shares.get("10.0.0.0/8 via 192.0.2.1 dev a\n").copied();
    let direct = shares.get("10.0.0.0/8 dev b\n").copied();
    let (gateway, direct) = (gateway.unwrap_or(0), direct.unwrap_or(0));
    equal("answers of the legs", gateway + direct, count)?;
    ensure(
        format!("one of four flows uses the gateway: {gateway} of {count}"),
        gateway.abs_diff(count / 4) < count / 20,
    )
}

fn legs_are_freed() -> Outcome {
    for number in 0..scaled(1000) {
        let (high, low) = (number / 256, number % 256);
        device::run(format!("10.{high}.{low}.0/24 {LEGS}\n"))?;
    }
    equal("objects of equal legs", objects()?, 1)?;
    device::run(format!(
        "11.0.0.0/8 {LEGS} nexthop dev c\n12.0.0.0/8 {LEGS} nexthop dev c\n"
    ))?;
    equal("objects", objects()?, 2)?;
    device::run(format!(
        "del 11.0.0.0/8 {LEGS} nexthop dev c\nchange 12.0.0.0/8 dev z\n"
    ))?;
    equal("objects", objects()?, 1)?;
    let device = Device::open()?;
    device.write_all(format!("begin\n13.0.0.0/8 {LEGS} nexthop dev d\n"))?;
    equal("objects of an open transaction", objects()?, 2)?;
    device.write_all("abort\n")?;
    equal("objects after abort", objects()?, 1)?;
    device::flush()?;
    equal("objects of an empty table", objects()?, 0)
}

fn del_matches_legs() -> Outcome {
    device::run(format!("10.0.0.0/8 {LEGS}\n"))?;
    for line in [
        "del 10.0.0.0/8 nexthop via 192.0.2.1 dev a weight 2 nexthop dev b weight 3\n",
        "del 10.0.0.0/8 dev b\n",
    ] {
        let device = Device::open()?;
        equal(line, device.write(line), Err(Errno::ESRCH))?;
    }
    equal("objects", objects()?, 1)?;
    device::run(format!("del 10.0.0.0/8 {LEGS}\n"))?;
    expect_table("")
}

/// The device prints what it can read, and refuses an object that it could not print so.
fn long_lines() -> Outcome {
    // A printed leg has 23 bytes, and the legs in a line have at most 927.
    for (count, separator) in [(40, " "), (41, "\n\t"), (70, "\n\t")] {
        device::run(format!(
            "replace 10.0.0.0/8{}\n",
            " nexthop dev a".repeat(count)
        ))?;
        let table = dump()?;
        let legs = format!("{separator}nexthop dev a weight 1").repeat(count);
        same_text("the table", &table, &format!("10.0.0.0/8{legs}\n"))?;
        device::run(format!("begin reload\n{table}commit\n"))?;
        expect_table(&table)?;
    }
    let members = "1/".repeat(499);
    let device = Device::open()?;
    let line = format!("nexthop add id 1 group {members}1\n");
    equal(
        "the result of write()",
        device.write(&line),
        Err(Errno::E2BIG),
    )?;
    let answer = "line 1: 'show' would print 1026 bytes, but a line has at most 1023; name fewer \
                  members\n";
    same_text("the answer", &device.answers()?, answer)
}

/// The table has no room for more legs, so `del` cannot create those of its line.
fn del_in_a_full_table() -> Outcome {
    const OBJECTS: u32 = 65_536;
    if device::scaled_if_emulated(40) < 40 {
        return skip("131,072 lines take minutes on an emulated CPU");
    }
    let add = routes::text(1..=OBJECTS, |id| format!("nexthop add id {id} dev a\n"));
    let delete = routes::text(1..=OBJECTS, |id| format!("nexthop del id {id}\n"));
    device::run(add)?;
    let results = [
        format!("del 10.0.0.0/8 {LEGS}\n"),
        format!("10.0.0.0/8 {LEGS}\n"),
    ]
    .map(|line| Device::open().map(|device| device.write(line)));
    device::run(delete)?;
    let [deleted, added] = results;
    equal("the result of del", deleted?, Err(Errno::ESRCH))?;
    equal("the result of add", added?, Err(Errno::ENOSPC))
}

/// `ip route` prints the members of a group after the number of the object.
fn group_with_members() -> Outcome {
    let objects = "nexthop replace id 1 via 192.0.2.1 dev a\nnexthop replace id 2 dev b\n\
        nexthop replace id 10 group 1/2,3\n";
    device::run(objects)?;
    device::run(format!(
        "10.0.0.0/8 nhid 10 proto static {LEGS}\n10.1.0.0/16 nhid 10 {LEGS} nexthop dev c\n\
         10.2.0.0/16 nhid 1 {LEGS}\n"
    ))?;
    let table = dump()?;
    device::run("flush\nnexthop del id 10\nnexthop del id 1\nnexthop del id 2\n")?;
    let expected = format!(
        "{objects}10.0.0.0/8 nhid 10\n10.1.0.0/16 {LEGS} nexthop dev c weight 1\n\
         10.2.0.0/16 {LEGS}\n"
    );
    same_text("the table", &table, &expected)
}

fn monitored() -> Outcome {
    let monitor = Device::open()?;
    monitor.write_all("monitor\n")?;
    device::run(format!("10.0.0.0/8 metric 5 {LEGS}\n10.1.0.0/16 {LEGS}\n"))?;
    let mut piece = [0; 4096];
    let read = monitor.read(&mut piece)?;
    let added = format!("10.0.0.0/8 metric 5 {LEGS}\n10.1.0.0/16 {LEGS}\n");
    same_text(
        "the changes",
        &String::from_utf8_lossy(&piece[..read]),
        &added,
    )?;
    device::run("del 10.1.0.0/16\ndel 10.0.0.0/8\n")?;
    let read = monitor.read(&mut piece)?;
    let deleted = format!("Deleted 10.1.0.0/16 {LEGS}\nDeleted 10.0.0.0/8 metric 5 {LEGS}\n");
    same_text(
        "the deletions",
        &String::from_utf8_lossy(&piece[..read]),
        &deleted,
    )?;
    device::run(format!("10.0.0.0/8 {LEGS}\nchange 10.0.0.0/8 dev a\n"))?;
    let read = monitor.read(&mut piece)?;
    let changed = format!("10.0.0.0/8 {LEGS}\n10.0.0.0/8 dev a\n");
    same_text(
        "a replaced route",
        &String::from_utf8_lossy(&piece[..read]),
        &changed,
    )?;
    drop(monitor);
    equal("objects without a monitor", objects()?, 0)
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("multipath routes read back", reads_back),
    ("legs share the flows by weight", flows_are_shared),
    ("legs are shared, and freed with the last route", legs_are_freed),
    ("del requires all legs and weights", del_matches_legs),
    ("a line with a group and its members uses the group", group_with_members),
    ("a route that prints too long for a line has a line for each leg", long_lines),
    ("del of legs in a table without room for them is ESRCH", del_in_a_full_table),
    ("a monitor prints the legs", monitored),
];

pub fn tests() -> Vec<Test> {
    Test::group("multipath", TESTS)
}
