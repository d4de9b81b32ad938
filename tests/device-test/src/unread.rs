// SPDX-License-Identifier: GPL-2.0

//! Unread answers: the limits on their size, and readers that lag behind the writer.

use std::{fs, thread, time::Instant};

use nix::errno::Errno;

use crate::{
    device::{self, Device, TIMEOUT},
    routes,
    tap::{ensure, equal, fail, same_text, During, Group, Outcome, Test},
};

/// The limit of a file for unread answers, and the room for messages beyond it.
const MAX_UNREAD: usize = 256 << 10;
const MESSAGES: usize = 4096 + 256;
/// The size of an entry in the queue of answers, or a little more.
const ENTRY: usize = 64;

fn unread_answers_are_limited() -> Outcome {
    let help = device::run("help\n")?;
    let device = Device::open()?;
    // An answer that begins below the limit is kept whole. Consecutive answers share an entry.
    let kept = (MAX_UNREAD - ENTRY).div_ceil(help.len());
    let commands = "help\n".repeat(kept + 100);
    equal(
        "write() of too many commands",
        device.write(&commands),
        Ok(5 * kept),
    )?;
    equal(
        "the next write()",
        device.write("help\n"),
        Err(Errno::ENOBUFS),
    )?;
    equal(
        "the third write()",
        device.write("show\n"),
        Err(Errno::ENOBUFS),
    )?;
    let (one, two) = (kept + 1, kept + 2);
    let expected = help.repeat(kept)
        + &format!("line {one}: too many answers unread; read them first\n")
        + &format!("line {two}: too many answers unread; read them first\n");
    same_text("the kept answers", &device.answers()?, &expected)?;
    same_text(
        "the answer after all answers were read",
        &device.query("help\n")?,
        &help,
    )
}

/// A program that never reads must not fill the kernel's memory with messages.
fn unread_messages_are_limited() -> Outcome {
    let device = Device::open()?;
    let bad = format!("{}\n", "x".repeat(64));
    let count = 3 * MAX_UNREAD / (2 * bad.len());
    for _ in 0..count {
        equal(
            "write() of a bad line",
            device.write(&bad),
            Err(Errno::EINVAL),
        )?;
    }
    let read = device.answers()?.len();
    ensure(
        format!("{count} unread messages take {MAX_UNREAD} bytes or a little more; found {read}"),
        (MAX_UNREAD - ENTRY..MAX_UNREAD + MESSAGES).contains(&read),
    )?;
    equal(
        "a bad line after all messages were read",
        device.write("bogus\n"),
        Err(Errno::EINVAL),
    )?;
    let message = format!(
        "line {}: bogus: unknown word; 'help' lists the commands\n",
        count + 1
    );
    same_text("its message", &device.answers()?, &message)
}

/// Dumps without routes must reach the limit too, and be read quickly.
fn empty_dumps_are_limited() -> Outcome {
    let device = Device::open()?;
    let commands = "show inet6\n".repeat(1 << 15);
    let written = device.write(&commands).during("write()")?;
    ensure("some commands are refused", written < commands.len())?;
    equal("the bytes of a cut line", written % 11, 0)?;
    equal(
        "the next write()",
        device.write("show\n"),
        Err(Errno::ENOBUFS),
    )?;
    let start = Instant::now();
    let answers = device.answers()?;
    ensure(
        "the only answer is the message",
        answers.ends_with("read them first\n"),
    )?;
    ensure(
        format!("{} dumps are read soon", written / 11),
        start.elapsed() < TIMEOUT,
    )?;
    equal(
        "the answer after all answers were read",
        device.query("show\n")?,
        String::new(),
    )
}

/// The reader is always 20 rounds behind the writer. Each round has a `get` and a `show`.
fn reading_lags_behind() -> Outcome {
    const ROUNDS: u32 = 300;
    const LAG: u32 = 20;
    device::run(routes::lines(ROUNDS))?;
    let device = Device::open()?;
    for number in 0..ROUNDS + LAG {
        if number < ROUNDS {
            let host = routes::host(number);
            device.write_all(format!("get {host}\nshow {host}\n"))?;
        }
        let Some(earlier) = number.checked_sub(LAG) else {
            continue;
        };
        let expected = routes::line(earlier).repeat(2);
        let mut piece = vec![0; expected.len()];
        equal(
            "read() of two answers",
            device.read(&mut piece),
            Ok(expected.len()),
        )?;
        same_text("two answers", &String::from_utf8_lossy(&piece), &expected)?;
    }
    equal("the rest of the answers", device.answers()?, String::new())
}

fn reader_beside_writer() -> Outcome {
    device::run("10.0.0.0/8 dev a\n")?;
    const COUNT: usize = 2000;
    let device = Device::open()?;
    device.write_all("\n")?;
    let expected = "10.0.0.0/8 dev a\n".repeat(COUNT);
    thread::scope(|scope| {
        let writer =
            scope.spawn(|| (0..COUNT).try_for_each(|_| device.write_all("get 10.0.0.1\n")));
        let start = Instant::now();
        let mut read = String::new();
        while read.len() < expected.len() && start.elapsed() < TIMEOUT {
            read += &device.answers_by(100)?;
        }
        writer.join().unwrap_or(fail("panicked"))?;
        same_text("the answers", &read, &expected)
    })
}

/// Fills the answers of many files in the form that takes the most memory. An unprivileged process
/// can do so.
fn memory_of_unread_answers_is_limited() -> Outcome {
    const FILES: usize = 16;
    const LIMIT_KIB: u64 = 1024;
    device::run("10.0.0.0/8 dev a\n")?;
    let commands = "get 10.0.0.1\nshow ::/0\n".repeat(20_000);
    let before = available_kib()?;
    let files: Vec<_> = (0..FILES).map(|_| Device::open()).collect::<Outcome<_>>()?;
    for device in &files {
        device.write(&commands).during("write()")?;
        equal(
            "write() of one more",
            device.write("show\n"),
            Err(Errno::ENOBUFS),
        )?;
    }
    let kib = before.saturating_sub(available_kib()?) / FILES as u64;
    ensure(
        format!("a file takes at most {LIMIT_KIB} KiB; found {kib} KiB"),
        kib <= LIMIT_KIB,
    )
}

fn available_kib() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/meminfo").during("reading meminfo")?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.map_or_else(|| fail("meminfo has no MemAvailable"), Ok)
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("too many unread answers are ENOBUFS until they are read", unread_answers_are_limited),
    ("unread messages are limited", unread_messages_are_limited),
    ("the number of empty dumps is limited, and all are read within the time-out", empty_dumps_are_limited),
    ("the unread answers of a file take at most 1 MiB", memory_of_unread_answers_is_limited),
    ("answers keep their order while reading lags behind", reading_lags_behind),
    ("one thread reads the answers of another", reader_beside_writer),
];

pub fn tests() -> Vec<Test> {
    Test::group("unread", TESTS)
}
