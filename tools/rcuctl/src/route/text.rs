// SPDX-License-Identifier: GPL-2.0

//! The text of a route as `ip route` prints it: `default`, host addresses without a length, scopes.

use std::borrow::Cow;

use crate::device::grammar::MAX_LINE;

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

/// Splits a route at each ` nexthop `, but not at a device of that name. Returns the words before the
/// first leg, and the legs.
pub fn split_legs(line: &str) -> (&str, Vec<&str>) {
    const NEXTHOP: &str = " nexthop ";
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in line.match_indices(NEXTHOP) {
        if at >= start && !line[..at].ends_with(" dev") {
            parts.push(&line[start..at]);
            start = at + NEXTHOP.len();
        }
    }
    parts.push(&line[start..]);
    (parts.remove(0), parts)
}

/// Returns a line of the device's format as lines that the device reads: a route that is too long
/// has each leg in a line of its own.
pub fn wrapped(line: &str) -> Cow<'_, str> {
    if line.len() <= MAX_LINE {
        return line.into();
    }
    let (head, legs) = split_legs(line);
    let legs = legs.iter().map(|leg| format!("\n\tnexthop {leg}"));
    (head.to_string() + &legs.collect::<String>()).into()
}

/// Returns a route of the device's format as `ip route` prints it: with a short prefix, and with
/// the scope (IPv4) or the preference (IPv6) that `ip route add` selects.
///
/// Each leg of a multipath route is in a line of its own.
pub fn short(line: &str) -> String {
    let (head, legs) = split_legs(line);
    if !legs.is_empty() {
        let legs = legs.iter();
        return legs.fold(short(head), |text, leg| text + "\n\tnexthop " + leg);
    }
    let (kind, route) = match line.split_once(' ') {
        Some((kind, route)) if is_kind(kind) => (kind, route),
        _ => ("", line),
    };
    let (prefix, attributes) = route.split_at(route.find(' ').unwrap_or(route.len()));
    let has_device_alone = attributes.starts_with(" dev ");
    let (scope, pref) = match kind {
        // Without `pref`, the device would read a default route as IPv4.
        _ if prefix.contains(':') => ("", " pref medium"),
        "local" => (" scope host", ""),
        "" if has_device_alone => (" scope link", ""),
        _ => ("", ""),
    };
    let space = if kind.is_empty() { "" } else { " " };
    let (hop, metric) =
        attributes.split_at(attributes.rfind(" metric ").unwrap_or(attributes.len()));
    format!(
        "{kind}{space}{}{hop}{scope}{metric}{pref}",
        abbreviated(prefix)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::grammar;

    const ROUTES: [(&str, &str); 19] = [
        (
            "10.0.0.0/8 dev nexthop metric 5",
            "10.0.0.0/8 dev nexthop scope link metric 5",
        ),
        (
            "10.0.0.0/8 nexthop dev nexthop weight 1 nexthop dev b weight 2",
            "10.0.0.0/8\n\tnexthop dev nexthop weight 1\n\tnexthop dev b weight 2",
        ),
        (
            "10.0.0.0/8 metric 5 nexthop via 10.0.0.1 dev a weight 1 nexthop dev b weight 2",
            "10.0.0.0/8 metric 5\n\tnexthop via 10.0.0.1 dev a weight 1\n\tnexthop dev b weight 2",
        ),
        (
            "::/0 nexthop via fe80::1 dev a weight 1 nexthop dev b weight 2",
            "default pref medium\n\tnexthop via fe80::1 dev a weight 1\n\tnexthop dev b weight 2",
        ),
        (
            "10.0.0.0/8 nhid 5 via 10.0.0.1 dev a metric 5",
            "10.0.0.0/8 nhid 5 via 10.0.0.1 dev a metric 5",
        ),
        ("10.0.0.0/8 nhid 5 dev a", "10.0.0.0/8 nhid 5 dev a"),
        ("10.0.0.0/8 nhid 5 metric 5", "10.0.0.0/8 nhid 5 metric 5"),
        ("0.0.0.0/0 via 10.0.0.1 dev a", "default via 10.0.0.1 dev a"),
        ("::/0 dev a metric 5", "default dev a metric 5 pref medium"),
        ("10.0.0.1/32 dev a", "10.0.0.1 dev a scope link"),
        (
            "10.0.0.0/8 dev a metric 5",
            "10.0.0.0/8 dev a scope link metric 5",
        ),
        (
            "10.0.0.0/8 dev via metric 5",
            "10.0.0.0/8 dev via scope link metric 5",
        ),
        (
            "10.0.0.0/8 via inet6 fe80::1 dev metric metric 5",
            "10.0.0.0/8 via inet6 fe80::1 dev metric metric 5",
        ),
        ("2001:db8::1/128 dev a", "2001:db8::1 dev a pref medium"),
        ("2001:db8::/32 dev a", "2001:db8::/32 dev a pref medium"),
        ("10.0.0.0/8 dev metric", "10.0.0.0/8 dev metric scope link"),
        ("blackhole 0.0.0.0/0", "blackhole default"),
        ("unreachable ::/0", "unreachable default pref medium"),
        (
            "local 10.0.0.1/32 dev lo",
            "local 10.0.0.1 dev lo scope host",
        ),
    ];

    #[test]
    fn routes_have_the_text_of_ip() {
        for (line, expected) in ROUTES {
            assert_eq!(short(line), expected);
        }
    }

    #[test]
    fn a_route_too_long_for_a_line_has_a_line_for_each_leg() {
        let line = "10.0.0.0/8 nexthop dev a weight 1";
        assert_eq!(wrapped(line), line);
        let legs = " nexthop dev nexthop weight 1".repeat(40);
        let long = wrapped(&format!("10.0.0.0/8 metric 5{legs}")).into_owned();
        assert_eq!(long.lines().count(), 41);
        assert!(long.starts_with("10.0.0.0/8 metric 5\n\tnexthop dev nexthop weight 1\n\t"));
    }

    #[test]
    fn the_device_reads_the_same_route_from_the_short_form() {
        for (line, _) in ROUTES {
            // `route load` joins the lines of a route.
            let short = format!("{}\n", short(line).replace("\n\t", " "));
            let expected = grammar::command(format!("{line}\n").as_bytes());
            assert!(expected.is_some(), "{line}");
            assert_eq!(grammar::command(short.as_bytes()), expected);
        }
    }
}
