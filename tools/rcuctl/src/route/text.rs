// SPDX-License-Identifier: GPL-2.0

//! The text of a route as `ip route` prints it: `default`, and host addresses without a length.

use std::borrow::Cow;

/// Whether a word is a type that the device prints in front of a prefix.
pub fn is_kind(word: &str) -> bool {
    matches!(
        word,
        "blackhole" | "unreachable" | "prohibit" | "throw" | "local"
    )
}

/// Abbreviates a prefix.
pub fn abbreviated(prefix: &str) -> &str {
    let host = if prefix.contains(':') { "/128" } else { "/32" };
    match prefix {
        "0.0.0.0/0" | "::/0" => "default",
        _ => prefix.strip_suffix(host).unwrap_or(prefix),
    }
}

/// Abbreviates the prefix of a route in the device's format.
///
/// An IPv6 default route ends with `pref medium`, as for `ip -6 route`: without it, the device would
/// read a route without gateway as IPv4.
pub fn short(line: &str) -> Cow<'_, str> {
    let start = match line.split_once(' ') {
        Some((kind, _)) if is_kind(kind) => kind.len() + 1,
        _ => 0,
    };
    let (kind, route) = line.split_at(start);
    let end = route.find(' ').unwrap_or(route.len());
    let (prefix, attributes) = route.split_at(end);
    let short = abbreviated(prefix);
    if short == prefix {
        return Cow::Borrowed(line);
    }
    let is_marked = prefix != "::/0" || attributes.contains(" pref ");
    let mark = if is_marked { "" } else { " pref medium" };
    Cow::Owned(format!("{kind}{short}{attributes}{mark}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::grammar;

    const ROUTES: [(&str, &str); 9] = [
        ("0.0.0.0/0 via 10.0.0.1 dev a", "default via 10.0.0.1 dev a"),
        ("::/0 dev a metric 5", "default dev a metric 5 pref medium"),
        ("10.0.0.1/32 dev a", "10.0.0.1 dev a"),
        ("2001:db8::1/128 dev a", "2001:db8::1 dev a"),
        ("2001:db8::/32 dev a", "2001:db8::/32 dev a"),
        ("10.0.0.0/8 dev a", "10.0.0.0/8 dev a"),
        ("blackhole 0.0.0.0/0", "blackhole default"),
        ("unreachable ::/0", "unreachable default pref medium"),
        ("local 10.0.0.1/32 dev lo", "local 10.0.0.1 dev lo"),
    ];

    #[test]
    fn prefixes_are_abbreviated_as_for_ip() {
        for (line, expected) in ROUTES {
            assert_eq!(short(line), expected);
        }
    }

    #[test]
    fn the_device_reads_the_same_route_from_the_short_form() {
        for (line, _) in ROUTES {
            let (route, _) = grammar::route(&short(line)).expect("a route");
            assert_eq!(route.to_string(), line);
        }
    }
}
