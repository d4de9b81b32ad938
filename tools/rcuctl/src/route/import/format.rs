// SPDX-License-Identifier: GPL-2.0

//! The formats that `import` reads, and their recognition.

use clap::ValueEnum;

use super::{bird, frr, frr_bgp, ip_text, mrt};
use crate::error::{Error, Result};

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `ip route`, `ip -6 route`, files for `ip -batch`
    Ip,
    /// `ip -j route`, `rcuctl -j route`
    IpJson,
    /// BIRD: `show route`, `show route all`
    Bird,
    /// FRR: `show ip route`, `show ipv6 route`
    Frr,
    /// FRR: `show ip route json`, `show bgp ipv4 unicast json`
    FrrJson,
    /// FRR: `show bgp ipv4 unicast`, `show ip bgp`
    FrrBgp,
    /// RIPE RIS, RouteViews: TABLE_DUMP, TABLE_DUMP_V2, BGP4MP
    Mrt,
}

/// Returns the format of a file that starts with `head`; `None` for an unknown format.
pub fn recognise(head: &[u8]) -> Option<Format> {
    if mrt::is_mrt(head) {
        return Some(Format::Mrt);
    }
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    match text.trim_start().chars().next() {
        // An empty table prints nothing.
        None => Some(Format::Ip),
        Some('[') => Some(Format::IpJson),
        Some('{') => Some(Format::FrrJson),
        _ if bird::is_bird(text) => Some(Format::Bird),
        _ if frr_bgp::is_frr_bgp(text) => Some(Format::FrrBgp),
        _ if frr::is_frr(text) => Some(Format::Frr),
        _ if ip_text::is_ip(text) => Some(Format::Ip),
        _ => None,
    }
}

/// Returns the format as [`recognise`] does. Errors: the format is unknown; the message lists all
/// formats, and the option that chooses one.
pub fn expect(name: &str, head: &[u8]) -> Result<Format> {
    recognise(head).ok_or_else(|| {
        let formats: Vec<String> = Format::value_variants()
            .iter()
            .filter_map(|format| format.to_possible_value())
            .map(|value| {
                let help = value.get_help().map(ToString::to_string);
                format!("  {:9}{}", value.get_name(), help.unwrap_or_default())
            })
            .collect();
        Error::Usage(format!(
            "{name}: unknown format: the first line is {}; expected one of these formats, \
             of which --format NAME chooses one:\n{}",
            first_line(head),
            formats.join("\n")
        ))
    })
}

/// Returns the first line that is not blank, cut to 40 characters and escaped for a message.
fn first_line(head: &[u8]) -> String {
    const MAX_CHARS: usize = 40;
    let text = String::from_utf8_lossy(head);
    let line = text.trim_start().lines().next().unwrap_or("");
    let cut: String = line.chars().take(MAX_CHARS).collect();
    format!("{cut:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_format_is_refused_with_the_list_of_formats() {
        for (text, first) in [
            (
                &b"Kernel IP routing table\nDestination Gateway\n"[..],
                "\"Kernel IP routing table\"",
            ),
            (
                b"10.0.0.0 0.0.0.0 255.0.0.0 U 0 0 0 eth0\n",
                "\"10.0.0.0 0.0.0.0",
            ),
            (
                b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00",
                "\"\\u{7f}ELF",
            ),
            (b"routes of my router\n", "\"routes of my router\""),
        ] {
            let error = expect("f", text).expect_err("unknown").to_string();
            assert!(
                error.starts_with(&format!("f: unknown format: the first line is {first}")),
                "{error}"
            );
            for name in ["ip", "ip-json", "bird", "frr", "frr-json", "frr-bgp", "mrt"] {
                assert!(error.contains(&format!("\n  {name} ")), "{name}: {error}");
            }
            assert!(error.contains("--format NAME"), "{error}");
        }
    }

    #[test]
    fn the_head_of_a_file_decides_the_format() {
        for (text, format) in [
            ("", Format::Ip),
            ("# a comment\n\ndefault via 10.0.0.1 dev a\n", Format::Ip),
            ("broadcast 10.0.0.0 dev lo table local\n", Format::Ip),
            (
                "fe80::/64 dev eth0 proto kernel metric 256 pref medium\n",
                Format::Ip,
            ),
            ("fbb::/16 dev eth0\n", Format::Ip),
            (" [ {\"dst\":\"default\"} ]", Format::IpJson),
            ("{\"10.0.0.0/8\":[]}", Format::FrrJson),
            ("BIRD 2.0.7 ready.\n", Format::Bird),
            (
                "C>*10.106.0.4/31 is directly connected, PortChannel1005, 1d00h03m\n",
                Format::Frr,
            ),
            (
                "   Network          Next Hop            Metric LocPrf Weight Path\n",
                Format::FrrBgp,
            ),
        ] {
            assert_eq!(recognise(text.as_bytes()), Some(format), "{text:?}");
        }
        // The head ends within a character.
        assert_eq!(recognise(b"default dev a # \xe2\x82"), Some(Format::Ip));
    }
}
