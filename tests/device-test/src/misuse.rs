// SPDX-License-Identifier: GPL-2.0

//! Misuse of the text protocol. For each bad line, checks the errno and the message with the line's
//! number. Checks that the table is unchanged and that the file is still usable.

use nix::errno::Errno::{self, EEXIST, ENETUNREACH, ENOENT, ESRCH};

use crate::{
    device::{self, Device, Snapshot},
    tap::{equal, same_text, During, Outcome, Test},
};

/// The table before each test.
const TABLE: &str = "\
10.0.0.0/8 via 192.0.2.1
10.0.0.0/8 via 192.0.2.2 metric 5
blackhole 198.51.100.0/24
2001:db8::/32 via fe80::1 dev eth0
";

/// A query to check that the file is still usable, and its answer.
const QUERY: &str = "get 10.1.2.3\n";
const ANSWER: &str = "10.0.0.0/8 via 192.0.2.1\n";

const UNKNOWN: &str = "unknown word; 'help' lists the commands";
const NO_PREFIX: &str = "not an IPv4 or IPv6 prefix";
const NO_ADDRESS: &str = "not an IPv4 or IPv6 address";
const NO_NUMBER: &str = "expected a number from 0 to 4294967295";
const NO_DEVICE: &str = "expected a device name: at most 15 characters, none of / : \\";
const NO_NEXT_HOP: &str = "next hop missing; add via, dev or a type such as blackhole";
const LENGTH_INET: &str = "expected a prefix length from 0 to 32";
const LENGTH_INET6: &str = "expected a prefix length from 0 to 128";
const TYPE_HAS_NO_NEXT_HOP: &str = "a route of this type has no next hop";
const FAMILY: &str = "expected inet or inet6";
const EXISTS: &str = "route exists";
const NO_ROUTE_TO_CHANGE: &str = "no such route to change";
const NO_SUCH_ROUTE: &str = "no such route";
const USE_INET6: &str = "IPv6 gateway for an IPv4 prefix; use 'via inet6 ADDRESS'";
const USE_INET: &str = "IPv4 gateway for an IPv6 prefix; use 'via inet ADDRESS'";

/// Lines that are no command: test name, line, word at fault, message. All are `EINVAL`.
#[rustfmt::skip]
const NO_COMMANDS: &[(&str, &str, &str, &str)] = &[
    ("unknown verb", "frobnicate 10.0.0.0/8", "frobnicate", UNKNOWN),
    ("verb in capitals", "FLUSH", "FLUSH", UNKNOWN),
    ("add without a prefix", "add", "add", "prefix missing"),
    ("change without a prefix", "change", "change", "prefix missing"),
    ("replace without a prefix", "replace", "replace", "prefix missing"),
    ("del without a prefix", "del", "del", "prefix missing"),
    ("add of a type without a prefix", "add blackhole", "blackhole", "prefix missing"),
    ("type without a prefix", "prohibit", "prohibit", "prefix missing"),
    ("get without an address", "get", "get", "address missing"),
    ("via without an address", "add 203.0.113.0/24 via", "via", "address missing"),
    ("via inet6 without an address", "203.0.113.0/24 via inet6", "inet6", "address missing"),
    ("dev without a name", "203.0.113.0/24 dev", "dev", "device name missing"),
    ("metric without a number", "203.0.113.0/24 dev eth0 metric", "metric", "number missing"),
    ("route with two gateways", "203.0.113.0/24 via 192.0.2.1 via 192.0.2.2", "via", "given twice"),
    ("route with two devices", "203.0.113.0/24 dev eth0 dev eth1", "dev", "given twice"),
    ("route with two metrics", "203.0.113.0/24 dev eth0 metric 1 metric 1", "metric", "given twice"),
    ("unknown attribute", "203.0.113.0/24 dev eth0 gateway 1500", "gateway", UNKNOWN),
    ("prefix of letters", "add nonsense dev eth0", "nonsense", NO_PREFIX),
    ("address with three numbers", "10.0.0 dev eth0", "10.0.0", NO_PREFIX),
    ("prefix with a number over 255", "10.256.0.0/16 dev eth0", "10.256.0.0/16", NO_PREFIX),
    ("prefix with a leading zero", "010.0.0.0/8 dev eth0", "010.0.0.0/8", NO_PREFIX),
    ("prefix without an address", "/8 dev eth0", "/8", NO_PREFIX),
    ("prefix with two ::", "2001::db8::/32 dev eth0", "2001::db8::/32", NO_PREFIX),
    ("prefix with a scope", "fe80::%eth0/64 dev eth0", "fe80::%eth0/64", NO_PREFIX),
    ("default with a length", "default/0 dev eth0", "default/0", NO_PREFIX),
    ("IPv4 length over 32", "1.2.3.4/33 dev eth0", "1.2.3.4/33", LENGTH_INET),
    ("IPv4 length over 255", "1.2.3.4/256 dev eth0", "1.2.3.4/256", LENGTH_INET),
    ("IPv6 length over 128", "::/129 dev eth0", "::/129", LENGTH_INET6),
    ("length with a leading zero", "10.0.0.0/08 dev eth0", "10.0.0.0/08", LENGTH_INET),
    ("length missing", "10.0.0.0/ dev eth0", "10.0.0.0/", LENGTH_INET),
    ("negative length", "10.0.0.0/-1 dev eth0", "10.0.0.0/-1", LENGTH_INET),
    ("length with a sign", "10.0.0.0/+8 dev eth0", "10.0.0.0/+8", LENGTH_INET),
    ("netmask with a gap", "10.0.0.0/255.0.255.0 dev eth0", "10.0.0.0/255.0.255.0", LENGTH_INET),
    ("prefix with two lengths", "2001:db8::/32/33 dev eth0", "2001:db8::/32/33", LENGTH_INET6),
    ("IPv4 host bits", "add 10.0.0.1/8 via 192.0.2.1", "10.0.0.1/8", "host bits set; use 10.0.0.0/8"),
    ("IPv4 host bits of length 0", "0.0.0.1/0 dev eth0", "0.0.0.1/0", "host bits set; use 0.0.0.0/0"),
    ("IPv4 host bits of length 31", "10.0.0.1/31 dev eth0", "10.0.0.1/31", "host bits set; use 10.0.0.0/31"),
    ("IPv6 host bits", "2001:db8::1/32 dev eth0", "2001:db8::1/32", "host bits set; use 2001:db8::/32"),
    ("IPv6 host bits of length 127", "::1/127 dev eth0", "::1/127", "host bits set; use ::/127"),
    ("bad prefix before a bad attribute", "10.0.0.1/8 metric x", "10.0.0.1/8", "host bits set; use 10.0.0.0/8"),
    ("metric of letters", "203.0.113.0/24 dev eth0 metric x", "x", NO_NUMBER),
    ("metric over 32 bits", "::/1 dev eth0 metric 4294967296", "4294967296", NO_NUMBER),
    ("negative metric", "203.0.113.0/24 dev eth0 metric -1", "-1", NO_NUMBER),
    ("metric with a sign", "203.0.113.0/24 dev eth0 metric +1", "+1", NO_NUMBER),
    ("octal metric", "203.0.113.0/24 dev eth0 metric 010", "010", NO_NUMBER),
    ("device name of 16 bytes", "::/1 dev abcdefghijklmnop", "abcdefghijklmnop", NO_DEVICE),
    ("device name with a slash", "203.0.113.0/24 dev eth/0", "eth/0", NO_DEVICE),
    ("device name with a colon", "203.0.113.0/24 dev eth:0", "eth:0", NO_DEVICE),
    ("device named .", "203.0.113.0/24 dev .", ".", NO_DEVICE),
    ("device named ..", "203.0.113.0/24 dev ..", "..", NO_DEVICE),
    ("gateway of letters", "203.0.113.0/24 via nonsense", "nonsense", NO_ADDRESS),
    ("gateway with a length", "203.0.113.0/24 via 192.0.2.1/32", "192.0.2.1/32", NO_ADDRESS),
    ("via inet6 with IPv4", "203.0.113.0/24 via inet6 192.0.2.1", "192.0.2.1", "not an IPv6 address"),
    ("via inet with IPv6", "203.0.113.0/24 via inet fe80::1", "fe80::1", "not an IPv4 address"),
    ("IPv6 gateway for IPv4", "203.0.113.0/24 via fe80::1", "203.0.113.0/24", USE_INET6),
    ("IPv4 gateway for IPv6", "2001:db9::/32 via 192.0.2.1", "2001:db9::/32", USE_INET),
    ("add without a next hop", "add 203.0.113.0/24", "203.0.113.0/24", NO_NEXT_HOP),
    ("bare prefix without a next hop", "203.0.113.0/24", "203.0.113.0/24", NO_NEXT_HOP),
    ("default without a next hop", "default metric 5", "default", NO_NEXT_HOP),
    ("next hop in a comment", "add 203.0.113.0/24 #via 192.0.2.1", "203.0.113.0/24", NO_NEXT_HOP),
    ("# inside a word", "203.0.113.0/24 dev#eth0", "dev", "device name missing"),
    ("type with a gateway", "blackhole 203.0.113.0/24 via 192.0.2.1", "blackhole", TYPE_HAS_NO_NEXT_HOP),
    ("type with a device", "add prohibit 203.0.113.0/24 dev eth0", "prohibit", TYPE_HAS_NO_NEXT_HOP),
    ("del with a family mismatch", "del 10.0.0.0/8 via fe80::1", "10.0.0.0/8", USE_INET6),
    ("del of two prefixes", "del 10.0.0.0/8 198.51.100.0/24", "198.51.100.0/24", UNKNOWN),
    ("flush of an unknown family", "flush inet4", "inet4", FAMILY),
    ("escape sequence that is no color", "flush \x1b]0m", "\\u{1b}]0m", FAMILY),
    ("flush of a prefix", "flush 10.0.0.0/8", "10.0.0.0/8", FAMILY),
    ("flush of two families", "flush inet inet6", "inet6", UNKNOWN),
    ("get of a prefix", "get 10.0.0.0/8", "10.0.0.0/8", NO_ADDRESS),
    ("get of a malformed address", "get 10.0.0.300", "10.0.0.300", NO_ADDRESS),
    ("get of two addresses", "get 10.0.0.1 10.0.0.2", "10.0.0.2", UNKNOWN),
    ("show of letters", "show everything", "everything", NO_PREFIX),
    ("show of host bits", "show 10.0.0.1/8", "10.0.0.1/8", "host bits set; use 10.0.0.0/8"),
    ("show of two families", "show inet inet6", "inet6", UNKNOWN),
    ("word after stats", "stats now", "now", UNKNOWN),
    ("word after help", "help me", "me", UNKNOWN),
    ("carriage return between words", "flush\rinet4", "inet4", FAMILY),
];

/// Commands that the table refuses: test name, line, errno, prefix or address, message.
#[rustfmt::skip]
const REFUSED: &[(&str, &str, Errno, &str, &str)] = &[
    ("add of an existing route", "add 10.0.0.0/8 via 192.0.2.9", EEXIST, "10.0.0.0/8", EXISTS),
    ("existing route without a verb", "10.0.0.0/8 dev eth0", EEXIST, "10.0.0.0/8", EXISTS),
    ("add of an existing metric", "add prohibit 10.0.0.0/8 metric 5", EEXIST, "10.0.0.0/8", EXISTS),
    ("change of an absent prefix", "change 203.0.113.0/24 via 192.0.2.1", ENOENT, "203.0.113.0/24", NO_ROUTE_TO_CHANGE),
    ("change of an absent metric", "change 10.0.0.0/8 via 192.0.2.1 metric 6", ENOENT, "10.0.0.0/8", NO_ROUTE_TO_CHANGE),
    ("del of an absent prefix", "del 203.0.113.0/24", ESRCH, "203.0.113.0/24", NO_SUCH_ROUTE),
    ("del of an absent shorter prefix", "del 10.0.0.0/7", ESRCH, "10.0.0.0/7", NO_SUCH_ROUTE),
    ("del of an absent longer prefix", "del 10.0.0.0/9", ESRCH, "10.0.0.0/9", NO_SUCH_ROUTE),
    ("del of an absent metric", "del 10.0.0.0/8 metric 6", ESRCH, "10.0.0.0/8", NO_SUCH_ROUTE),
    ("del with another gateway", "del 10.0.0.0/8 via 192.0.2.3", ESRCH, "10.0.0.0/8", NO_SUCH_ROUTE),
    ("del with another metric's gateway", "del 10.0.0.0/8 metric 5 via 192.0.2.1", ESRCH, "10.0.0.0/8", NO_SUCH_ROUTE),
    ("del with another device", "del 2001:db8::/32 dev eth1", ESRCH, "2001:db8::/32", NO_SUCH_ROUTE),
    ("del with another type", "del prohibit 198.51.100.0/24", ESRCH, "198.51.100.0/24", NO_SUCH_ROUTE),
    ("del of an absent default route", "del default", ESRCH, "0.0.0.0/0", NO_SUCH_ROUTE),
    ("get without a route", "get 203.0.113.1", ENETUNREACH, "203.0.113.1", "no route"),
    ("get without an IPv6 route", "get 2001:DB9:0::1", ENETUNREACH, "2001:db9::1", "no route"),
];

/// Lines that are no text: test name, line, message. All are `EINVAL`.
#[rustfmt::skip]
const NO_TEXT: &[(&str, &[u8], &str)] = &[
    ("NUL after a command", b"flush\0", "byte 0x00 in column 6 is not text"),
    ("line of one NUL", b"\0", "byte 0x00 in column 1 is not text"),
    ("byte 0xff before a command", b"\xffflush", "byte 0xff in column 1 is not text"),
    ("DEL character after a command", b"flush\x7f", "byte 0x7f in column 6 is not text"),
    ("form feed after a command", b"flush\x0c", "byte 0x0c in column 6 is not text"),
    ("UTF-8 in a comment", b"flush # caf\xc3\xa9", "byte 0xc3 in column 12 is not text"),
];

struct Row {
    name: String,
    line: Vec<u8>,
    errno: Errno,
    /// The message without the number of the line.
    message: String,
}

impl Row {
    fn new(name: &str, line: impl Into<Vec<u8>>, errno: Errno, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            line: line.into(),
            errno,
            message: message.into(),
        }
    }

    fn test(self) -> Test {
        Test::new(format!("misuse: {}", self.name), move || self.check())
    }

    fn check(&self) -> Outcome {
        device::run(TABLE)?;
        let before = Snapshot::now()?;
        self.check_alone()?;
        self.check_within_a_write()?;
        before.expect_unchanged()
    }

    /// The bad line is the first of its write, which fails.
    fn check_alone(&self) -> Outcome {
        let device = Device::open()?;
        let line = [&self.line[..], b"\n"].concat();
        equal("write() of the line", device.write(line), Err(self.errno))?;
        let expected = format!("line 1: {}\n", self.message);
        same_text("the message", &device.answers()?, &expected)?;
        same_text(
            "the answer to a query after the bad line",
            &device.query(QUERY)?,
            ANSWER,
        )?;
        device.close().during("close()")
    }

    /// Good lines precede and follow the bad line. The write is short, writing the rest fails
    /// with the errno, and the lines after the bad one take no effect.
    fn check_within_a_write(&self) -> Outcome {
        let device = Device::open()?;
        let good = ["# comment\n", "\n", QUERY].concat();
        let text = [good.as_bytes(), &self.line, b"\nflush\n"].concat();
        equal(
            "write() of three good lines, a bad one and flush",
            device.write(&text),
            Ok(good.len()),
        )?;
        equal(
            "write() of the rest",
            device.write(&text[good.len()..]),
            Err(self.errno),
        )?;
        let expected = format!("{ANSWER}line 4: {}\n", self.message);
        same_text("the answers", &device.answers()?, &expected)?;
        same_text(
            "the answer to a query after both writes",
            &device.query(QUERY)?,
            ANSWER,
        )?;
        equal(
            "write() of bogus",
            device.write("bogus\n"),
            Err(Errno::EINVAL),
        )?;
        let expected = format!("line 6: bogus: {UNKNOWN}\n");
        same_text(
            "the message for the sixth line",
            &device.answers()?,
            &expected,
        )?;
        device.close().during("close()")
    }
}

/// Rows with generated lines.
fn long_rows() -> Vec<Row> {
    let long = "x".repeat(100);
    let shown = "x".repeat(64);
    let too_long = "line longer than 1023 bytes";
    vec![
        Row::new(
            "a long word is cut in the message",
            &*long,
            Errno::EINVAL,
            format!("{shown}...: {UNKNOWN}"),
        ),
        Row::new(
            "a word of 64 bytes is not cut in the message",
            &*shown,
            Errno::EINVAL,
            format!("{shown}: {UNKNOWN}"),
        ),
        Row::new(
            "a long prefix is cut in the message",
            format!("{long}/8 dev eth0"),
            Errno::EINVAL,
            format!("{shown}...: {NO_PREFIX}"),
        ),
        Row::new(
            "line of 1024 bytes",
            format!("#{:1023}", ""),
            Errno::E2BIG,
            too_long,
        ),
        Row::new(
            "line of 10,000 bytes",
            "x".repeat(10_000),
            Errno::E2BIG,
            too_long,
        ),
        Row::new(
            "binary junk of all bytes",
            (0..=255).rev().collect::<Vec<u8>>(),
            Errno::EINVAL,
            "byte 0xff in column 1 is not text",
        ),
    ]
}

pub fn tests() -> Vec<Test> {
    let mut rows = Vec::new();
    for (name, line, word, reason) in NO_COMMANDS {
        rows.push(Row::new(
            name,
            *line,
            Errno::EINVAL,
            format!("{word}: {reason}"),
        ));
    }
    for (name, line, errno, word, reason) in REFUSED {
        rows.push(Row::new(name, *line, *errno, format!("{word}: {reason}")));
    }
    for (name, line, message) in NO_TEXT {
        rows.push(Row::new(name, *line, Errno::EINVAL, *message));
    }
    rows.extend(long_rows());
    rows.into_iter().map(Row::test).collect()
}
