// SPDX-License-Identifier: GPL-2.0

//! What `write()` takes, what it returns, and what has happened then.

use std::{io::IoSlice, net::Ipv4Addr, thread};

use nix::{errno::Errno, fcntl::OFlag, sys::uio};

use crate::{
    device::{self, table_is, Device, Snapshot},
    memory::{self, Cliff},
    routes,
    tap::{ensure, equal, fail, same_text, During, Outcome, Test},
};

/// What the kernel side takes at a time.
const CHUNK: usize = 4096;

const BAD: &str = "10.0.0.1/8 dev eth0\n";
const COMPLAINT: &str = "10.0.0.1/8: host bits set; use 10.0.0.0/8\n";

/// Two routes, as they are written and as they are shown.
const TWO: &str = "10.0.0.0/8 via 192.0.2.1 dev eth0\n2001:db8::/32 via fe80::1 metric 20\n";

fn split_anywhere() -> Outcome {
    for at in 0..=TWO.len() {
        device::flush()?;
        let device = Device::open()?;
        device.feed(&TWO[..at])?;
        device.feed(&TWO[at..])?;
        device
            .close()
            .during(format!("close() after a split at {at}"))?;
        table_is(TWO)?;
    }
    Ok(())
}

fn byte_at_a_time() -> Outcome {
    let device = Device::open()?;
    for at in 0..TWO.len() {
        device.feed(&TWO[at..=at])?;
    }
    device.close().during("close()")?;
    table_is(TWO)
}

/// A line takes effect with its newline, not before.
fn newline_commits() -> Outcome {
    let device = Device::open()?;
    device.feed("10.0.0.0/8 dev eth0")?;
    table_is("")?;
    device.feed("\n")?;
    table_is("10.0.0.0/8 dev eth0\n")?;
    device.close().during("close()")
}

/// Tens of thousands of routes in one call, with comments among them up to 1 MiB.
fn one_mebibyte() -> Outcome {
    let routes = routes::lines(device::at_speed(40_000));
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
    equal("what it answers", device::run(&text)?, String::new())?;
    table_is(&routes)
}

/// The way of a careful program through a text with three bad lines.
fn goes_on_after_bad_lines() -> Outcome {
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
            // The bad line is the program's to skip.
            Err(_) => rest = rest.split_once('\n').map_or("", |(_, rest)| rest),
        }
    }
    let wanted = vec![
        Ok(17),
        Err(Errno::EINVAL),
        Ok(18),
        Err(Errno::EEXIST),
        Ok(1),
        Err(Errno::EINVAL),
        Ok(18),
    ];
    equal("what the writes returned", results, wanted)?;
    let wanted = "line 2: bogus: unknown word; 'help' lists the commands\n\
        line 4: 10.1.0.0/16: route exists\n\
        line 6: 10.2.0.0/16: next hop missing; add via, dev or a type such as blackhole\n";
    same_text("the messages", &device.answers()?, wanted)?;
    device.close().during("close()")?;
    table_is("10.0.0.0/8 dev a\n10.1.0.0/16 dev b\n10.3.0.0/16 dev d\n")
}

/// The errno of a bad line comes once, and to the file that wrote it.
fn errno_stays_with_its_file() -> Outcome {
    let (one, other) = (Device::open()?, Device::open()?);
    let text = ["10.0.0.0/8 dev a\n", BAD].concat();
    equal("the short write", one.write(&text), Ok(17))?;
    other.feed("10.1.0.0/16 dev b\n")?;
    equal("the other file's answers", other.answers()?, String::new())?;
    equal(
        "the next write",
        one.write("10.2.0.0/16 dev c\n"),
        Err(Errno::EINVAL),
    )?;
    one.feed("10.3.0.0/16 dev d\n")?;
    same_text(
        "the message",
        &one.answers()?,
        &format!("line 2: {COMPLAINT}"),
    )?;
    table_is("10.0.0.0/8 dev a\n10.1.0.0/16 dev b\n10.3.0.0/16 dev d\n")
}

/// The message can be read before the errno was taken.
fn message_comes_with_the_short_write() -> Outcome {
    let device = Device::open()?;
    equal(
        "the short write",
        device.write(["help\n", BAD].concat()),
        Ok(5),
    )?;
    let answers = device.answers()?;
    ensure(
        "the message is there",
        answers.ends_with(&format!("\nline 2: {COMPLAINT}")),
    )?;
    equal(
        "the next write",
        device.write("stats\n"),
        Err(Errno::EINVAL),
    )?;
    equal("what is read then", device.answers()?, String::new())
}

/// The bytes of an earlier write were taken: the write that ends the bad line fails by itself.
fn bad_line_begun_before() -> Outcome {
    for at in 1..BAD.len() {
        device::flush()?;
        let device = Device::open()?;
        device.feed(["10.0.0.0/8 dev a\n", &BAD[..at]].concat())?;
        let rest = [&BAD[at..], "10.2.0.0/16 dev c\n"].concat();
        equal(
            "the write that ends the line",
            device.write(rest),
            Err(Errno::EINVAL),
        )?;
        device.feed("10.3.0.0/16 dev d\nbogus")?;
        same_text(
            "the message",
            &device.answers()?,
            &format!("line 2: {COMPLAINT}"),
        )?;
        equal(
            "the end of the fourth line",
            device.write("\n"),
            Err(Errno::EINVAL),
        )?;
        let answers = device.answers()?;
        ensure(
            "the fourth line is called so",
            answers.starts_with("line 4: bogus: "),
        )?;
        table_is("10.0.0.0/8 dev a\n10.3.0.0/16 dev d\n")?;
    }
    Ok(())
}

/// The last line of the filler.
const LAST: &str = "10.0.0.0/16 dev a\n";

/// Lines of exactly `len` bytes together, the last of which adds a route.
fn filler(len: usize) -> String {
    let mut text = String::new();
    while text.len() + LAST.len() < len {
        let room = len - LAST.len() - text.len();
        text.push_str(&"#".repeat(room.min(64) - 1));
        text.push('\n');
    }
    text + LAST
}

/// A bad line at every place around a boundary between two of the kernel side's chunks.
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
            &format!("line {number}: {COMPLAINT}"),
        )?;
        device.feed(&text[start + BAD.len()..])?;
        table_is(&[LAST, "10.1.0.0/16 dev b\n"].concat())?;
    }
    Ok(())
}

/// Good lines at every place around such a boundary.
fn good_lines_across_chunks() -> Outcome {
    let (inet, inet6) = TWO.split_at(first_line(TWO));
    let wanted = [inet, LAST, inet6].concat();
    for start in CHUNK - TWO.len()..=CHUNK + 1 {
        device::flush()?;
        equal(
            "what it answers",
            device::run([&filler(start), TWO].concat())?,
            String::new(),
        )?;
        table_is(&wanted)?;
    }
    Ok(())
}

/// The length of a text's first line.
fn first_line(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |at| at + 1)
}

fn longest_line() -> Outcome {
    let route = "10.0.0.0/8 dev a";
    let line = format!("{route} #{}\n", "x".repeat(255 - route.len() - 2));
    equal("the line's length with its newline", line.len(), 256)?;
    for at in [0, 1, 254, 255] {
        device::flush()?;
        let device = Device::open()?;
        device.feed(&line[..at])?;
        device.feed(&line[at..])?;
        device.close().during("close()")?;
        table_is("10.0.0.0/8 dev a\n")?;
    }
    Ok(())
}

/// The first byte too many fails the write it is in, whether or not its newline has come; the line
/// is forgotten with it.
fn overlong_line_in_two_writes() -> Outcome {
    let device = Device::open()?;
    device.feed("x".repeat(255))?;
    equal("the 256th byte", device.write("x"), Err(Errno::E2BIG))?;
    device.feed("10.0.0.0/8 dev a\n")?;
    same_text(
        "the message",
        &device.answers()?,
        "line 1: line longer than 255 bytes\n",
    )?;
    equal("close()", device.close(), Ok(()))?;
    table_is("10.0.0.0/8 dev a\n")
}

fn writev_of_single_bytes() -> Outcome {
    let device = Device::open()?;
    let bytes: Vec<_> = TWO.as_bytes().chunks(1).map(IoSlice::new).collect();
    equal("writev()", uio::writev(&device, &bytes), Ok(TWO.len()))?;
    table_is(TWO)
}

/// 1024 pieces, some of them empty, none of them ending where a line ends.
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
    ensure("the text fits", text.len() < 7 * 1024)?;
    equal("writev()", uio::writev(&device, &pieces), Ok(good.len()))?;
    equal(
        "the next writev()",
        uio::writev(&device, &pieces),
        Err(Errno::EINVAL),
    )?;
    same_text(
        "the message",
        &device.answers()?,
        &format!("line 201: {COMPLAINT}"),
    )?;
    table_is(&good)
}

fn unreadable_buffer() -> Outcome {
    let device = Device::open()?;
    let cliff = Cliff::new()?;
    for address in [cliff.edge(), 0, memory::KERNEL_ADDRESS] {
        for len in [1, 100, CHUNK, 100_000] {
            let result = memory::write_from(&device, address, len);
            equal(
                format!("write() of {len} bytes at {address:#x}"),
                result,
                Err(Errno::EFAULT),
            )?;
        }
    }
    device.feed("10.0.0.0/8 dev a\n")?;
    device.close().during("close()")?;
    table_is("10.0.0.0/8 dev a\n")
}

/// The bytes that could be read count; complete lines among them have happened, and the line that
/// was cut can be finished.
fn buffer_that_ends_early() -> Outcome {
    let mut cliff = Cliff::new()?;
    let first = first_line(TWO);
    for readable in 1..TWO.len() {
        device::flush()?;
        let device = Device::open()?;
        let result = cliff.write(&device, TWO.as_bytes(), readable);
        equal(
            format!("write() with {readable} bytes readable"),
            result,
            Ok(readable),
        )?;
        table_is(if readable < first { "" } else { &TWO[..first] })?;
        device.feed(&TWO[readable..])?;
        device.close().during("close()")?;
        table_is(TWO)?;
    }
    Ok(())
}

/// A bad line before the unreadable page is found, not hidden by `EFAULT`.
fn bad_line_before_an_early_end() -> Outcome {
    let mut cliff = Cliff::new()?;
    let device = Device::open()?;
    let text = ["10.0.0.0/8 dev a\n", BAD, "10.1.0.0/16 dev b\n"].concat();
    let result = cliff.write(&device, text.as_bytes(), text.len() - 3);
    equal("write()", result, Ok(17))?;
    equal("the next write()", device.write("\n"), Err(Errno::EINVAL))?;
    equal("close()", device.close(), Ok(()))?;
    table_is("10.0.0.0/8 dev a\n")
}

/// Nothing written is nothing: the file still reads as the whole table.
fn empty_write() -> Outcome {
    device::run(TWO)?;
    let device = Device::open()?;
    equal("write() of nothing", device.write(""), Ok(0))?;
    same_text("what is read then", &device.answers()?, TWO)?;
    device.feed("get 10.0.0")?;
    equal("write() of nothing within a line", device.write(""), Ok(0))?;
    device.feed(".1\n")?;
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
    same_text("what it reads", &reader.answers()?, TWO)?;
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
        table_is(TWO)?;
        writer.feed("10.9.0.0/16 dev a\ndel 10.9.0.0/16\n")?;
        writer.close().during("close()")?;
    }
    Ok(())
}

/// Half a line at the end of a file is refused by `close()` and does nothing, now or later.
fn newline_missing_at_close() -> Outcome {
    device::run(TWO)?;
    let before = Snapshot::take()?;
    for half in [
        "flush",
        "del 10.0.0.0/8",
        "10.9.0.0/16 dev a",
        "#",
        " ",
        "\r",
    ] {
        for whole in ["", "# comment\n", "get 10.0.0.1\n"] {
            let device = Device::open()?;
            device.feed([whole, half].concat())?;
            equal(
                format!("close() after '{half}'"),
                device.close(),
                Err(Errno::EINVAL),
            )?;
            equal("the next file's answers", device::run("\n")?, String::new())?;
        }
    }
    before.still_holds()
}

fn close_without_half_a_line() -> Outcome {
    for text in ["", "\n", "# comment\n", "help\n", "10.0.0.0/8 dev a\n"] {
        let device = Device::open()?;
        equal("write()", device.write(text), Ok(text.len()))?;
        equal(format!("close() after {text:?}"), device.close(), Ok(()))?;
    }
    let device = Device::open()?;
    equal(
        "write() of a bad line",
        device.write("bogus\n"),
        Err(Errno::EINVAL),
    )?;
    equal("close() after it", device.close(), Ok(()))
}

/// Each descriptor's `close()` tells; the line is lost with the last one only.
fn close_of_a_duplicate() -> Outcome {
    let device = Device::open()?;
    let duplicate = device.duplicate()?;
    device.feed("10.0.0.0/8 de")?;
    equal(
        "close() of the duplicate",
        duplicate.close(),
        Err(Errno::EINVAL),
    )?;
    device.feed("v a\n")?;
    equal("close()", device.close(), Ok(()))?;
    table_is("10.0.0.0/8 dev a\n")
}

/// What one of several writers writes.
fn share(writer: u8) -> String {
    let addresses = (0..=255).map(|number| Ipv4Addr::new(10, writer, 0, number));
    routes::text(addresses, |address| format!("{address}/32 dev w{writer}\n"))
}

fn feed_by_line(device: &Device, text: &str) -> Outcome {
    text.split_inclusive('\n')
        .try_for_each(|line| device.feed(line))
}

/// Writers at once, one system call a line; every route must be there afterwards.
fn write_at_once(devices: [&Device; 4]) -> Outcome {
    thread::scope(|scope| {
        let writers = devices.iter().zip(0..);
        let writers: Vec<_> = writers
            .map(|(device, writer)| scope.spawn(move || feed_by_line(device, &share(writer))))
            .collect();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().unwrap_or(fail("panicked")))
    })?;
    table_is(&(0..4).map(share).collect::<String>())
}

fn writers_of_one_file() -> Outcome {
    let device = Device::open()?;
    write_at_once([&device; 4])
}

fn writers_of_several_files() -> Outcome {
    let devices = [
        Device::open()?,
        Device::open()?,
        Device::open()?,
        Device::open()?,
    ];
    write_at_once(devices.each_ref())
}

pub fn tests() -> Vec<Test> {
    vec![
        Test::new("write: a text may be split at any byte", split_anywhere),
        Test::new("write: a line may come a byte at a time", byte_at_a_time),
        Test::new(
            "write: a line takes effect with its newline",
            newline_commits,
        ),
        Test::new("write: one call takes 1 MiB of lines", one_mebibyte),
        Test::new(
            "write: a program can go on after each bad line",
            goes_on_after_bad_lines,
        ),
        Test::new(
            "write: a pending errno stays with its file",
            errno_stays_with_its_file,
        ),
        Test::new(
            "write: the message comes with the short write",
            message_comes_with_the_short_write,
        ),
        Test::new(
            "write: a bad line begun before fails the write that ends it",
            bad_line_begun_before,
        ),
        Test::new(
            "write: exact count with a bad line around byte 4096",
            || bad_line_across(CHUNK),
        ),
        Test::new(
            "write: exact count with a bad line around byte 8192",
            || bad_line_across(2 * CHUNK),
        ),
        Test::new(
            "write: good lines may lie across bytes 4096",
            good_lines_across_chunks,
        ),
        Test::new("write: a line may have 255 bytes", longest_line),
        Test::new(
            "write: byte 256 of a line fails its write",
            overlong_line_in_two_writes,
        ),
        Test::new("write: writev() of single bytes", writev_of_single_bytes),
        Test::new(
            "write: writev() of 1024 pieces with a bad line",
            writev_with_a_bad_line,
        ),
        Test::new(
            "write: an unreadable buffer is EFAULT and takes nothing",
            unreadable_buffer,
        ),
        Test::new(
            "write: a buffer that ends early counts what was read",
            buffer_that_ends_early,
        ),
        Test::new(
            "write: a bad line before a buffer's early end is found",
            bad_line_before_an_early_end,
        ),
        Test::new("write: nothing written changes nothing", empty_write),
        Test::new(
            "write: access modes and the flags that shells use",
            access_modes,
        ),
        Test::new(
            "close: a missing newline is EINVAL and the line is discarded",
            newline_missing_at_close,
        ),
        Test::new(
            "close: whole lines, good or bad, are no error",
            close_without_half_a_line,
        ),
        Test::new(
            "close: of a duplicate tells, and loses no half line",
            close_of_a_duplicate,
        ),
        Test::new("write: four threads through one file", writers_of_one_file),
        Test::new(
            "write: four threads through four files",
            writers_of_several_files,
        ),
    ]
}
