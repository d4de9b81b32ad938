// SPDX-License-Identifier: GPL-2.0

//! Commands of several lines: `ip route` prints each leg of a multipath route in a line of its own,
//! and a line that ends with a backslash continues in the next one.

use nix::errno::Errno;

use crate::{
    device::{self, dump, expect_table, Device},
    tap::{equal, same_text, Group, Outcome, Test},
};

/// What `ip route`, `ip -d route` and `ip -oneline route` print.
const TEXT: &str = "\
default proto static metric 20 \n\
\tnexthop via 10.0.0.1 dev eth0 weight 1 \n\
\tnexthop via 10.0.1.1 dev eth1 weight 2 linkdown \n\
10.1.0.0/16 nhid 77 proto bgp metric 20 \n\
\tnh_info id 77 group 5/6 proto zebra \n\
\tnexthop via 10.0.0.1 dev eth0 weight 1 \n\
\tnexthop via inet6 fe80::2 dev eth1 weight 1 onlink \n\
10.2.0.0/16 dev eth2 proto kernel scope link src 10.2.0.1 \n\
    cache expires 30sec \n\
10.3.0.0/16 proto bgp \\\tnexthop dev a weight 1 \\\tnexthop dev b weight 1 \n\
default metric 1024 pref medium\n\
\tnexthop dev wg0 weight 1 \n\
\tnexthop dev wg1 weight 1 \n";

const TABLE: &str = "\
0.0.0.0/0 metric 20 nexthop via 10.0.0.1 dev eth0 weight 1 nexthop via 10.0.1.1 dev eth1 weight 2\n\
10.1.0.0/16 metric 20 nexthop via 10.0.0.1 dev eth0 weight 1 \
nexthop via inet6 fe80::2 dev eth1 weight 1\n\
10.2.0.0/16 dev eth2\n\
10.3.0.0/16 nexthop dev a weight 1 nexthop dev b weight 1\n\
::/0 metric 1024 nexthop dev wg0 weight 1 nexthop dev wg1 weight 1\n";

/// Writes pieces to one open file, and closes it.
fn write_pieces<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Outcome {
    let device = Device::open()?;
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        device.write_all(piece)?;
    }
    same_text("the answers", &device.answers()?, "")?;
    equal("the result of close()", device.close(), Ok(()))
}

fn at_any_split() -> Outcome {
    write_pieces([TEXT])?;
    expect_table(TABLE)?;
    // Splits within a line differ from those beside a newline only in the tests of lines.
    let is_near = |at: &usize| TEXT[at.saturating_sub(2)..*at + 2].contains('\n');
    // The first line alone is refused.
    let first = TEXT.split_inclusive('\n').map(str::len).next();
    for at in (1..TEXT.len() - 2).filter(|at| is_near(at) && Some(*at) != first) {
        device::flush()?;
        write_pieces([&TEXT[..at], &TEXT[at..]])?;
        same_text(
            format!("the table of a write split at {at}"),
            &dump()?,
            TABLE,
        )?;
    }
    device::flush()?;
    write_pieces(TEXT.split_inclusive(|_| true))?;
    expect_table(TABLE)
}

fn in_transactions() -> Outcome {
    for begin in ["begin\n", "begin reload\n"] {
        device::flush()?;
        let bytes = TEXT.split_inclusive(|_| true);
        write_pieces(std::iter::once(begin).chain(bytes).chain(["commit\n"]))?;
        expect_table(TABLE)?;
    }
    Ok(())
}

/// The last line of a file may be a leg: the route takes effect when the write ends.
fn last_line_of_a_write() -> Outcome {
    let device = Device::open()?;
    device.write_all("10.0.0.0/8 proto static \n\tnexthop dev a weight 1 \n")?;
    expect_table("10.0.0.0/8 dev a\n")?;
    device.write_all("\tnexthop dev b weight 1 \n")?;
    let both = "10.0.0.0/8 nexthop dev a weight 1 nexthop dev b weight 1\n";
    expect_table(both)?;
    // The gateway of this leg decides that the route is one of IPv6.
    device.write_all("default \n\tnexthop dev a weight 1 \n")?;
    expect_table(&format!("0.0.0.0/0 dev a\n{both}"))?;
    device.write_all("\tnexthop via fe80::1 dev b weight 1 \n")?;
    expect_table(&format!(
        "{both}::/0 nexthop dev a weight 1 nexthop via fe80::1 dev b weight 1\n"
    ))?;

    // If the table refuses the route of IPv6, that of IPv4 stays.
    device::run("flush\nadd ::/0 dev q\n")?;
    let device = Device::open()?;
    device.write_all("default\n\tnexthop dev a\n")?;
    let leg = "\tnexthop via fe80::1 dev b\n";
    equal("the leg", device.write(leg), Err(Errno::EEXIST))?;
    expect_table("0.0.0.0/0 dev a\n::/0 dev q\n")?;

    // So does the route of another program.
    device::run("flush\n")?;
    let device = Device::open()?;
    device.write_all("default\n\tnexthop dev a\n\tnexthop dev b\n")?;
    device::run("replace 0.0.0.0/0 dev other\n")?;
    device.write_all(leg)?;
    let legs = "nexthop dev a weight 1 nexthop dev b weight 1 nexthop via fe80::1 dev b weight 1";
    expect_table(&format!("0.0.0.0/0 dev other\n::/0 {legs}\n"))
}

/// A failed write leaves the start of the line that the write before it has left.
fn failed_write_keeps_the_line() -> Outcome {
    device::run("add 10.0.0.0/8 dev z\n")?;
    let device = Device::open()?;
    device.write_all("10.0.0.0/8\n\tnexthop dev veth-12")?;
    let rest = "3\n\tnexthop dev b\nadd 10.1.0.0/16 dev ";
    equal("the legs", device.write(rest), Err(Errno::EEXIST))?;
    // The route is refused, so that its legs are alone.
    equal("the repeated legs", device.write(rest), Err(Errno::EINVAL))?;
    device.write_all("add 10.2.0.0/16 dev a\n")?;
    expect_table("10.0.0.0/8 dev z\n10.2.0.0/16 dev a\n")
}

const MISSING: &str = "next hop missing; add via, dev or a type such as blackhole";

fn without_legs() -> Outcome {
    // In one write: the write ends at the route, and the next write fails if it repeats the route.
    let device = Device::open()?;
    let text = "10.1.0.0/16 dev a\n10.2.0.0/16 proto static \n10.3.0.0/16 dev a\n";
    equal("the result of write()", device.write(text), Ok(18))?;
    same_text(
        "the answer",
        &device.answers()?,
        &format!("line 2: 10.2.0.0/16: {MISSING}\n"),
    )?;
    equal(
        "the repeated line",
        device.write(&text[18..]),
        Err(Errno::EINVAL),
    )?;
    device.write_all("10.3.0.0/16 dev a\n")?;
    expect_table("10.1.0.0/16 dev a\n10.3.0.0/16 dev a\n")?;

    // The line after it is in another write, or split between writes: nothing of it is lost.
    for split in 0..17 {
        device::flush()?;
        let device = Device::open()?;
        let next = "10.3.0.0/16 dev a\n";
        device.write_all(format!("\n10.2.0.0/16 proto static \n{}", &next[..split]))?;
        equal(
            "the result of write()",
            device.write(&next[split..]),
            Err(Errno::EINVAL),
        )?;
        same_text(
            "the answer",
            &device.answers()?,
            &format!("line 2: 10.2.0.0/16: {MISSING}\n"),
        )?;
        device.write_all(&next[split..])?;
        equal("the next line", device.write("bad\n"), Err(Errno::EINVAL))?;
        let answer = "line 4: bad: unknown word; 'help' lists the commands\n";
        same_text("the answer", &device.answers()?, answer)?;
        expect_table(next)?;
        equal("the result of close()", device.close(), Ok(()))?;
    }

    // No line follows it.
    for text in [
        "stats\n10.2.0.0/16 proto static \n",
        "# comment\n10.2.0.0/16 nhid 77 \n",
        "add 10.2.0.0/16 \\\n",
    ] {
        let device = Device::open()?;
        device.write_all(text)?;
        equal(
            format!("close() after {text:?}"),
            device.close(),
            Err(Errno::EINVAL),
        )?;
    }
    // A command with its verb is complete, and so is the only line of a write.
    for text in [
        "add 10.2.0.0/16\n",
        "add 10.2.0.0/16 nhid 77\n",
        "10.2.0.0/16\n",
        "10.2.0.0/16 nhid 77\n",
    ] {
        let device = Device::open()?;
        equal(text, device.write(text), Err(Errno::EINVAL))?;
        equal("the result of close()", device.close(), Ok(()))?;
    }
    expect_table("10.3.0.0/16 dev a\n")
}

/// The message has the number of the leg's line, and nothing of the route is in the table.
fn bad_leg() -> Outcome {
    let before = "10.1.0.0/16 dev a\n";
    for (leg, message) in [
        (
            "\tnexthop via 10.0.0.256 dev a weight 1 \n",
            "10.0.0.256: not an IPv4 or IPv6 address",
        ),
        (
            "\tnexthop encap mpls 16 dev a \n",
            "encap: encapsulation is not supported",
        ),
        (
            "\tnexthop dev a weight 257 \n",
            "257: expected a weight from 1 to 256",
        ),
    ] {
        device::flush()?;
        let device = Device::open()?;
        let route = "10.2.0.0/16 proto static \n\tnexthop dev b weight 1 \n";
        let text = format!("{before}{route}{leg}10.3.0.0/16 dev a\n");
        equal(
            "the result of write()",
            device.write(&text),
            Ok(before.len()),
        )?;
        same_text(
            "the answer",
            &device.answers()?,
            &format!("line 4: {message}\n"),
        )?;
        let rest = &text[before.len()..];
        equal("the repeated route", device.write(rest), Err(Errno::EINVAL))?;
        expect_table(before)?;
    }
    let device = Device::open()?;
    let leg = "\tnexthop dev a weight 1 \n";
    equal("a leg alone", device.write(leg), Err(Errno::EINVAL))?;
    let alone = "line 1: nexthop: this line continues a route; a line with its prefix and no next \
                 hop must precede it\n";
    same_text("the answer", &device.answers()?, alone)?;
    // A blank line and a comment change nothing.
    device::run("flush\n")?;
    for lines in ["\n", "# comment\n", " \t# comment\n\n"] {
        write_pieces([&*format!("10.2.0.0/16\n{lines}{leg}{lines}{leg}")])?;
        expect_table("10.2.0.0/16 nexthop dev a weight 1 nexthop dev a weight 1\n")?;
        device::run("flush\n")?;
    }
    // Another command ends a route.
    for end in ["stats\n", "10.4.0.0/16 dev a\n"] {
        let device = Device::open()?;
        let text = format!("10.2.0.0/16\n{leg}{end}");
        equal(
            "the result of write()",
            device.write(format!("{text}{leg}")),
            Ok(text.len()),
        )?;
        device::run("flush\n")?;
    }
    Ok(())
}

/// The buffer of a file has 8192 bytes, so the lines of a route may be in different pieces.
fn across_the_buffer() -> Outcome {
    let good = "10.2.0.0/16 proto static \n\tnexthop dev a weight 1 \n\tnexthop dev b weight 1 \n";
    let bad = "10.2.0.0/16 proto static \n\tnexthop dev a weight 1 \n\tnexthop dev b weight 0 \n";
    let object = "10.2.0.0/16 nhid 5 proto static \n10.3.0.0/16 dev a\n";
    device::run("nexthop add id 5 dev a\n")?;
    for len in (8192 - 80..8192).step_by(5) {
        let mut padding = "#".repeat(99) + "\n";
        padding = padding.repeat(len / 100) + &"\n".repeat(len % 100);
        device::flush()?;
        write_pieces([&*format!("{padding}{good}")])?;
        let both = "10.2.0.0/16 nexthop dev a weight 1 nexthop dev b weight 1\n";
        let table = |routes: &str| format!("nexthop replace id 5 dev a\n{routes}");
        expect_table(&table(both))?;

        device::flush()?;
        let device = Device::open()?;
        let text = format!("{padding}{bad}{}", "10.9.0.0/16 dev a\n".repeat(5));
        equal("the result of write()", device.write(&text), Ok(len))?;
        equal(
            "the repeated route",
            device.write(&text[len..]),
            Err(Errno::EINVAL),
        )?;
        // The repeated route has no message of its own, which would count its lines twice.
        equal("messages", device.answers()?.lines().count(), 1)?;
        expect_table(&table(""))?;

        // A batch has the route when the table refuses it.
        device::run("10.2.0.0/16 dev b\n")?;
        let device = Device::open()?;
        equal(
            "the result of write()",
            device.write(format!("{padding}{object}")),
            Ok(len),
        )?;
        let answer = device.answers()?;
        let message = answer.split_once(": ").map(|(_, message)| message);
        equal("the message", message, Some("10.2.0.0/16: route exists\n"))?;
        equal(
            "the repeated route",
            device.write(object),
            Err(Errno::EEXIST),
        )?;
    }
    device::run("flush\nnexthop del id 5\n").map(drop)
}

/// A line has no room for 256 legs. The device prints each leg in a line of its own.
fn long_routes() -> Outcome {
    let legs = |count| {
        let leg = |at| format!("\tnexthop via inet6 fe80::{at:x} dev fifteen-letters weight 256\n");
        (1..=count).map(leg).collect::<String>()
    };
    let text = format!("10.0.0.0/8 metric 5\n{}10.1.0.0/16 dev a\n", legs(256));
    device::run(&text)?;
    let table = dump()?;
    same_text("the table", &table, &text)?;
    for (before, after) in [
        ("begin reload\n", "commit\n"),
        ("flush\n", ""),
        ("flush\nbegin\n", "commit\n"),
    ] {
        device::run(format!("{before}{table}{after}"))?;
        expect_table(&table)?;
    }
    let line = table.trim_end().replace("\n\t", " \\\n");
    device::run(format!("replace {line}\n").replace("\n10.1", "\nreplace 10.1"))?;
    expect_table(&table)?;

    let device = Device::open()?;
    let text = format!("10.2.0.0/16\n{}", legs(257));
    equal("257 legs", device.write(&text), Err(Errno::EINVAL))?;
    same_text(
        "the answer",
        &device.answers()?,
        "line 1: nexthop: a route has at most 256 next hops\n",
    )?;
    let device = Device::open()?;
    let long = format!("\tnexthop dev a{}\n", " onlink".repeat(100));
    let text = format!("10.2.0.0/16\n{}", long.repeat(100));
    equal("a route of 70 KB", device.write(&text), Err(Errno::E2BIG))?;
    let answer = device.answers()?;
    let expected = ": command of several lines longer than 32768 bytes\n";
    equal("the end of the answer", answer.ends_with(expected), true)?;
    expect_table(&table)
}

fn backslashes() -> Outcome {
    write_pieces([
        "route add 10.0.0.0/8 \\\n  nexthop via 10.9.9.9 dev a \\\n  nexthop dev b\n",
        "10.1.0.0/16 via \\\n",
        "10.9.9.9\n# a comment does not continue \\\n",
        "10.2.0.0/16 dev a # neither here \\\n10.3.0.0/16 dev a\n",
    ])?;
    expect_table(
        "10.0.0.0/8 nexthop via 10.9.9.9 dev a weight 1 nexthop dev b weight 1\n\
         10.1.0.0/16 via 10.9.9.9\n10.2.0.0/16 dev a\n10.3.0.0/16 dev a\n",
    )?;
    let device = Device::open()?;
    let text = "add 10.4.0.0/16 \\\ndev a\nadd 10.5.0.0/16 \\\n dev a/b\n";
    equal("the result of write()", device.write(text), Ok(24))?;
    let answer = "line 3: a/b: expected a device name: at most 15 characters, none of / : \\\n";
    same_text("the answer", &device.answers()?, answer)?;
    equal(
        "the repeated line",
        device.write(&text[24..]),
        Err(Errno::EINVAL),
    )?;
    let device = Device::open()?;
    equal(
        "a bad byte",
        device.write("add 10.6.0.0/16 \\\n\x01\n"),
        Err(Errno::EINVAL),
    )?;
    let answer = "line 2: byte 0x01 in column 1 is not text\n";
    same_text("the answer", &device.answers()?, answer)
}

fn colors_and_json() -> Outcome {
    write_pieces([
        "default via \x1b[1;35m10.0.0.1 \x1b[0mdev \x1b[1;36meth0 \x1b[0mproto static \n",
    ])?;
    expect_table("0.0.0.0/0 via 10.0.0.1 dev eth0\n")?;
    let json = format!("[{{\"dst\":\"default\"{}}}]\n", ",\"flags\":[]".repeat(100));
    for text in ["[{\"dst\":\"default\"}]\n", &json] {
        let device = Device::open()?;
        equal(
            "the result of write()",
            device.write(text),
            Err(Errno::EINVAL),
        )?;
        let is_named = device
            .answers()?
            .ends_with("this is JSON, which 'rcuctl route import' reads\n");
        equal("the answer names JSON", is_named, true)?;
    }
    Ok(())
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("the lines of ip route are joined, however writes split them", at_any_split),
    ("a transaction joins lines, too", in_transactions),
    ("a route takes effect with the last leg of a write", last_line_of_a_write),
    ("a failed write keeps the start of a line", failed_write_keeps_the_line),
    ("a route without legs is refused at the next line or at close", without_legs),
    ("a bad leg is named by its line and refuses the whole route", bad_leg),
    ("lines are joined across the pieces of a long write", across_the_buffer),
    ("a route of 256 legs reads back", long_routes),
    ("a backslash continues a line", backslashes),
    ("colors are skipped, and JSON is named", colors_and_json),
];

pub fn tests() -> Vec<Test> {
    Test::group("continued lines", TESTS)
}
