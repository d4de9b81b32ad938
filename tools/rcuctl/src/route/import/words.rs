// SPDX-License-Identifier: GPL-2.0

//! The words of `ip route` into which the readers of the other formats translate a route.

use std::net::IpAddr;

/// Checks that a value of a file is one word of a line. Linux permits a device name such as `a#b`,
/// but the device's parser would read it as another name and a comment.
pub fn word<'a>(name: &str, value: &'a str) -> Result<&'a str, String> {
    let is_bad = |char: char| char.is_whitespace() || char.is_control() || "#\\".contains(char);
    if value.is_empty() || value.contains(is_bad) {
        return Err(format!(
            "{name} {value:?}: expected one word, without a blank, control character, # or \\"
        ));
    }
    Ok(value)
}

/// The words of a route's next hops, each with its weight.
pub fn next_hops(hops: &[(String, u64)]) -> String {
    match hops {
        [(words, _)] => words.clone(),
        _ => hops
            .iter()
            .map(|(words, weight)| format!(" nexthop{words} weight {weight}"))
            .collect::<Vec<_>>()
            .concat(),
    }
}

/// The words of a next hop, after a blank; none without a next hop.
pub fn next_hop(gateway: Option<IpAddr>, dev: Option<&str>) -> Result<String, String> {
    let mut words = gateway.map_or(String::new(), via);
    if let Some(dev) = dev {
        words.push_str(&format!(" dev {}", word("dev", dev)?));
    }
    Ok(words)
}

/// The words of a gateway, after a blank.
pub fn via(gateway: IpAddr) -> String {
    match gateway {
        IpAddr::V4(_) => format!(" via inet {gateway}"),
        IpAddr::V6(_) => format!(" via inet6 {gateway}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{report, run, translate, Atomicity, Refused};
    use crate::device::Device;
    use crate::error::Status;
    use crate::fake::Fake;
    use crate::output::Output;

    /// Checks that a text has no route but `::/0`, and one refused route with a message.
    fn refuses(text: &str, line: u64, expected: &str) {
        let import = translate(text);
        let routes: Vec<_> = import
            .routes
            .iter()
            .map(|(_, route)| route.to_string())
            .collect();
        assert!(
            routes.iter().all(|route| route.starts_with("::/0")),
            "{text}{routes:?}"
        );
        let [Refused {
            line: found,
            message,
        }] = &import.refused[..]
        else {
            panic!("{text}{:?}", import.refused);
        };
        assert_eq!(*found, line, "{text}");
        assert!(message.starts_with(expected), "{text}{message}");
        assert_eq!(report("f", &import.refused), Status::Failed);
    }

    #[test]
    fn a_value_of_ip_json_that_is_not_one_word_refuses_its_route() {
        for (attributes, expected) in [
            (
                r#""gateway":"10.0.0.1","dev":"a#b""#,
                r#"dev "a#b": expected one word"#,
            ),
            (r#""dev":"c metric 5""#, r#"dev "c metric 5": "#),
            (r#""dev":"c\nadd""#, r#"dev "c\nadd": "#),
            (r#""dev":"c\u00a0d""#, r#"dev "c\u{a0}d": "#),
            (r#""dev":"c\\""#, r#"dev "c\\": "#),
            (r#""dev":"c\u0001""#, r#"dev "c\u{1}": "#),
            (r#""dev":"""#, r#"dev "": "#),
            (r#""dev":null"#, "dev null: expected a text or a number"),
            (r#""dev":["a"]"#, r#"dev ["a"]: "#),
            (r#""dev a":"b""#, r#"key "dev a": "#),
            (
                r#""gateway":"10.0.0.1 dev b""#,
                r#"gateway "10.0.0.1 dev b": "#,
            ),
            (
                r#""dev":"a","flags":["onlink #"]"#,
                r##"flags "onlink #": "##,
            ),
            (r#""dev":"a","flags":null"#, "flags null: expected an array"),
            (r#""dev":"a","type":null"#, "type null: "),
            (r#""dev":"a","type":"unicast 10.1.0.0/16""#, "type "),
            (
                r#""via":{"family":"inet","host":"10.0.0.1 dev b"}"#,
                "host ",
            ),
            (r#""via":{"family":"inet"}"#, "host null: "),
            (
                r#""nexthops":[{"dev":"a"},{"dev":"b#"}]"#,
                r##"dev "b#": "##,
            ),
            (
                r#""nexthops":[{"dev":"a"},5]"#,
                "nexthops 5: expected a next hop",
            ),
            (
                r#""dev":"a","nexthops":null"#,
                "nexthops null: expected an array",
            ),
        ] {
            let text =
                format!(r#"[{{"dst":"::/0","dev":"a"}},{{"dst":"10.0.0.0/8",{attributes}}}]"#);
            refuses(&text, 2, expected);
        }
        refuses(
            r#"[{"dst":"10.0.0.0/8 dev b"}]"#,
            1,
            r#"dst "10.0.0.0/8 dev b": "#,
        );
        refuses(r#"[{"dst":null,"dev":"a"}]"#, 1, "dst null: ");
    }

    #[test]
    fn a_value_of_frr_or_bird_that_is_not_one_word_refuses_its_route() {
        let zebra = |destination: &str, hops: &str| {
            format!(
                r#"{{"{destination}":[{{"protocol":"bgp","selected":true,"nexthops":[{hops}]}}]}}"#
            )
        };
        let hop = |dev: &str| format!(r#"{{"fib":true,"ip":"10.0.0.2","interfaceName":{dev}}}"#);
        let hops = [r#""e#1""#, r#""e#2""#, r#""e#3""#].map(hop).join(",");
        refuses(&zebra("10.0.0.0/8", &hops), 1, r##"dev "e#1": "##);
        refuses(
            &zebra("10.0.0.0/8", &hop(r#""e metric 1""#)),
            1,
            r#"dev "e metric 1": "#,
        );
        refuses(&zebra("10.0.0.0/8", &hop("null")), 1, "10.0.0.0/8: ");
        refuses(&zebra("10.0.0.0/8", "5"), 1, "10.0.0.0/8: ");
        refuses(
            &zebra("10.0.0.0/8 dev b", &hop(r#""e""#)),
            1,
            "destination ",
        );
        for (text, expected) in [
            (
                "B>* 10.0.0.0/8 [20/0] via 10.0.0.1, e#1, weight 1, 1d\n",
                r##"dev "e#1": "##,
            ),
            (
                "C>* 10.0.0.0/8#x is directly connected, e, 1d\n",
                "destination ",
            ),
            (
                "K>* 10.0.0.0/8 [0/5 dev b] via 10.0.0.1, e, 1d\n",
                "metric ",
            ),
            (
                "10.0.0.0/8 unicast [s 10:00] * (200)\n\tvia 10.0.0.1 on e#1\n",
                r##"dev "e#1": "##,
            ),
            (
                "10.0.0.0/8 unicast [s 10:00] * (200)\n\tdev e\\\n",
                r#"dev "e\\": "#,
            ),
            (
                "10.0.0.0/8#x unicast [s 10:00] * (200)\n\tdev e\n",
                "destination ",
            ),
            ("10.0.0.0/8#x blackhole [s 10:00] * (200)\n", "destination "),
            (
                "10.0.0.0/8#x prohibited [s 10:00] * (200)\n",
                "destination ",
            ),
        ] {
            refuses(text, 1, expected);
        }
    }

    #[test]
    fn an_atomic_import_applies_nothing_if_a_value_is_not_one_word() {
        let text = r#"[{"dst":"::/0","dev":"a"},{"dst":"10.0.0.0/8","dev":"a#b"}]"#;
        let mut fake = Fake::new();
        let out = &mut Output::new(Vec::new(), true);
        let device = &mut Device::new(&mut fake);
        let status = run(
            device,
            "f",
            translate(text),
            Atomicity::File,
            &|| false,
            out,
        );
        let error = status.expect_err("a refused route").to_string();
        assert!(error.contains("nothing was imported"), "{error}");
        assert_eq!(fake.executed, [] as [String; 0]);
    }
}
