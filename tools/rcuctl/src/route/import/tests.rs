// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::fake::Fake;
use nix::errno::Errno;

/// Name, content, routes, refused lines, inactive routes, skipped words.
type File = (&'static str, &'static [u8], usize, &'static [u64], u64, u64);

macro_rules! file {
    ($name:literal, $routes:literal, $refused:expr, $inactive:literal, $skipped:literal) => {
        (
            $name,
            include_bytes!(concat!("../../../tests/routes/", $name)),
            $routes,
            &$refused,
            $inactive,
            $skipped,
        )
    };
}
/// The files of `tests/routes`, each with its number of routes, the refused lines, the number of
/// inactive routes, and the number of skipped words.
const FILES: &[File] = &[
    file!("laptop-vpn.txt", 9, [], 0, 16),
    file!("workstation.txt", 5, [], 0, 12),
    file!("kubernetes-cilium.txt", 9, [], 0, 17),
    file!("kubernetes-calico.txt", 12, [], 0, 18),
    file!("containers.txt", 9, [], 0, 16),
    file!("cloud.txt", 8, [], 0, 20),
    file!("frr-kernel.txt", 3, [], 0, 8),
    file!("local-table.txt", 3, [1, 4, 5, 7], 0, 9),
    file!("router-inet6.txt", 3, [1, 2, 3, 4, 5, 9, 10], 0, 7),
    file!("hypervisor-inet6.txt", 5, [], 0, 11),
    file!("advertised-inet6.txt", 5, [], 0, 13),
    file!("vrf-inet6.txt", 1, [], 0, 2),
    file!("container.json", 2, [], 0, 3),
    file!("local-table.json", 0, [1], 0, 0),
    file!("frr-ospf.txt", 6, [], 3, 0),
    file!("frr-babel.txt", 10, [], 0, 0),
    file!("frr-inet6.txt", 6, [], 1, 0),
    file!("bird-ospf.txt", 5, [], 3, 0),
    file!("bird-bgp.txt", 5, [], 0, 0),
    file!("bird2-all.txt", 1, [], 1, 0),
    file!("bird2-kubernetes.txt", 3, [], 3, 0),
    file!("bird3-all.txt", 2, [], 1, 0),
    file!("frr-connected.json", 1, [], 0, 0),
    file!("frr-vyos.txt", 8, [], 1, 0),
    file!("frr-sonic.txt", 5, [], 0, 0),
    file!("frr-sharp.txt", 4, [], 1, 0),
    file!("frr-bgp.txt", 3, [], 1, 0),
    file!("frr-bgp-multipath.txt", 1, [], 4, 0),
    file!("frr-bgp-names.txt", 1, [], 1, 0),
    file!("frr-bgp-inet6.txt", 1, [], 0, 0),
    file!("ppp-inet6.txt", 16, [1], 0, 42),
    file!("dhcp-metrics.txt", 6, [], 0, 15),
    file!("hypervisor.json", 3, [4, 5, 6], 0, 6),
    file!("laptop-both.json", 5, [1, 5, 6, 7, 10], 0, 12),
    file!("quagga.mrt", 6, [], 3, 0),
    file!("bird.mrt", 3, [], 12, 0),
    file!("frr-labels.txt", 7, [6, 8], 2, 0),
    file!("frr-unused-recursive.txt", 6, [], 3, 0),
    file!("frr-recursive.txt", 9, [], 0, 0),
    file!("frr-cloud.txt", 4, [], 0, 0),
    file!("frr-local.txt", 4, [], 0, 0),
    file!("frr-anycast.txt", 1, [], 0, 0),
    file!("frr-offloaded.json", 1, [], 0, 0),
    file!("kubernetes-aks.txt", 9, [], 0, 12),
    file!("kubernetes-bgp.txt", 3, [], 0, 3),
    file!("bird2-exchange.txt", 2, [], 1, 0),
    file!("bird-indented.txt", 3, [], 0, 0),
    file!("bird2-inet6-gateway.txt", 1, [], 0, 0),
    file!("openbgpd.mrt", 21, [23, 24], 10, 0),
    file!("openbgpd-table-dump.mrt", 21, [], 10, 0),
];

fn translate_bytes(content: &'static [u8]) -> Import {
    let source = Source::new("f".to_string(), content, None).expect("a known format");
    translate_source(source, &Options::default()).expect("readable")
}

/// The text of the routes, a line each.
fn lines(import: &Import) -> Vec<String> {
    let routes = import.routes.iter();
    routes.map(|(_, route)| route.to_string()).collect()
}

#[test]
fn files_of_real_machines_are_translated() {
    let mut differing = Vec::new();
    for &(name, text, routes, refused, inactive, skipped) in FILES {
        let import = translate_bytes(text);
        let lines: Vec<u64> = import.refused.iter().map(|refused| refused.line).collect();
        let found = (
            import.routes.len(),
            &lines[..],
            import.inactive,
            import.skipped_words,
        );
        let expected = (routes, refused, inactive, skipped);
        if found != expected {
            let why = &import.refused;
            differing.push(format!(
                "{name}: expected {expected:?}, found {found:?}: {why:?}"
            ));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Routes printed for a file are read back as the same routes.
#[test]
fn translated_files_translate_to_the_same_routes() {
    for &(name, text, ..) in FILES {
        let first = translate_bytes(text);
        let second = translate(&lines(&first).join("\n"));
        assert_eq!(lines(&first), lines(&second), "{name}");
        assert_eq!(second.skipped_words, 0, "{name}");
    }
}

#[test]
fn each_format_has_its_routes() {
    for (text, expected) in [
        (
            "default via 10.0.0.1 dev a proto dhcp\nroute add 10/8 dev b\n",
            &["0.0.0.0/0 via 10.0.0.1 dev a", "10.0.0.0/8 dev b"][..],
        ),
        (
            "default dev wg0 metric 1024 pref medium\n",
            &["::/0 dev wg0 metric 1024"],
        ),
        ("default dev wg0\n2001:db8::/32 dev wg0\n", &["::/0 dev wg0", "2001:db8::/32 dev wg0"]),
        (
            r#"[{"type":"unicast","dst":"10.1.0.0/16","via":{"family":"inet6","host":"fe80::1"},"dev":"e","metric":7}]"#,
            &["10.1.0.0/16 via inet6 fe80::1 dev e metric 7"],
        ),
        (
            r#"[{"type":"blackhole","dst":"default","protocol":"static","flags":["linkdown"]}]"#,
            &["blackhole 0.0.0.0/0"],
        ),
        (
            "B>* 10.1.1.1/32 [20/0] via fe80::5200:ff:fe02:4, ens3, 00:13:37\n\
             S>* 10.9.0.0/16 [1/0] unreachable (blackhole), weight 1, 00:00:01\n",
            &["10.1.1.1/32 via inet6 fe80::5200:ff:fe02:4 dev ens3", "blackhole 10.9.0.0/16"],
        ),
        (
            "BIRD 2.0.12 ready.\nTable master4:\n\
             0.0.0.0/0            unicast [kernel1 2024-01-01] * (10)\n\tvia 192.0.2.1 on eth0\n\
             10.0.0.0/8           unicast [static1 2024-01-01] * (200)\n\tdev eth1\n\
             \x20                    unicast [bgp1 2024-01-01] (100) [AS64512i]\n\tvia 192.0.2.2 on eth0\n\
             10.2.0.0/16          prohibited [static1 2024-01-01] * (200)\n",
            &[
                "0.0.0.0/0 via 192.0.2.1 dev eth0",
                "10.0.0.0/8 dev eth1",
                "prohibit 10.2.0.0/16",
            ],
        ),
    ] {
        let import = translate(text);
        assert_eq!(lines(&import), expected, "{text}{:?}", import.refused);
    }
}

#[test]
fn several_next_hops_are_read_in_each_format() {
    let both =
        "10.0.0.0/24 nexthop via 10.0.0.1 dev a weight 1 nexthop via 10.0.0.2 dev b weight 3";
    for text in [
        "10.0.0.0/24 proto static\n\tnexthop via 10.0.0.1 dev a weight 1 \n\tnexthop via 10.0.0.2 dev b weight 3 \n",
        "10.0.0.0/24 proto static\n# legs\n\n\tnexthop via 10.0.0.1 dev a weight 1 \n\n\tnexthop via 10.0.0.2 dev b weight 3 \n",
        "10.0.0.0/24 proto static \\\tnexthop via 10.0.0.1 dev a weight 1 \\\tnexthop via 10.0.0.2 dev b weight 3\n",
        "\u{1b}[1;35m10.0.0.0/24 \u{1b}[0mproto bgp\n\tnh_info id 5\n\tnexthop via \u{1b}[1;35m10.0.0.1 \u{1b}[0mdev a \n\tnexthop via 10.0.0.2 dev b weight 3 \n",
        "route add 10.0.0.0/24 nexthop via 10.0.0.1 dev a nexthop via 10.0.0.2 dev b weight 3\n",
        "route add 10.0.0.0/24 \\\nnexthop via 10.0.0.1 dev a \\\n nexthop via 10.0.0.2 dev b weight 3\n",
        r#"[{"dst":"10.0.0.0/24","protocol":"bgp","flags":[],"nexthops":[{"gateway":"10.0.0.1","dev":"a","weight":1,"flags":[]},{"gateway":"10.0.0.2","dev":"b","weight":3,"flags":["onlink"]}]}]"#,
        "B>* 10.0.0.0/24 [20/0] via 10.0.0.1, a, weight 1, 1d\n  *                  via 10.0.0.2, b, weight 3, 1d\n",
        r#"{"10.0.0.0/24":[{"protocol":"bgp","selected":true,"nexthops":[{"fib":true,"ip":"10.0.0.1","interfaceName":"a","weight":1},{"fib":true,"ip":"10.0.0.2","interfaceName":"b","weight":3}]}]}"#,
        "10.0.0.0/24          unicast [bgp1 10:00] * (100)\n\tvia 10.0.0.1 on a weight 1\n\tvia 10.0.0.2 on b weight 3\n",
    ] {
        let import = translate(text);
        assert_eq!(lines(&import), [both], "{text}{:?}", import.refused);
        assert_eq!(import.refused, [], "{text}");
    }
    let inet6 = r#"[{"dst":"default","metric":1024,"pref":"medium","nexthops":[{"via":{"family":"inet","host":"10.0.0.1"},"dev":"a","weight":1,"flags":[]},{"gateway":"fe80::1","dev":"b","weight":2,"flags":[]}]}]"#;
    assert_eq!(
        lines(&translate(inet6)),
        ["::/0 metric 1024 nexthop via inet 10.0.0.1 dev a weight 1 nexthop via fe80::1 dev b weight 2"]
    );
    // Both documents of bgpd have the best path, and those that share the traffic.
    let json = r#"{"routerId":"1.1.1.1","routes":{"10.0.0.0/24":[
        {"valid":true,"multipath":true,"nexthops":[{"ip":"10.0.0.2","used":true}]},
        {"valid":true,"nexthops":[{"ip":"10.0.0.3","used":true}]},
        {"valid":true,"bestpath":true,"multipath":true,"nexthops":[{"ip":"10.0.0.1","used":true}]}]}}"#;
    let import = translate(json);
    let legs = "10.0.0.0/24 nexthop via 10.0.0.1 weight 1 nexthop via 10.0.0.2 weight 1";
    assert_eq!(lines(&import), [legs], "{:?}", import.refused);
}

#[test]
fn a_next_hop_that_the_table_cannot_store_refuses_its_route() {
    for (text, message) in [
        (
            "10.0.0.0/24 proto static\n\tnexthop encap mpls 16 via 10.0.0.1 dev a\n\tnexthop dev b\n10.1.0.0/16 dev a\n",
            "encap: encapsulation is not supported",
        ),
        (
            r#"[{"dst":"10.0.0.0/24","nexthops":[{"dev":"a","weight":1},{"dev":"b","weight":257}]}]"#,
            "257: expected a weight from 1 to 256",
        ),
        (
            "S>* 10.0.0.0/24 [1/0] via 10.0.0.1, a, weight 1, 1d\n  *                   unreachable (blackhole), weight 1, 1d\n",
            "10.0.0.0/24: blackhole beside another next hop",
        ),
        (
            "10.0.0.0/24          unicast [bgp1 10:00] * (100)\n\tvia 10.0.0.1 on a mpls 5\n\tvia 10.0.0.2 on b\n",
            "mpls: encapsulation is not supported",
        ),
    ] {
        let import = translate(text);
        let [Refused { line: 1, message: found }] = &import.refused[..] else {
            panic!("{text}{:?}", import.refused);
        };
        assert_eq!(found, message);
    }
}

#[test]
fn the_object_of_a_route_is_kept() {
    for (text, expected) in [
        (
            "10.0.0.0/24 nhid 30 via 10.0.0.9 dev a proto bgp metric 20 \n",
            "10.0.0.0/24 nhid 30 via 10.0.0.9 dev a metric 20",
        ),
        ("10.0.0.0/24 nhid 31 proto bgp \n", "10.0.0.0/24 nhid 31"),
        (
            r#"[{"dst":"10.0.0.0/24","nhid":12,"flags":[],"nexthops":[{"dev":"a","weight":1},{"dev":"b","weight":1}]}]"#,
            "10.0.0.0/24 nhid 12 nexthop dev a weight 1 nexthop dev b weight 1",
        ),
    ] {
        assert_eq!(lines(&translate(text)), [expected]);
    }
}

#[test]
fn a_refused_long_route_is_named_by_its_line() {
    let legs = "\tnexthop dev a\n\tnexthop dev b\n".repeat(30);
    let text = format!("10.0.0.0/8\n{legs}10.1.0.0/16\n{legs}::/0 dev a\n");
    let import = translate(&text);
    assert_eq!(import.routes.len(), 3, "{:?}", import.refused);
    let lines = [0, 60, 61, 121, 122, 123].map(|number| line_of(&import.routes, number));
    assert_eq!(
        lines,
        [Some(1), Some(1), Some(62), Some(62), Some(123), None]
    );
}

#[test]
fn an_import_continues_after_a_line_that_the_kernel_refuses() {
    let mut fake = Fake::new().refuse(
        "add fe80::/64 dev b metric 256",
        Errno::EEXIST,
        "fe80::/64: route exists",
    );
    let text = "fe80::/64 dev a metric 256\nfe80::/64 dev b metric 256\n::/0 dev a\n";
    let mut printed = Vec::new();
    let out = &mut Output::new(&mut printed, true);
    let device = &mut Device::new(&mut fake);
    let status = run(
        device,
        "f",
        translate(text),
        Atomicity::Line,
        &|| false,
        out,
    );
    assert_eq!(status.expect("no local error"), Status::Failed);
    let expected = r#"{"imported":2,"inactive":0,"skipped_words":0,"refused":[{"line":2,"message":"fe80::/64: route exists (EEXIST)"}]}"#;
    let printed: serde_json::Value = serde_json::from_slice(&printed).expect("JSON");
    assert_eq!(
        printed,
        serde_json::from_str::<serde_json::Value>(expected).expect("JSON")
    );
}

#[test]
fn a_signal_ends_an_import_with_an_error_that_counts_the_imported_routes() {
    let lines = (0..3000).map(|n| format!("10.{}.{}.0/24 dev a", n / 256, n % 256));
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut fake = Fake::new();
    let calls = std::cell::Cell::new(0);
    let is_interrupted = || calls.replace(calls.get() + 1) == 2;
    let out = &mut Output::new(Vec::new(), true);
    let device = &mut Device::new(&mut fake);
    let import = translate(&text);
    let ended = run(device, "f", import, Atomicity::Line, &is_interrupted, out);
    let Err(Error::Interrupted { applied }) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(applied as usize, fake.executed.len());
    assert!((1..3000).contains(&applied), "{applied}");
}

/// U+009B begins a control sequence, as ESC and `[` do.
#[test]
fn a_word_of_a_file_does_not_control_the_terminal() {
    let text = "BIRD 2.0.7 ready.\n\u{1b}]0;title\u{7} x\n\u{9b}2J x\n\u{e9}t\u{e9} x\n";
    let messages: Vec<_> = translate(text)
        .refused
        .iter()
        .map(|refused| printable(&refused.message))
        .collect();
    let expected = ["\\u{1b}]0;title\\u{7}", "\\u{9b}2J", "\u{e9}t\u{e9}"];
    assert_eq!(
        messages,
        expected.map(|word| format!("{word}: expected a route of BIRD"))
    );
}

/// Each parser reads each file, cut and with changed bytes. It may refuse lines, but must not
/// panic.
#[test]
fn damaged_files_are_refused_without_a_panic() {
    const FORMATS: [Format; 7] = [
        Format::Ip,
        Format::IpJson,
        Format::Bird,
        Format::Frr,
        Format::FrrJson,
        Format::FrrBgp,
        Format::Mrt,
    ];
    let mut random = 1_u32;
    let mut next = |below: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % below.max(1)
    };
    for (name, content, ..) in FILES {
        for format in FORMATS {
            for _ in 0..8 {
                let mut bytes = content[..next(content.len() + 1)].to_vec();
                for _ in 0..next(4) {
                    let at = next(bytes.len());
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = next(256) as u8;
                    }
                }
                let bytes = std::io::Cursor::new(bytes);
                // An error means that the bytes are neither text nor a compressed file.
                if let Ok(source) = Source::new(name.to_string(), bytes, Some(format)) {
                    drop(translate_source(source, &Options::default()));
                }
            }
        }
    }
}

/// Imports a text atomically. Returns the result, and the lines that the device has executed.
fn import_atomically(
    text: &str,
    fake: Fake,
    atomicity: Atomicity,
) -> (Result<Status>, Vec<String>) {
    let mut fake = fake;
    let out = &mut Output::new(Vec::new(), true);
    let device = &mut Device::new(&mut fake);
    let status = run(device, "f", translate(text), atomicity, &|| false, out);
    (status, fake.executed)
}

#[test]
fn an_atomic_import_is_one_transaction_or_reload() {
    let text = "10.0.0.0/8 dev a\n::/0 dev a\n";
    for (atomicity, begin) in [
        (Atomicity::File, "begin"),
        (Atomicity::Table, "begin reload"),
    ] {
        let (status, executed) = import_atomically(text, Fake::new(), atomicity);
        assert_eq!(status.expect("no error"), Status::Done);
        let expected = [begin, "add 10.0.0.0/8 dev a", "add ::/0 dev a", "commit"];
        assert_eq!(executed, expected);
    }
}

#[test]
fn an_atomic_import_of_a_bad_file_sends_nothing() {
    let text = "10.0.0.0/8 dev a\n10.0.0.1/8 dev a\n";
    let (status, executed) = import_atomically(text, Fake::new(), Atomicity::File);
    let error = status.expect_err("a bad line").to_string();
    assert!(
        error
            .starts_with("f: expected a file without refused lines, found 1; nothing was imported"),
        "{error}"
    );
    assert_eq!(executed, [] as [String; 0]);
}

#[test]
fn a_route_that_the_kernel_refuses_ends_an_atomic_import() {
    let text = "10.0.0.0/8 dev a\n\n::/0 dev a\n";
    let fake = Fake::new().refuse("add ::/0 dev a", Errno::EEXIST, "::/0: route exists");
    let (status, executed) = import_atomically(text, fake, Atomicity::Table);
    let Err(Error::Line { line, applied, .. }) = status else {
        panic!("{status:?}");
    };
    assert_eq!((line, applied), (3, Some(0)));
    assert_eq!(executed, ["begin reload", "add 10.0.0.0/8 dev a", "abort"]);
    // The commit names the operation.
    let fake = Fake::new().refuse_commit(1, Errno::EEXIST, "::/0: route exists");
    let (status, _) = import_atomically(text, fake, Atomicity::File);
    let Err(Error::Line { line, applied, .. }) = status else {
        panic!("{status:?}");
    };
    assert_eq!((line, applied), (3, Some(0)));
}

const BIRD_TABLES: &str = "BIRD 2.0.12 ready.\nTable customers:\n\
    10.1.0.0/16          unicast [static1 2024-01-01] * (200)\n\tdev eth1\n\
    Table master4:\n10.2.0.0/16          unicast [static1 2024-01-01] * (200)\n\tdev eth2\n\
    Table master6:\n2001:db8::/32        unicast [static1 2024-01-01] * (200)\n\tdev eth3\n";

/// Returns the routes of a table of BIRD, and the notes.
fn bird_table(text: &str, table: Option<&str>) -> Result<(Vec<String>, Vec<String>)> {
    let bytes = std::io::Cursor::new(text.as_bytes().to_vec());
    let options = Options {
        table: table.map(str::to_string),
        ..Options::default()
    };
    let import = translate_source(Source::new("f".to_string(), bytes, None)?, &options)?;
    Ok((lines(&import), import.notes))
}

#[test]
fn the_import_names_the_tables_of_bird_and_skips_those_that_are_not_master() {
    let (routes, notes) = bird_table(BIRD_TABLES, None).expect("two master tables");
    assert_eq!(routes, ["10.2.0.0/16 dev eth2", "2001:db8::/32 dev eth3"]);
    let expected = [
        "imports the table master4 and master6",
        "skips the table customers with 1 routes; --table customers imports it",
    ];
    assert_eq!(notes, expected);
    let (routes, notes) = bird_table(BIRD_TABLES, Some("customers")).expect("a table");
    assert_eq!(routes, ["10.1.0.0/16 dev eth1"]);
    assert_eq!(notes[0], "imports the table customers");
    let only = BIRD_TABLES.replace("Table master4", "Table x");
    let only = only.split("Table master6").next().expect("a part");
    let error = bird_table(only, None).expect_err("no master").to_string();
    assert_eq!(
        error,
        "f: expected one of the tables master, master4, master6, found customers, x; \
         --table NAME chooses one"
    );
    let one = only.split("Table x").next().expect("a part");
    let (routes, notes) = bird_table(one, None).expect("one table");
    assert_eq!(
        (routes.len(), &notes[..]),
        (1, &["imports the table customers".to_string()][..])
    );
    let error = bird_table(one, Some("y"))
        .expect_err("no such table")
        .to_string();
    assert_eq!(
        error,
        "f: expected the table y, found customers; --table NAME chooses one"
    );
    let error = bird_table("default dev a\n", Some("y"))
        .expect_err("not BIRD")
        .to_string();
    assert!(
        error.starts_with("f: --table requires the format bird"),
        "{error}"
    );
}
