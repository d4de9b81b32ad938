// SPDX-License-Identifier: GPL-2.0

//! Tables of any size, in the form and order of a dump.

use std::net::Ipv4Addr;

/// Host number `number` of 10.0.0.0/8.
pub fn host(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + number)
}

/// The line of the route to a host.
pub fn line(number: u32) -> String {
    format!("{}/32 via 192.0.2.{}\n", host(number), 1 + number % 8)
}

/// The lines of the routes to the first `count` hosts.
pub fn lines(count: u32) -> String {
    (0..count).map(line).collect()
}

/// Formats each item, and joins the texts.
pub fn text<T>(items: impl IntoIterator<Item = T>, form: impl Fn(T) -> String) -> String {
    items.into_iter().map(form).collect()
}

/// Puts a verb in front of each line.
pub fn with_verb(verb: &str, lines: &str) -> String {
    text(lines.lines(), |line| format!("{verb} {line}\n"))
}
