// SPDX-License-Identifier: GPL-2.0

//! Reading: the whole table, or the answers in the order of their commands.

use std::{io::IoSliceMut, os::fd::AsFd};

use nix::{errno::Errno, fcntl::OFlag, sys::uio, unistd};

use crate::{
    device::{self, Device, Stats},
    memory::GuardedPage,
    routes,
    tap::{ensure, equal, same_text, Group, Outcome, Test},
};

/// A table of every kind of route, in the order of a dump.
const MIXED: &str = "\
0.0.0.0/0 via inet6 fe80::1
0.0.0.0/0 dev eth0 metric 10
10.0.0.0/8 via 192.0.2.1
blackhole 10.0.0.0/8 metric 1
10.0.0.0/16 dev a
10.0.0.0/17 dev b
10.0.0.0/32 dev c
10.0.0.1/32 via 192.0.2.1 dev d metric 4294967295
10.128.0.0/9 dev e
prohibit 255.255.255.255/32
::/0 via fe80::1
::/1 via inet 192.0.2.1
::1/128 dev lo
2001:db8::/32 via fe80::1 dev eth0
unreachable 2001:db8::/33
8000::/1 dev f
";

fn reversed(text: &str) -> String {
    text.split_inclusive('\n').rev().collect()
}

fn whole_table_in_order() -> Outcome {
    device::run(reversed(MIXED))?;
    same_text("the table", &device::dump()?, MIXED)
}

fn empty_table() -> Outcome {
    let device = Device::open()?;
    equal(
        "read() of the empty table",
        device.read(&mut [0; 64]),
        Ok(0),
    )?;
    device.write_all("10.0.0.0/8 dev a\n")?;
    equal(
        "read() after a command without an answer",
        device.read(&mut [0; 64]),
        Ok(0),
    )
}

/// The device dumps the table in pieces of 128 routes.
fn sizes_around_a_piece() -> Outcome {
    for count in [1, 127, 128, 129, 255, 256, 257, 500] {
        device::flush()?;
        device::run(routes::lines(count))?;
        let expected = routes::lines(count);
        same_text(
            format!("a table of {count} routes"),
            &device::dump()?,
            &expected,
        )?;
        equal(
            "the IPv4 routes in stats",
            Stats::now()?.get("routes_inet")?,
            count.into(),
        )?;
    }
    Ok(())
}

fn any_read_size() -> Outcome {
    let text = routes::lines(300);
    device::run(&text)?;
    for size in [1, 2, 7, 31, 32, 33, 4095, 4096, 4097, 1 << 20] {
        let device = Device::open_as(OFlag::O_RDONLY)?;
        let read = device.answers_by(size)?;
        same_text(format!("the table by {size} bytes a read()"), &read, &text)?;
    }
    Ok(())
}

fn one_large_read() -> Outcome {
    let text = routes::lines(1000);
    device::run(&text)?;
    let device = Device::open_as(OFlag::O_RDONLY)?;
    let mut buffer = vec![0; 1 << 20];
    equal("one read()", device.read(&mut buffer), Ok(text.len()))?;
    equal("the next read()", device.read(&mut buffer), Ok(0))
}

fn readv() -> Outcome {
    let text = routes::lines(300);
    device::run(&text)?;
    let device = Device::open_as(OFlag::O_RDONLY)?;
    let mut buffer = vec![0; 1 << 16];
    let mut pieces: Vec<_> = buffer
        .chunks_mut(97)
        .take(1024)
        .map(IoSliceMut::new)
        .collect();
    equal("readv()", uio::readv(&device, &mut pieces), Ok(text.len()))?;
    let read = String::from_utf8_lossy(&buffer[..text.len()]);
    same_text("the bytes of readv()", &read, &text)
}

/// Fails a `read()` before each byte of the answers.
fn unwritable_buffer_loses_nothing() -> Outcome {
    device::run("10.0.0.0/8 via 192.0.2.1\n")?;
    let device = Device::open()?;
    device.write_all("get 10.0.0.1\nget 10.0.0.2\n")?;
    let expected = "10.0.0.0/8 via 192.0.2.1\n".repeat(2);
    let mut page = GuardedPage::new()?;
    let mut read = Vec::new();
    for _ in 0..expected.len() {
        equal(
            "read() of an unwritable byte",
            page.read(&device, 0, 64, &mut read),
            Err(Errno::EFAULT),
        )?;
        equal(
            "read() with one writable byte",
            page.read(&device, 1, 64, &mut read),
            Ok(1),
        )?;
    }
    equal(
        "read() at the end of the answers",
        page.read(&device, 0, 64, &mut read),
        Ok(0),
    )?;
    same_text(
        "the bytes of all reads",
        &String::from_utf8_lossy(&read),
        &expected,
    )
}

/// Fails a `read()` several times in each piece of a dump.
fn unwritable_buffer_within_a_table() -> Outcome {
    let text = routes::lines(600);
    device::run(&text)?;
    let device = Device::open_as(OFlag::O_RDONLY)?;
    let mut page = GuardedPage::new()?;
    let mut read = Vec::new();
    while read.len() < text.len() {
        let result = page.read(&device, 0, 4096, &mut read);
        equal(
            format!("read() of an unwritable byte after {} bytes", read.len()),
            result,
            Err(Errno::EFAULT),
        )?;
        let room = 777.min(text.len() - read.len());
        let result = page.read(&device, room, 4096, &mut read);
        equal("read() with some writable bytes", result, Ok(room))?;
    }
    same_text(
        "the bytes of all reads",
        &String::from_utf8_lossy(&read),
        &text,
    )
}

fn empty_read() -> Outcome {
    device::run("10.0.0.0/8 dev a\n")?;
    let device = Device::open_as(OFlag::O_RDONLY)?;
    equal("read() of 0 bytes", device.read(&mut []), Ok(0))?;
    same_text(
        "the answers after the empty read()",
        &device.answers()?,
        "10.0.0.0/8 dev a\n",
    )
}

fn answers_in_order() -> Outcome {
    device::run(MIXED)?;
    let help = device::run("help\n")?;
    // The figures of retired memory must not change between the two calls.
    device::wait_for_reclaim()?;
    let stats = device::run("stats\n")?;
    let device = Device::open()?;
    device.write_all(
        "get 10.128.0.1\nshow 10.0.0.0/8\nhelp\nget 10.0.0.0\nshow inet6\nshow\nstats\n",
    )?;
    device.write_all("show 10.1.0.0/16\nshow 10.0.0.1\n# comment\nget ::1\n")?;
    equal("a bad line", device.write("get\n"), Err(Errno::EINVAL))?;
    device.write_all("show ::/1\n")?;
    let inet6 = &MIXED[MIXED.find("::/0").unwrap_or(0)..];
    let expected = [
        "10.128.0.0/9 dev e\n",
        "10.0.0.0/8 via 192.0.2.1\nblackhole 10.0.0.0/8 metric 1\n",
        &help,
        "10.0.0.0/32 dev c\n",
        inet6,
        MIXED,
        &stats,
        "10.0.0.1/32 via 192.0.2.1 dev d metric 4294967295\n",
        "::1/128 dev lo\n",
        "line 12: get: address missing\n",
        "::/1 via inet 192.0.2.1\n",
    ];
    same_text("the answers", &device.answers()?, &expected.concat())
}

fn answers_after_end_of_file() -> Outcome {
    device::run(MIXED)?;
    let device = Device::open()?;
    same_text("the table at first", &device.answers()?, MIXED)?;
    equal("read() at the end", device.read(&mut [0; 64]), Ok(0))?;
    for _ in 0..3 {
        same_text("an answer", &device.query("get ::1\n")?, "::1/128 dev lo\n")?;
        equal("read() after the answer", device.read(&mut [0; 64]), Ok(0))?;
        same_text("the table again", &device.query("show\n")?, MIXED)?;
    }
    Ok(())
}

/// A write discards the rest of the dump of the whole table.
fn write_ends_the_dump() -> Outcome {
    device::run(routes::lines(500))?;
    let device = Device::open()?;
    equal(
        "read() of the first bytes",
        device.read(&mut [0; 100]),
        Ok(100),
    )?;
    let answer = device.query("get 10.0.0.9\n")?;
    same_text("the answer", &answer, &routes::line(9))
}

fn answers_stay_with_their_file() -> Outcome {
    device::run("10.0.0.0/8 dev a\n")?;
    let (one, other) = (Device::open()?, Device::open()?);
    one.write_all("get 10.0.0.1\n")?;
    other.write_all("help\n")?;
    same_text(
        "the first file's answer",
        &one.answers()?,
        "10.0.0.0/8 dev a\n",
    )?;
    ensure(
        "the second file reads its own answer",
        other.answers()?.starts_with("[add] PREFIX"),
    )
}

fn show_selects() -> Outcome {
    device::run(MIXED)?;
    let inet6 = MIXED.find("::/0").unwrap_or(0);
    let rows = [
        ("show inet", &MIXED[..inet6]),
        ("show inet6", &MIXED[inet6..]),
        ("list", MIXED),
        (
            "show default",
            "0.0.0.0/0 via inet6 fe80::1\n0.0.0.0/0 dev eth0 metric 10\n",
        ),
        ("show ::/0", "::/0 via fe80::1\n"),
        ("show 10.0.0.0/16", "10.0.0.0/16 dev a\n"),
        ("show 10.0.0.0", "10.0.0.0/32 dev c\n"),
        ("show 255.255.255.255", "prohibit 255.255.255.255/32\n"),
        ("show 10.0.0.0/15", ""),
        ("show 11.0.0.0/8", ""),
        ("show 2001:db8::/34", ""),
        ("show 2001:DB8:0::/33", "unreachable 2001:db8::/33\n"),
    ];
    for (command, expected) in rows {
        same_text(command, &device::run(format!("{command}\n"))?, expected)?;
    }
    Ok(())
}

/// A prefix may have 64 metrics; another one is refused.
fn show_prefix_with_64_metrics() -> Outcome {
    let expected = routes::text(1..=64, |metric| {
        format!("10.0.0.0/8 dev m{metric} metric {metric}\n")
    });
    device::run(reversed(&expected))?;
    device::run("10.0.0.0/7 dev x\n10.0.0.0/9 dev x\n11.0.0.0/8 dev x\n")?;
    same_text(
        "show 10.0.0.0/8",
        &device::run("show 10.0.0.0/8\n")?,
        &expected,
    )?;
    let device = Device::open()?;
    let another = "10.0.0.0/8 dev m metric 65\n";
    equal("one metric more", device.write(another), Err(Errno::ENOSPC))
}

fn lseek_is_espipe() -> Outcome {
    let device = Device::open()?;
    let result = unistd::lseek(device.as_fd(), 0, unistd::Whence::SeekSet);
    equal("lseek()", result, Err(Errno::ESPIPE))
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("the whole table is in order", whole_table_in_order),
    ("a read of an empty table returns end of file", empty_table),
    ("dumps around multiples of 128 routes are complete", sizes_around_a_piece),
    ("reads of any size return the whole table", any_read_size),
    ("one large read() returns all answers", one_large_read),
    ("readv() fills all buffers", readv),
    ("EFAULT loses no byte of an answer", unwritable_buffer_loses_nothing),
    ("EFAULT loses no byte of the table", unwritable_buffer_within_a_table),
    ("a read of 0 bytes loses nothing", empty_read),
    ("answers have the order of their commands", answers_in_order),
    ("new answers follow end of file", answers_after_end_of_file),
    ("a write ends the dump of the whole table", write_ends_the_dump),
    ("answers stay with their file", answers_stay_with_their_file),
    ("show selects by family and prefix", show_selects),
    ("show lists a prefix with 64 metrics", show_prefix_with_64_metrics),
    ("lseek() is ESPIPE", lseek_is_espipe),
];

pub fn tests() -> Vec<Test> {
    Test::group("read", TESTS)
}
