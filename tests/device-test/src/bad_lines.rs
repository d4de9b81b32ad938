// SPDX-License-Identifier: GPL-2.0

//! Writing bad lines: a write ends before the bad line, and the next write returns its errno.

use std::io::IoSlice;

use nix::{errno::Errno, sys::uio};

use crate::{
    device::{self, expect_table, Device},
    memory::GuardedPage,
    routes,
    tap::{ensure, equal, same_text, During, Group, Outcome, Test},
    writes::{filler, CHUNK, LAST, PAGE},
};

const BAD: &str = "10.0.0.1/8 dev eth0\n";
const MESSAGE: &str = "10.0.0.1/8: host bits set; use 10.0.0.0/8\n";

/// After an error, the program skips the bad line and writes the rest.
fn writer_skips_bad_lines() -> Outcome {
    let device = Device::open()?;
    let text = "\
10.0.0.0/8 dev a
bogus
10.1.0.0/16 dev b
10.1.0.0/16 dev c

10.2.0.0/16
10.3.0.0/16 dev d
";
    let (mut rest, mut results) = (text, Vec::new());
    while !rest.is_empty() {
        let result = device.write(rest);
        results.push(result);
        match result {
            Ok(count) => rest = &rest[count..],
            Err(_) => rest = rest.split_once('\n').map_or("", |(_, rest)| rest),
        }
    }
    let expected = vec![
        Ok(17),
        Err(Errno::EINVAL),
        Ok(18),
        Err(Errno::EEXIST),
        Ok(1),
        Err(Errno::EINVAL),
        Ok(18),
    ];
    equal("the results of write()", results, expected)?;
    let expected = "line 2: bogus: unknown word; 'help' lists the commands\n\
        line 4: 10.1.0.0/16: route exists\n\
        line 6: 10.2.0.0/16: next hop missing; add via, dev or a type such as blackhole\n";
    same_text("the messages", &device.answers()?, expected)?;
    device.close().during("close()")?;
    expect_table("10.0.0.0/8 dev a\n10.1.0.0/16 dev b\n10.3.0.0/16 dev d\n")
}

/// A write that does not repeat the bad line takes effect.
fn errno_stays_with_its_line() -> Outcome {
    let (one, other) = (Device::open()?, Device::open()?);
    let text = ["10.0.0.0/8 dev a\n", BAD].concat();
    equal("the short write", one.write(&text), Ok(17))?;
    other.write_all("10.1.0.0/16 dev b\n")?;
    equal("the other file's answers", other.answers()?, String::new())?;
    one.write_all("10.2.0.0/16 dev c\n")?;
    equal("the line again", one.write(BAD), Err(Errno::EINVAL))?;
    one.write_all("10.3.0.0/16 dev d\n")?;
    same_text(
        "the message",
        &one.answers()?,
        &format!("line 2: {MESSAGE}line 4: {MESSAGE}"),
    )?;
    expect_table("10.0.0.0/8 dev a\n10.1.0.0/16 dev b\n10.2.0.0/16 dev c\n10.3.0.0/16 dev d\n")
}

/// A writer may write the rest in pieces of any size. The line is not executed or reported again.
fn rest_in_small_pieces() -> Outcome {
    for size in 1..BAD.len() {
        let device = Device::open()?;
        let text = ["\n", BAD].concat();
        equal("the short write", device.write(&text), Ok(1))?;
        equal(
            format!("write() of {size} bytes of the rest"),
            device.write(&BAD[..size]),
            Err(Errno::EINVAL),
        )?;
        same_text(
            "the message",
            &device.answers()?,
            &format!("line 2: {MESSAGE}"),
        )?;
    }
    Ok(())
}

fn message_precedes_the_errno() -> Outcome {
    let device = Device::open()?;
    equal(
        "the short write",
        device.write(["help\n", BAD].concat()),
        Ok(5),
    )?;
    let answers = device.answers()?;
    ensure(
        "the answers end with the message",
        answers.ends_with(&format!("\nline 2: {MESSAGE}")),
    )?;
    equal("write() of the rest", device.write(BAD), Err(Errno::EINVAL))?;
    equal(
        "the answers after the failed write()",
        device.answers()?,
        String::new(),
    )
}

/// An earlier write counted the start of the bad line, so the write that ends the line fails.
fn split_bad_line() -> Outcome {
    for at in 1..BAD.len() {
        device::flush()?;
        let device = Device::open()?;
        device.write_all(["10.0.0.0/8 dev a\n", &BAD[..at]].concat())?;
        let rest = [&BAD[at..], "10.2.0.0/16 dev c\n"].concat();
        equal(
            "the write that ends the line",
            device.write(rest),
            Err(Errno::EINVAL),
        )?;
        device.write_all("10.3.0.0/16 dev d\nbogus")?;
        same_text(
            "the message",
            &device.answers()?,
            &format!("line 2: {MESSAGE}"),
        )?;
        equal(
            "the end of the fourth line",
            device.write("\n"),
            Err(Errno::EINVAL),
        )?;
        let answers = device.answers()?;
        ensure(
            "the message has the number of the fourth line",
            answers.starts_with("line 4: bogus: "),
        )?;
        expect_table("10.0.0.0/8 dev a\n10.3.0.0/16 dev d\n")?;
    }
    Ok(())
}

/// Writes a bad line at every position around a boundary.
fn bad_line_across(boundary: usize) -> Outcome {
    for start in boundary - BAD.len()..=boundary + 1 {
        device::flush()?;
        let device = Device::open()?;
        let good = filler(start);
        equal("the filler's length", good.len(), start)?;
        let text = [&good, BAD, "10.1.0.0/16 dev b\n"].concat();
        equal(
            format!("a write with a bad line at {start}"),
            device.write(&text),
            Ok(start),
        )?;
        equal(
            "the next write",
            device.write(&text[start..]),
            Err(Errno::EINVAL),
        )?;
        let number = good.lines().count() + 1;
        same_text(
            "the message",
            &device.answers()?,
            &format!("line {number}: {MESSAGE}"),
        )?;
        device.write_all(&text[start + BAD.len()..])?;
        expect_table(&[LAST, "10.1.0.0/16 dev b\n"].concat())?;
    }
    Ok(())
}

/// A line that is too long fails at its first excess byte, before its newline, and is discarded.
fn overlong_line_in_two_writes() -> Outcome {
    let device = Device::open()?;
    device.write_all("x".repeat(1023))?;
    equal("the 1024th byte", device.write("x"), Err(Errno::E2BIG))?;
    device.write_all("10.0.0.0/8 dev a\n")?;
    same_text(
        "the message",
        &device.answers()?,
        "line 1: line longer than 1023 bytes\n",
    )?;
    equal("close()", device.close(), Ok(()))?;
    expect_table("10.0.0.0/8 dev a\n")
}

/// No piece ends where a line ends, and some are empty.
fn writev_with_a_bad_line() -> Outcome {
    let device = Device::open()?;
    let good = routes::lines(200);
    let text = [&good, BAD, "10.1.0.0/16 dev b\n"].concat();
    let pieces: Vec<_> = text
        .as_bytes()
        .chunks(7)
        .map(IoSlice::new)
        .chain(std::iter::repeat_with(|| IoSlice::new(b"")))
        .take(1024)
        .collect();
    ensure("the text fits into the pieces", text.len() < 7 * 1024)?;
    equal("writev()", uio::writev(&device, &pieces), Ok(good.len()))?;
    let rest: Vec<_> = text.as_bytes()[good.len()..]
        .chunks(3)
        .map(IoSlice::new)
        .collect();
    equal(
        "writev() of the rest",
        uio::writev(&device, &rest),
        Err(Errno::EINVAL),
    )?;
    same_text(
        "the message",
        &device.answers()?,
        &format!("line 201: {MESSAGE}"),
    )?;
    expect_table(&good)
}

/// The errno of the bad line comes before the `EFAULT` of the unreadable page.
fn bad_line_before_an_unreadable_page() -> Outcome {
    let mut page = GuardedPage::new()?;
    let device = Device::open()?;
    let text = ["10.0.0.0/8 dev a\n", BAD, "10.1.0.0/16 dev b\n"].concat();
    let result = page.write(&device, text.as_bytes(), text.len() - 3);
    equal("write()", result, Ok(17))?;
    equal("write() of the rest", device.write(BAD), Err(Errno::EINVAL))?;
    equal("close()", device.close(), Ok(()))?;
    expect_table("10.0.0.0/8 dev a\n")
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("a writer can skip bad lines and continue", writer_skips_bad_lines),
    ("after a short write, another line takes effect", errno_stays_with_its_line),
    ("the rest fails with the errno, in pieces of any size", rest_in_small_pieces),
    ("the message is readable before the errno is returned", message_precedes_the_errno),
    ("a split bad line fails the write that ends it", split_bad_line),
    ("a bad line around byte 4096 ends the write at the line's start", || bad_line_across(PAGE)),
    ("a bad line around byte 8192 ends the write at the line's start", || bad_line_across(CHUNK)),
    ("byte 256 of a line fails its write", overlong_line_in_two_writes),
    ("a bad line in a writev() of 1024 pieces ends it at the line's start", writev_with_a_bad_line),
    ("a bad line before an unreadable page returns the line's errno", bad_line_before_an_unreadable_page),
];

pub fn tests() -> Vec<Test> {
    Test::group("bad line", TESTS)
}
