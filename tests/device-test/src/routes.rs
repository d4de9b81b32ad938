// SPDX-License-Identifier: GPL-2.0

//! Tables of any size, in the form and the order in which the device shows them.

use std::net::Ipv4Addr;

/// The `number`th host address of 10.0.0.0/8.
pub fn host(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + number)
}

/// The route to it, as a line.
pub fn line(number: u32) -> String {
    format!("{}/32 via 192.0.2.{}\n", host(number), 1 + number % 8)
}

/// The first `count` of them.
pub fn lines(count: u32) -> String {
    (0..count).map(line).collect()
}

/// The text that `form` makes of each item, together.
pub fn text<T>(items: impl IntoIterator<Item = T>, form: impl Fn(T) -> String) -> String {
    items.into_iter().map(form).collect()
}

/// Each line with a verb in front.
pub fn with_verb(verb: &str, lines: &str) -> String {
    text(lines.lines(), |line| format!("{verb} {line}\n"))
}
