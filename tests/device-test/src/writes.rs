// SPDX-License-Identifier: GPL-2.0

//! Writing good lines: splits between writes, results of `write()`, and effects on the table.

use std::{io::IoSlice, net::Ipv4Addr, thread};

use nix::{errno::Errno, fcntl::OFlag, sys::uio};

use crate::{
    device::{self, expect_table, Device},
    memory::{self, GuardedPage},
    routes,
    tap::{ensure, equal, fail, same_text, During, Group, Outcome, Test},
};

/// The device copies written bytes in chunks of this size; see `device/open_file.rs`.
pub const CHUNK: usize = 8192;
pub const PAGE: usize = 4096;

/// Two routes in the form of a dump.
const TWO: &str = "10.0.0.0/8 via 192.0.2.1 dev eth0\n2001:db8::/32 via fe80::1 metric 20\n";

fn split_at_any_byte() -> Outcome {
    for at in 0..=TWO.len() {
        device::flush()?;
        let device = Device::open()?;
        device.write_all(&TWO[..at])?;
        device.write_all(&TWO[at..])?;
        device
            .close()
            .during(format!("close() after a split at {at}"))?;
        expect_table(TWO)?;
    }
    Ok(())
}

fn byte_at_a_time() -> Outcome {
    let device = Device::open()?;
    for at in 0..TWO.len() {
        device.write_all(&TWO[at..=at])?;
    }
    device.close().during("close()")?;
    expect_table(TWO)
}

fn newline_commits() -> Outcome {
    let device = Device::open()?;
    device.write_all("10.0.0.0/8 dev eth0")?;
    expect_table("")?;
    device.write_all("\n")?;
    expect_table("10.0.0.0/8 dev eth0\n")?;
    device.close().during("close()")
}

/// Tens of thousands of routes, with comments that fill the text up to 1 MiB.
fn one_mebibyte() -> Outcome {
    let routes = routes::lines(device::scaled(40_000));
    let comments = (1 << 20) / routes.lines().count() - 20;
    let comment = format!("{}\n", "#".repeat(comments.clamp(5, 250)));
    let text: String = routes
        .split_inclusive('\n')
        .flat_map(|line| [line, &comment])
        .collect();
    ensure(
        format!("{} bytes are 1 MiB or more", text.len()),
        text.len() >= 1 << 20,
    )?;
    equal("the answers", device::run(&text)?, String::new())?;
    expect_table(&routes)
}

/// The last line of [`filler`].
pub const LAST: &str = "10.0.0.0/16 dev a\n";

/// Comments and [`LAST`], of exactly `len` bytes.
pub fn filler(len: usize) -> String {
    let mut text = String::new();
    while text.len() + LAST.len() < len {
        let room = len - LAST.len() - text.len();
        text.push_str(&"#".repeat(room.min(64) - 1));
        text.push('\n');
    }
    text + LAST
}

/// Writes two lines at every position around a boundary.
fn good_lines_across_chunks() -> Outcome {
    let (inet, inet6) = TWO.split_at(first_line(TWO));
    let expected = [inet, LAST, inet6].concat();
    for boundary in [PAGE, CHUNK] {
        for start in boundary - TWO.len()..=boundary + 1 {
            device::flush()?;
            equal(
                "the answers",
                device::run([&filler(start), TWO].concat())?,
                String::new(),
            )?;
            expect_table(&expected)?;
        }
    }
    Ok(())
}

/// The length of the first line.
fn first_line(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |at| at + 1)
}

fn longest_line() -> Outcome {
    let route = "10.0.0.0/8 dev a";
    let line = format!("{route} #{}\n", "x".repeat(1023 - route.len() - 2));
    equal("the length of the line and its newline", line.len(), 1024)?;
    for at in [0, 1, 1022, 1023] {
        device::flush()?;
        let device = Device::open()?;
        device.write_all(&line[..at])?;
        device.write_all(&line[at..])?;
        device.close().during("close()")?;
        expect_table("10.0.0.0/8 dev a\n")?;
    }
    Ok(())
}

fn writev_of_single_bytes() -> Outcome {
    let device = Device::open()?;
    let bytes: Vec<_> = TWO.as_bytes().chunks(1).map(IoSlice::new).collect();
    equal("writev()", uio::writev(&device, &bytes), Ok(TWO.len()))?;
    expect_table(TWO)
}

fn unreadable_buffer() -> Outcome {
    let device = Device::open()?;
    let page = GuardedPage::new()?;
    for address in [page.end(), 0, memory::KERNEL_ADDRESS] {
        for len in [1, 100, PAGE, 100_000] {
            let result = memory::write_from(&device, address, len);
            equal(
                format!("write() of {len} bytes at {address:#x}"),
                result,
                Err(Errno::EFAULT),
            )?;
        }
    }
    device.write_all("10.0.0.0/8 dev a\n")?;
    device.close().during("close()")?;
    expect_table("10.0.0.0/8 dev a\n")
}

/// Readable lines take effect, and the next `write()` can complete the line that was cut.
fn partly_readable_buffer() -> Outcome {
    let mut page = GuardedPage::new()?;
    let first = first_line(TWO);
    for readable in 1..TWO.len() {
        device::flush()?;
        let device = Device::open()?;
        let result = page.write(&device, TWO.as_bytes(), readable);
        equal(
            format!("write() with {readable} bytes readable"),
            result,
            Ok(readable),
        )?;
        expect_table(if readable < first { "" } else { &TWO[..first] })?;
        device.write_all(&TWO[readable..])?;
        device.close().during("close()")?;
        expect_table(TWO)?;
    }
    Ok(())
}

/// The file still reads as the whole table, and a line that has begun stays.
fn empty_write() -> Outcome {
    device::run(TWO)?;
    let device = Device::open()?;
    equal("write() of 0 bytes", device.write(""), Ok(0))?;
    same_text(
        "the answers after the empty write()",
        &device.answers()?,
        TWO,
    )?;
    device.write_all("get 10.0.0")?;
    equal("write() of 0 bytes within a line", device.write(""), Ok(0))?;
    device.write_all(".1\n")?;
    same_text(
        "the answer",
        &device.answers()?,
        "10.0.0.0/8 via 192.0.2.1 dev eth0\n",
    )
}

fn access_modes() -> Outcome {
    device::run(TWO)?;
    let reader = Device::open_as(OFlag::O_RDONLY)?;
    equal(
        "write() to a file open for reading",
        reader.write("flush\n"),
        Err(Errno::EBADF),
    )?;
    same_text("the answers of this file", &reader.answers()?, TWO)?;
    for flags in [
        OFlag::O_TRUNC,
        OFlag::O_APPEND,
        OFlag::O_CREAT | OFlag::O_TRUNC,
    ] {
        let writer = Device::open_as(OFlag::O_WRONLY | flags).during(format!("open({flags:?})"))?;
        equal(
            "read() of a file open for writing",
            writer.read(&mut [0; 64]),
            Err(Errno::EBADF),
        )?;
        expect_table(TWO)?;
        writer.write_all("10.9.0.0/16 dev a\ndel 10.9.0.0/16\n")?;
        writer.close().during("close()")?;
    }
    Ok(())
}

/// The routes that one of several writers adds.
fn routes_of(writer: u8) -> String {
    let addresses = (0..=255).map(|number| Ipv4Addr::new(10, writer, 0, number));
    routes::text(addresses, |address| format!("{address}/32 dev w{writer}\n"))
}

fn write_by_line(device: &Device, text: &str) -> Outcome {
    text.split_inclusive('\n')
        .try_for_each(|line| device.write_all(line))
}

/// Runs four writers at once, with one system call for each line. No route may be lost.
fn write_concurrently(devices: [&Device; 4]) -> Outcome {
    thread::scope(|scope| {
        let writers = devices.iter().zip(0..);
        let writers: Vec<_> = writers
            .map(|(device, writer)| scope.spawn(move || write_by_line(device, &routes_of(writer))))
            .collect();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().unwrap_or(fail("panicked")))
    })?;
    expect_table(&(0..4).map(routes_of).collect::<String>())
}

fn writers_of_one_file() -> Outcome {
    let device = Device::open()?;
    write_concurrently([&device; 4])
}

fn writers_of_several_files() -> Outcome {
    let devices = [
        Device::open()?,
        Device::open()?,
        Device::open()?,
        Device::open()?,
    ];
    write_concurrently(devices.each_ref())
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("two lines may be split at any byte", split_at_any_byte),
    ("lines may be written byte by byte", byte_at_a_time),
    ("a line takes effect with its newline", newline_commits),
    ("one call accepts 1 MiB of lines", one_mebibyte),
    ("lines may cross bytes 4096 and 8192 of a write", good_lines_across_chunks),
    ("a line may have 1023 bytes", longest_line),
    ("writev() accepts single bytes", writev_of_single_bytes),
    ("an unreadable buffer is EFAULT and changes nothing", unreadable_buffer),
    ("a partly readable buffer returns the number of readable bytes", partly_readable_buffer),
    ("a write of 0 bytes changes nothing", empty_write),
    ("access modes are enforced, and the open flags of shells work", access_modes),
    ("four threads write through one file", writers_of_one_file),
    ("four threads write through four files", writers_of_several_files),
];

pub fn tests() -> Vec<Test> {
    Test::group("write", TESTS)
}
