// SPDX-License-Identifier: GPL-2.0

//! What `read()` gives: the whole table, or the answers in the order of their commands.

use std::{io::IoSliceMut, os::fd::AsFd, thread, time::Instant};

use nix::{errno::Errno, fcntl::OFlag, sys::uio, unistd};

use crate::{
    device::{self, Device, Stats, PATIENCE},
    memory::Cliff,
    retirement, routes,
    tap::{ensure, equal, fail, same_text, During, Outcome, Test},
};

/// Unread answers that a file keeps, and what it keeps of messages beyond them.
const MAX_UNREAD: usize = 1 << 20;
const MESSAGES: usize = 4096 + 256;

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
    device.feed("10.0.0.0/8 dev a\n")?;
    equal(
        "read() after a command without an answer",
        device.read(&mut [0; 64]),
        Ok(0),
    )
}

/// The device takes routes from the table a piece at a time: sizes around the pieces' limits.
fn every_size() -> Outcome {
    for count in [1, 127, 128, 129, 255, 256, 257, 500] {
        device::flush()?;
        device::run(routes::lines(count))?;
        let wanted = routes::lines(count);
        same_text(
            format!("a table of {count} routes"),
            &device::dump()?,
            &wanted,
        )?;
        equal(
            "its size in stats",
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

/// A read takes all there is, across the pieces, as long as there is room.
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
    same_text("what it read", &read, &text)
}

/// `read()` into memory that cannot be written, before each byte of an answer.
fn unwritable_buffer_loses_nothing() -> Outcome {
    device::run("10.0.0.0/8 via 192.0.2.1\n")?;
    let device = Device::open()?;
    device.feed("get 10.0.0.1\nget 10.0.0.2\n")?;
    let wanted = "10.0.0.0/8 via 192.0.2.1\n".repeat(2);
    let mut cliff = Cliff::new()?;
    let mut read = Vec::new();
    for _ in 0..wanted.len() {
        equal(
            "read() at the edge",
            cliff.read(&device, 0, 64, &mut read),
            Err(Errno::EFAULT),
        )?;
        equal(
            "read() across the edge",
            cliff.read(&device, 1, 64, &mut read),
            Ok(1),
        )?;
    }
    equal(
        "read() at the end",
        cliff.read(&device, 0, 64, &mut read),
        Ok(0),
    )?;
    same_text("what was read", &String::from_utf8_lossy(&read), &wanted)
}

/// The same in the middle of a whole table, with pieces that do not fit.
fn unwritable_buffer_within_a_table() -> Outcome {
    let text = routes::lines(600);
    device::run(&text)?;
    let device = Device::open_as(OFlag::O_RDONLY)?;
    let mut cliff = Cliff::new()?;
    let mut read = Vec::new();
    while read.len() < text.len() {
        let result = cliff.read(&device, 0, 4096, &mut read);
        equal(
            format!("read() at the edge after {} bytes", read.len()),
            result,
            Err(Errno::EFAULT),
        )?;
        let room = 777.min(text.len() - read.len());
        let result = cliff.read(&device, room, 4096, &mut read);
        equal("read() across the edge", result, Ok(room))?;
    }
    same_text("what was read", &String::from_utf8_lossy(&read), &text)
}

fn empty_read() -> Outcome {
    device::run("10.0.0.0/8 dev a\n")?;
    let device = Device::open_as(OFlag::O_RDONLY)?;
    equal("read() of nothing", device.read(&mut []), Ok(0))?;
    same_text(
        "what is read then",
        &device.answers()?,
        "10.0.0.0/8 dev a\n",
    )
}

fn answers_in_order() -> Outcome {
    device::run(MIXED)?;
    let help = device::run("help\n")?;
    // Its figures of what waits for a grace period must stand still.
    retirement::nothing_is_retired()?;
    let stats = device::run("stats\n")?;
    let device = Device::open()?;
    device
        .feed("get 10.128.0.1\nshow 10.0.0.0/8\nhelp\nget 10.0.0.0\nshow inet6\nshow\nstats\n")?;
    device.feed("show 10.1.0.0/16\nshow 10.0.0.1\n# comment\nget ::1\n")?;
    equal("a bad line", device.write("get\n"), Err(Errno::EINVAL))?;
    device.feed("show ::/1\n")?;
    let inet6 = &MIXED[MIXED.find("::/0").unwrap_or(0)..];
    let wanted = [
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
    same_text("the answers", &device.answers()?, &wanted.concat())
}

fn answers_after_end_of_file() -> Outcome {
    device::run(MIXED)?;
    let device = Device::open()?;
    same_text("the table at first", &device.answers()?, MIXED)?;
    equal("read() at the end", device.read(&mut [0; 64]), Ok(0))?;
    for _ in 0..3 {
        same_text("an answer", &device.ask("get ::1\n")?, "::1/128 dev lo\n")?;
        equal("read() behind it", device.read(&mut [0; 64]), Ok(0))?;
        same_text("the table again", &device.ask("show\n")?, MIXED)?;
    }
    Ok(())
}

/// Once something was written, what is left of the whole table is not read any more.
fn write_ends_the_whole_table() -> Outcome {
    device::run(routes::lines(500))?;
    let device = Device::open()?;
    equal(
        "read() of the table's beginning",
        device.read(&mut [0; 100]),
        Ok(100),
    )?;
    let answer = device.ask("get 10.0.0.9\n")?;
    same_text("what is read after a command", &answer, &routes::line(9))
}

/// Two files do not read each other's answers.
fn answers_stay_with_their_file() -> Outcome {
    device::run("10.0.0.0/8 dev a\n")?;
    let (one, other) = (Device::open()?, Device::open()?);
    one.feed("get 10.0.0.1\n")?;
    other.feed("help\n")?;
    same_text("the one's answer", &one.answers()?, "10.0.0.0/8 dev a\n")?;
    ensure(
        "the other's answer",
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
    for (command, wanted) in rows {
        same_text(command, &device::run(format!("{command}\n"))?, wanted)?;
    }
    Ok(())
}

/// As many as a prefix can have; another is refused.
fn show_prefix_with_many_metrics() -> Outcome {
    let wanted = routes::text(1..=64, |metric| {
        format!("10.0.0.0/8 dev m{metric} metric {metric}\n")
    });
    device::run(reversed(&wanted))?;
    device::run("10.0.0.0/7 dev x\n10.0.0.0/9 dev x\n11.0.0.0/8 dev x\n")?;
    same_text(
        "show 10.0.0.0/8",
        &device::run("show 10.0.0.0/8\n")?,
        &wanted,
    )?;
    let device = Device::open()?;
    let another = "10.0.0.0/8 dev m metric 65\n";
    equal("one more", device.write(another), Err(Errno::ENOSPC))
}

/// Answers that nobody reads come to an end; once read, there is room again.
fn unread_answers_are_limited() -> Outcome {
    let help = device::run("help\n")?;
    let device = Device::open()?;
    // Those that begin below the limit are kept whole.
    let kept = MAX_UNREAD.div_ceil(help.len());
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
    equal("and one more", device.write("show\n"), Err(Errno::ENOBUFS))?;
    let (one, two) = (kept + 1, kept + 2);
    let wanted = help.repeat(kept)
        + &format!("line {one}: too many answers unread; read them first\n")
        + &format!("line {two}: too many answers unread; read them first\n");
    same_text("what was kept", &device.answers()?, &wanted)?;
    same_text(
        "the answer after it was read",
        &device.ask("help\n")?,
        &help,
    )
}

/// Messages are answers too: who never reads must not fill the kernel's memory with them.
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
        format!("{count} unread messages take {MAX_UNREAD} bytes and little more, found {read}"),
        (MAX_UNREAD..MAX_UNREAD + MESSAGES).contains(&read),
    )?;
    equal(
        "a bad line then",
        device.write("bogus\n"),
        Err(Errno::EINVAL),
    )?;
    let message = format!(
        "line {}: bogus: unknown word; 'help' lists the commands\n",
        count + 1
    );
    same_text("its message", &device.answers()?, &message)
}

/// As many `show` as are taken, with nothing to show: must be refused in the end and read quickly.
fn many_empty_shows() -> Outcome {
    let device = Device::open()?;
    let commands = "show inet6\n".repeat(1 << 15);
    let taken = device.write(&commands).during("write()")?;
    ensure("some are refused", taken < commands.len())?;
    equal("whole lines are taken", taken % 11, 0)?;
    equal(
        "the next write()",
        device.write("show\n"),
        Err(Errno::ENOBUFS),
    )?;
    let start = Instant::now();
    let answers = device.answers()?;
    ensure(
        "the one answer is the message",
        answers.ends_with("read them first\n"),
    )?;
    ensure(
        format!("{} shows are read soon", taken / 11),
        start.elapsed() < PATIENCE,
    )?;
    equal(
        "an answer after it was read",
        device.ask("show\n")?,
        String::new(),
    )
}

/// A program that always reads what it asked some time ago, texts and tables in turn.
fn reading_lags_behind() -> Outcome {
    const ROUNDS: u32 = 300;
    const LAG: u32 = 20;
    device::run(routes::lines(ROUNDS))?;
    let device = Device::open()?;
    for number in 0..ROUNDS + LAG {
        if number < ROUNDS {
            let host = routes::host(number);
            device.feed(format!("get {host}\nshow {host}\n"))?;
        }
        let Some(earlier) = number.checked_sub(LAG) else {
            continue;
        };
        let wanted = routes::line(earlier).repeat(2);
        let mut piece = vec![0; wanted.len()];
        equal(
            "read() of two answers",
            device.read(&mut piece),
            Ok(wanted.len()),
        )?;
        same_text("two answers", &String::from_utf8_lossy(&piece), &wanted)?;
    }
    equal("what is left", device.answers()?, String::new())
}

/// One thread writes queries and another reads the answers of the same file.
fn reader_beside_writer() -> Outcome {
    device::run("10.0.0.0/8 dev a\n")?;
    const COUNT: usize = 2000;
    let device = Device::open()?;
    device.feed("\n")?;
    let wanted = "10.0.0.0/8 dev a\n".repeat(COUNT);
    thread::scope(|scope| {
        let writer = scope.spawn(|| (0..COUNT).try_for_each(|_| device.feed("get 10.0.0.1\n")));
        let start = Instant::now();
        let mut read = String::new();
        while read.len() < wanted.len() && start.elapsed() < PATIENCE {
            read += &device.answers_by(100)?;
        }
        writer.join().unwrap_or(fail("panicked"))?;
        same_text("the answers", &read, &wanted)
    })
}

/// The file has no place to seek to, and reads where it was whatever the offset.
fn no_seeking() -> Outcome {
    let device = Device::open()?;
    let result = unistd::lseek(device.as_fd(), 0, unistd::Whence::SeekSet);
    equal("lseek()", result, Err(Errno::ESPIPE))
}

pub fn tests() -> Vec<Test> {
    vec![
        Test::new("read: the whole table in order", whole_table_in_order),
        Test::new("read: an empty table is end of file", empty_table),
        Test::new("read: tables of sizes around a piece", every_size),
        Test::new("read: by any number of bytes", any_read_size),
        Test::new("read: one large read() takes all there is", one_large_read),
        Test::new("read: readv()", readv),
        Test::new(
            "read: EFAULT loses no byte of an answer",
            unwritable_buffer_loses_nothing,
        ),
        Test::new(
            "read: EFAULT loses no byte of the table",
            unwritable_buffer_within_a_table,
        ),
        Test::new("read: of no bytes takes nothing", empty_read),
        Test::new(
            "read: answers in the order of their commands",
            answers_in_order,
        ),
        Test::new(
            "read: new answers after end of file",
            answers_after_end_of_file,
        ),
        Test::new(
            "read: a command ends the whole table",
            write_ends_the_whole_table,
        ),
        Test::new(
            "read: answers stay with their file",
            answers_stay_with_their_file,
        ),
        Test::new("read: show selects by family and prefix", show_selects),
        Test::new(
            "read: show of a prefix with as many metrics as it can have",
            show_prefix_with_many_metrics,
        ),
        Test::new(
            "read: unread answers end in ENOBUFS until they are read",
            unread_answers_are_limited,
        ),
        Test::new(
            "read: unread messages are limited",
            unread_messages_are_limited,
        ),
        Test::new(
            "read: thousands of empty shows are limited and quick",
            many_empty_shows,
        ),
        Test::new(
            "read: answers keep their order when reading lags behind",
            reading_lags_behind,
        ),
        Test::new(
            "read: one thread reads what another asks",
            reader_beside_writer,
        ),
        Test::new("read: lseek() is ESPIPE", no_seeking),
    ]
}
