// SPDX-License-Identifier: GPL-2.0

use super::command::{
    legs::legs,
    object::{members, ObjectCommand},
    parse as parse_counting,
    refusal::{
        Excerpt,
        Reason::{self, *},
        Refusal,
    },
    Command, HELP,
};
use crate::rcu_table::{DevName, Family, HopId, Mode, NextHop, Prefix, Route, Selector};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;
use std::{collections::BTreeSet, mem};

fn prefix(text: &str) -> Prefix {
    let (address, len) = text.split_once('/').unwrap();
    Prefix::new(address.parse().unwrap(), len.parse().unwrap()).unwrap()
}

fn via(gateway: &str) -> NextHop {
    NextHop::Via(gateway.parse().unwrap(), None)
}

fn dev(name: &str) -> DevName {
    DevName::new(name).unwrap()
}

/// Returns the next hop of a route without a gateway.
fn direct(name: &str) -> NextHop {
    NextHop::Dev(dev(name))
}

fn via_dev(gateway: &str, name: &str) -> NextHop {
    NextHop::Via(gateway.parse().unwrap(), Some(dev(name)))
}

/// Parses a line without counting words.
fn parse(line: &str) -> Result<Option<Command>, Refusal<'_>> {
    parse_counting(line).map(|(command, _)| command)
}

fn command(line: &str) -> Command {
    match parse(line) {
        Ok(Some(command)) => command,
        Ok(None) => panic!("{line:?} is not a command"),
        Err(refusal) => panic!("{line:?}: {refusal}"),
    }
}

/// Returns the word at fault and the reason.
fn refusal(line: &str) -> (&str, Reason) {
    match parse(line) {
        Err(Refusal { word, reason }) => (word, reason),
        Ok(command) => panic!("{line:?} is {command:?}"),
    }
}

#[test]
fn routes_in_iproute2_syntax_are_parsed() {
    let ten = prefix("10.0.0.0/8");
    let (all_v4, all_v6) = (prefix("0.0.0.0/0"), prefix("::/0"));
    for (words, prefix, metric, next_hop) in [
        ("10.0.0.0/8 via 192.0.2.1", ten, 0, via("192.0.2.1")),
        ("10.0.0.0/8 via inet 192.0.2.1", ten, 0, via("192.0.2.1")),
        ("10.0.0.0/8 via inet6 fe80::1", ten, 0, via("fe80::1")),
        (
            "10.0.0.0/8 via inet6 fe80::1 dev eth0",
            ten,
            0,
            via_dev("fe80::1", "eth0"),
        ),
        (
            "10.0.0.0/8 metric 7 dev eth0 via 192.0.2.1",
            ten,
            7,
            via_dev("192.0.2.1", "eth0"),
        ),
        ("10.0.0.0/8 dev eth0 metric 1", ten, 1, direct("eth0")),
        (
            "10.1.2.3 dev eth0",
            prefix("10.1.2.3/32"),
            0,
            direct("eth0"),
        ),
        ("::1 dev lo", prefix("::1/128"), 0, direct("lo")),
        (
            "2001:db8::/32 via fe80::1",
            prefix("2001:db8::/32"),
            0,
            via("fe80::1"),
        ),
        (
            "2001:db8::/32 via inet 192.0.2.1",
            prefix("2001:db8::/32"),
            0,
            via("192.0.2.1"),
        ),
        ("default via 192.0.2.1", all_v4, 0, via("192.0.2.1")),
        ("default via fe80::1", all_v6, 0, via("fe80::1")),
        ("default via inet6 fe80::1", all_v4, 0, via("fe80::1")),
        ("default dev eth0", all_v4, 0, direct("eth0")),
        (
            "default nexthop via 192.0.2.1 dev eth0 weight 1",
            all_v4,
            0,
            via_dev("192.0.2.1", "eth0"),
        ),
        ("0.0.0.0/0 dev eth0", all_v4, 0, direct("eth0")),
        ("::/0 dev eth0", all_v6, 0, direct("eth0")),
        ("blackhole 10.0.0.0/8", ten, 0, NextHop::Blackhole),
        (
            "unreachable default metric 9",
            all_v4,
            9,
            NextHop::Unreachable,
        ),
        (
            "prohibit 2001:db8::1",
            prefix("2001:db8::1/128"),
            0,
            NextHop::Prohibit,
        ),
        ("10.0.0.0/8 dev a metric 0", ten, 0, direct("a")),
        (
            "10.0.0.0/8 dev a metric 4294967295",
            ten,
            u32::MAX,
            direct("a"),
        ),
        ("10.0.0.0/8 dev metric", ten, 0, direct("metric")),
        (
            "10.0.0.0/8 dev fifteen-letters",
            ten,
            0,
            direct("fifteen-letters"),
        ),
    ] {
        let route = Route {
            prefix,
            metric,
            next_hop,
        };
        assert_eq!(command(words), Command::Insert(Mode::Add, route));
        for (verb, mode) in [
            ("add", Mode::Add),
            ("change", Mode::Change),
            ("replace", Mode::Replace),
        ] {
            assert_eq!(
                command(&format!("{verb} {words}")),
                Command::Insert(mode, route)
            );
        }
    }
}

#[test]
fn every_other_command_is_parsed() {
    let ten = prefix("10.0.0.0/8");
    for (line, expected) in [
        ("del 10.0.0.0/8", Command::Delete(ten, None, None)),
        ("delete 10.0.0.0/8", Command::Delete(ten, None, None)),
        (
            "del default",
            Command::Delete(prefix("0.0.0.0/0"), None, None),
        ),
        (
            "del default via fe80::1",
            Command::Delete(prefix("::/0"), None, Some(via("fe80::1"))),
        ),
        (
            "del 10.0.0.0/8 metric 0",
            Command::Delete(ten, Some(0), None),
        ),
        (
            "del 10.0.0.0/8 dev eth0 metric 5",
            Command::Delete(ten, Some(5), Some(direct("eth0"))),
        ),
        (
            "del blackhole 10.0.0.0/8",
            Command::Delete(ten, None, Some(NextHop::Blackhole)),
        ),
        ("flush", Command::Flush(None)),
        ("flush inet", Command::Flush(Some(Family::Inet))),
        ("flush inet6", Command::Flush(Some(Family::Inet6))),
        ("get 10.0.0.1", Command::Get("10.0.0.1".parse().unwrap())),
        ("get ::1", Command::Get("::1".parse().unwrap())),
        ("show", Command::Show(Selector::All)),
        ("list", Command::Show(Selector::All)),
        ("show inet", Command::Show(Selector::Family(Family::Inet))),
        ("show inet6", Command::Show(Selector::Family(Family::Inet6))),
        ("show 10.0.0.0/8", Command::Show(Selector::Prefix(ten))),
        (
            "show ::1",
            Command::Show(Selector::Prefix(prefix("::1/128"))),
        ),
        (
            "show default",
            Command::Show(Selector::Prefix(prefix("0.0.0.0/0"))),
        ),
        ("begin", Command::Begin { reload: false }),
        ("begin reload", Command::Begin { reload: true }),
        ("commit", Command::Commit),
        ("abort", Command::Abort),
        ("stats", Command::Stats),
        ("help", Command::Help),
    ] {
        assert_eq!(command(line), expected, "{line}");
    }
}

/// Lines of real machines, each with the route in the device's words and the number of informational
/// words.
#[test]
fn lines_that_ip_route_prints_are_parsed() {
    for (line, meaning, skipped) in [
        (
            "default via 192.168.1.1 dev wlp2s0 proto dhcp src 192.168.1.17 metric 600 ",
            "0.0.0.0/0 via 192.168.1.1 dev wlp2s0 metric 600",
            2,
        ),
        (
            "172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1 linkdown ",
            "172.17.0.0/16 dev docker0",
            4,
        ),
        (
            "10.0.0.0/24 via 10.0.0.170 dev cilium_host proto kernel src 10.0.0.170 mtu 1450 ",
            "10.0.0.0/24 via 10.0.0.170 dev cilium_host",
            3,
        ),
        ("blackhole 10.244.1.0/26 proto 80 ", "blackhole 10.244.1.0/26", 1),
        (
            "10.244.2.0/26 via 172.16.0.2 dev tunl0 proto bird onlink ",
            "10.244.2.0/26 via 172.16.0.2 dev tunl0",
            2,
        ),
        ("10.244.1.5 dev cali1 scope link ", "10.244.1.5/32 dev cali1", 1),
        (
            "10.8.0.0/24 via inet6 fe80::9 dev swp1 proto bgp metric 20 onlink",
            "10.8.0.0/24 via inet6 fe80::9 dev swp1 metric 20",
            2,
        ),
        (
            "fe80::/64 dev eth0 proto kernel metric 256 pref medium",
            "fe80::/64 dev eth0 metric 256",
            2,
        ),
        (
            "default via fe80::1 dev eth0 proto ra metric 1024 expires 44sec hoplimit 64 pref medium",
            "::/0 via fe80::1 dev eth0 metric 1024",
            4,
        ),
        (
            "unreachable fdee:39db:141f::/48 dev lo proto static metric 2147483647 pref medium",
            "unreachable fdee:39db:141f::/48 metric 2147483647",
            3,
        ),
        (
            "unreachable 3ffe:ffff::/32 dev lo metric 1024 error -113 pref medium",
            "unreachable 3ffe:ffff::/32 metric 1024",
            3,
        ),
        (
            "unreachable default dev lo metric 4278198272 pref medium",
            "unreachable ::/0 metric 4278198272",
            2,
        ),
        ("throw 192.0.2.0/24 table main", "throw 192.0.2.0/24", 1),
        (
            "local 192.0.2.1 dev lo proto kernel scope host src 192.0.2.1",
            "local 192.0.2.1/32 dev lo",
            3,
        ),
        (
            "2001:db8::/64 dev eth0 metric 256 mtu lock 1400 advmss 1340",
            "2001:db8::/64 dev eth0 metric 256",
            2,
        ),
    ] {
        let expected = command(meaning);
        assert_eq!(parse_counting(line), Ok((Some(expected), skipped)), "{line}");
    }
}

/// `ip route` prints the next hop of an object after its number.
#[test]
fn a_route_can_name_an_object_and_its_next_hop() {
    let Command::Insert(_, plain) = command("10.9.0.0/24 via 10.0.0.9 dev swp1 metric 20") else {
        panic!("no route");
    };
    let line = "10.9.0.0/24 nhid 30 via 10.0.0.9 dev swp1 proto bgp metric 20 ";
    let id = HopId::new(30);
    let named = Command::InsertNamed(Mode::Add, plain, id);
    assert_eq!(parse_counting(line), Ok((Some(named), 2)));
    let delete = "del 10.9.0.0/24 via 10.0.0.9 nhid 30";
    let named = Command::DeleteNamed(
        plain.prefix,
        None,
        NextHop::Via([10, 0, 0, 9].into(), None),
        id,
    );
    assert_eq!(parse_counting(delete), Ok((Some(named), 1)));
    let discards = "blackhole 10.9.0.0/24 nhid 0x1e";
    let next_hop = NextHop::Blackhole;
    let route = Route {
        next_hop,
        metric: 0,
        ..plain
    };
    let named = Command::InsertNamed(Mode::Add, route, id);
    assert_eq!(parse_counting(discards), Ok((Some(named), 1)));

    let next_hop = NextHop::Object(id);
    let route = Route {
        next_hop,
        metric: 0,
        ..plain
    };
    for line in ["10.9.0.0/24 nhid 30", "route add 10.9.0.0/24 nhid 0x1e"] {
        assert_eq!(
            parse_counting(line),
            Ok((Some(Command::Insert(Mode::Add, route)), 0))
        );
    }
    let delete = Command::Delete(plain.prefix, Some(7), Some(next_hop));
    assert_eq!(command("del 10.9.0.0/24 nhid 30 metric 7"), delete);
}

#[test]
fn a_route_can_have_several_legs() {
    let line = "ip route add 10.0.0.0/8 proto bgp metric 20 nexthop via 192.0.2.1 dev a weight 2 \
                nexthop via inet6 fe80::1 dev b onlink nexthop dev c weight 256 ";
    let insert = Command::InsertLegs(Mode::Add, prefix("10.0.0.0/8"), 20, None);
    assert_eq!(parse_counting(line), Ok((Some(insert), 2)));
    let expected = [
        (via_dev("192.0.2.1", "a"), 2),
        (via_dev("fe80::1", "b"), 1),
        (direct("c"), 256),
    ];
    assert_eq!(legs(line).collect::<Vec<_>>(), expected);

    let line = "default nhid 10 nexthop via fe80::1 dev a weight 1 nexthop dev b";
    let id = Some(HopId::new(10));
    let insert = Command::InsertLegs(Mode::Add, prefix("::/0"), 0, id);
    assert_eq!(parse_counting(line), Ok((Some(insert), 1)));
    let delete = "del 10.0.0.0/8 metric 0 nexthop dev a nexthop dev b";
    let expected = Command::DeleteLegs(prefix("10.0.0.0/8"), Some(0), None);
    assert_eq!(command(delete), expected);
    assert_eq!(legs("nexthop add id 5 dev a").count(), 0);
    assert_eq!(legs("10.0.0.0/8 dev a").count(), 0);
    let line = "10.0.0.0/8 proto nexthop nexthop dev nexthop nexthop dev b";
    let expected = [(direct("nexthop"), 1), (direct("b"), 1)];
    assert_eq!(legs(line).collect::<Vec<_>>(), expected);
}

#[test]
fn commands_of_ip_nexthop_are_parsed() {
    let set = |mode, id, next_hop| Command::Object(ObjectCommand::Set { mode, id, next_hop });
    let (dev, gateway) = (DevName::new("a"), [192, 0, 2, 1].into());
    let via = Some(NextHop::Via(gateway, dev));
    for (line, expected) in [
        (
            "nexthop add id 5 via 192.0.2.1 dev a",
            set(Mode::Add, 5, via),
        ),
        (
            "ip -4 nexthop replace via inet 192.0.2.1 id 0x5 oif a onlink",
            set(Mode::Replace, 5, via),
        ),
        (
            "nexthop add id 5 dev a proto zebra scope link",
            set(Mode::Add, 5, dev.map(NextHop::Dev)),
        ),
        (
            "ip nexthop add id 4294967295 blackhole",
            set(Mode::Add, u32::MAX, Some(NextHop::Blackhole)),
        ),
        (
            "nexthop add id 9 group 1/2,7/3 type mpath",
            set(Mode::Add, 9, None),
        ),
        (
            "nexthop del id 5",
            Command::Object(ObjectCommand::Delete(5)),
        ),
        ("nexthop get id 5", Command::Object(ObjectCommand::Get(5))),
        ("nexthop show id 5", Command::Object(ObjectCommand::Get(5))),
        ("ip nexthop", Command::Object(ObjectCommand::Show)),
        ("-6 nexthop list", Command::Object(ObjectCommand::Show)),
    ] {
        assert_eq!(command(line), expected, "{line}");
    }
    let members = |line| members(line).collect::<Vec<_>>();
    assert_eq!(
        members("nexthop add id 9 group 1/2,7/0x3,256"),
        [(1, 1), (2, 7), (3, 256)]
    );
    assert_eq!(members("nexthop add group 4 id 9"), [(4, 1)]);
    assert_eq!(members("nexthop add proto group id 5 group 4"), [(4, 1)]);
    assert_eq!(members("nexthop add id 9"), []);
}

/// Scripts and files for `ip -batch`, in all words that `ip` accepts.
#[test]
fn commands_of_ip_are_parsed() {
    for (line, meaning) in [
        (
            "route add 10/8 via 192.0.2.1",
            "add 10.0.0.0/8 via 192.0.2.1",
        ),
        ("ip route add 10.1/16 dev a", "add 10.1.0.0/16 dev a"),
        ("ip -4 route replace any dev a", "replace 0.0.0.0/0 dev a"),
        ("ip -6 route add default dev a", "add ::/0 dev a"),
        ("-6 route del all dev a", "del ::/0 dev a"),
        (
            "route append to 10.0.0.0/255.0.0.0 dev a",
            "add 10.0.0.0/8 dev a",
        ),
        (
            "route prepend unicast 10.0.0.0/8 dev a",
            "add 10.0.0.0/8 dev a",
        ),
        (
            "route chg 10.0.0.0/8 oif a priority 0x20",
            "change 10.0.0.0/8 dev a metric 32",
        ),
        (
            "to 10.0.0.0/8 dev a preference 5",
            "10.0.0.0/8 dev a metric 5",
        ),
        ("route delete 10.0.0.0/8", "del 10.0.0.0/8"),
        ("ip route", "show"),
        ("-6 route ls", "show inet6"),
        ("ip -6 route show default", "show ::/0"),
        ("ip route get 10.0.0.1", "get 10.0.0.1"),
    ] {
        assert_eq!(command(line), command(meaning), "{line}");
    }
}

#[test]
fn blank_lines_and_comments_are_not_commands() {
    for line in ["", " ", "\t\r", "# add 10.0.0.0/8 dev a", "  #", "#add"] {
        assert_eq!(parse(line), Ok(None), "{line:?}");
    }
}

#[test]
fn blanks_and_comments_around_words_are_ignored() {
    let plain = command("add 10.0.0.0/8 via 192.0.2.1 metric 5");
    for line in [
        "  add\t10.0.0.0/8   via 192.0.2.1 metric 5\r",
        "add 10.0.0.0/8 via 192.0.2.1 metric 5 # why",
        "add 10.0.0.0/8 via 192.0.2.1 metric 5#why",
        "10.0.0.0/8 metric 5 via 192.0.2.1",
    ] {
        assert_eq!(command(line), plain, "{line:?}");
    }
}

const fn host_bits([a, b, c, d]: [u8; 4], len: u8) -> Reason {
    let address = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    HostBits { address, len }
}

/// Invalid lines, each with the word at fault and the reason.
const INVALID: &[(&str, &str, Reason)] = &[
    ("frobnicate", "frobnicate", UnknownWord),
    ("ADD 10.0.0.0/8 dev a", "ADD", UnknownWord),
    ("inet", "inet", UnknownWord),
    ("stats now", "now", UnknownWord),
    ("flush inet inet6", "inet6", UnknownWord),
    ("get 10.0.0.1 10.0.0.2", "10.0.0.2", UnknownWord),
    ("add 10.0.0.0/8 gateway 192.0.2.1", "gateway", UnknownWord),
    ("ip link", "link", UnknownWord),
    ("-4 -6 route", "-6", UnknownWord),
    ("ip route frobnicate", "frobnicate", UnknownWord),
    ("ip", "ip", MissingArgument("route or nexthop")),
    ("add", "add", MissingArgument("prefix")),
    ("del", "del", MissingArgument("prefix")),
    ("blackhole", "blackhole", MissingArgument("prefix")),
    ("add prohibit", "prohibit", MissingArgument("prefix")),
    ("get", "get", MissingArgument("address")),
    ("add 10.0.0.0/8 via", "via", MissingArgument("address")),
    (
        "add 10.0.0.0/8 via inet6",
        "inet6",
        MissingArgument("address"),
    ),
    ("add 10.0.0.0/8 dev", "dev", MissingArgument("device name")),
    (
        "add 10.0.0.0/8 dev a metric",
        "metric",
        MissingArgument("number"),
    ),
    (
        "add 10.0.0.0/8 dev a metric # 5",
        "metric",
        MissingArgument("number"),
    ),
    ("add 10.0.0.0/8 via 1.1.1.1 via 1.1.1.1", "via", Repeated),
    ("add 10.0.0.0/8 dev a dev b", "dev", Repeated),
    ("add 10.0.0.0/8 dev a metric 1 metric 1", "metric", Repeated),
    ("add eth0 via 192.0.2.1", "eth0", InvalidPrefix),
    ("add 10.0.0.0.0/8 dev a", "10.0.0.0.0/8", InvalidPrefix),
    ("add 10./8 dev a", "10./8", InvalidPrefix),
    ("add 010/8 dev a", "010/8", InvalidPrefix),
    ("add 10 dev a", "10", InvalidPrefix),
    ("add 10.0.0.256/8 dev a", "10.0.0.256/8", InvalidPrefix),
    ("add /8 dev a", "/8", InvalidPrefix),
    ("1 dev a", "1", InvalidPrefix),
    ("a:b dev a", "a:b", InvalidPrefix),
    ("show inet4", "inet4", InvalidPrefix),
    ("del blackhole blackhole", "blackhole", InvalidPrefix),
    // The prefix is checked first.
    ("add x via y", "x", InvalidPrefix),
    ("get 10.0.0.0/8", "10.0.0.0/8", InvalidAddress(None)),
    ("get localhost", "localhost", InvalidAddress(None)),
    ("add 10.0.0.0/8 via eth0", "eth0", InvalidAddress(None)),
    (
        "add 10.0.0.0/8 via inet fe80::1",
        "fe80::1",
        InvalidAddress(Some(Family::Inet)),
    ),
    (
        "add 10.0.0.0/8 via inet6 192.0.2.1",
        "192.0.2.1",
        InvalidAddress(Some(Family::Inet6)),
    ),
    (
        "add 10.0.0.0/8 via inet inet",
        "inet",
        InvalidAddress(Some(Family::Inet)),
    ),
    ("begin inet", "inet", UnknownWord),
    ("begin reload inet", "inet", UnknownWord),
    ("commit 10.0.0.0/8", "10.0.0.0/8", UnknownWord),
    ("abort all", "all", UnknownWord),
    ("flush ipv6", "ipv6", InvalidFamily),
    ("flush 10.0.0.0/8", "10.0.0.0/8", InvalidFamily),
    (
        "add 10.0.0.0/33 dev a",
        "10.0.0.0/33",
        InvalidLength(Family::Inet),
    ),
    (
        "add 10.0.0.0/256 dev a",
        "10.0.0.0/256",
        InvalidLength(Family::Inet),
    ),
    (
        "add 10.0.0.0/ dev a",
        "10.0.0.0/",
        InvalidLength(Family::Inet),
    ),
    (
        "add 10.0.0.0/+8 dev a",
        "10.0.0.0/+8",
        InvalidLength(Family::Inet),
    ),
    (
        "add 10.0.0.0/-1 dev a",
        "10.0.0.0/-1",
        InvalidLength(Family::Inet),
    ),
    (
        "add 10.0.0.0/08 dev a",
        "10.0.0.0/08",
        InvalidLength(Family::Inet),
    ),
    ("add 10.0.0.0/8 dev a metric 010", "010", InvalidNumber),
    (
        "add 10.0.0.0/8/8 dev a",
        "10.0.0.0/8/8",
        InvalidLength(Family::Inet),
    ),
    (
        "add 10.0.0.0/255.0.255.0 dev a",
        "10.0.0.0/255.0.255.0",
        InvalidLength(Family::Inet),
    ),
    ("del ::/129", "::/129", InvalidLength(Family::Inet6)),
    ("show ::/x", "::/x", InvalidLength(Family::Inet6)),
    (
        "add 10.0.0.1/8 dev a",
        "10.0.0.1/8",
        host_bits([10, 0, 0, 1], 8),
    ),
    (
        "add ::1/127 dev a",
        "::1/127",
        HostBits {
            address: IpAddr::V6(Ipv6Addr::LOCALHOST),
            len: 127,
        },
    ),
    (
        "add 128.0.0.0/0 dev a",
        "128.0.0.0/0",
        host_bits([128, 0, 0, 0], 0),
    ),
    (
        "add 10.0.0.0/8 dev a metric 4294967296",
        "4294967296",
        InvalidNumber,
    ),
    ("add 10.0.0.0/8 dev a metric -1", "-1", InvalidNumber),
    ("add 10.0.0.0/8 nexthop dev a weight 0", "0", InvalidWeight),
    (
        "add 10.0.0.0/8 nexthop dev a weight 257",
        "257",
        InvalidWeight,
    ),
    ("add 10.0.0.0/8 nexthop dev a weight x", "x", InvalidWeight),
    ("add 10.0.0.0/8 dev a metric +1", "+1", InvalidNumber),
    ("add 10.0.0.0/8 dev a metric 0x", "0x", InvalidNumber),
    ("add 10.0.0.0/8 dev a metric 0x+1", "0x+1", InvalidNumber),
    ("add 10.0.0.0/8 dev a mtu lock many", "many", InvalidNumber),
    ("add 10.0.0.0/8 via 0.0.0.0", "0.0.0.0", InvalidGateway),
    ("add ::/0 via :: dev a", "::", InvalidGateway),
    (
        "add 10.0.0.0/8 dev sixteen-letters-",
        "sixteen-letters-",
        InvalidDevice,
    ),
    ("add 10.0.0.0/8 dev a/b", "a/b", InvalidDevice),
    ("add 10.0.0.0/8 dev eth0:1", "eth0:1", InvalidDevice),
    ("add 10.0.0.0/8 dev .", ".", InvalidDevice),
    ("add 10.0.0.0/8 dev ..", "..", InvalidDevice),
    ("add 10.0.0.0/8 dev z\u{fc}", "z\u{fc}", InvalidDevice),
    ("add 10.0.0.0/8", "10.0.0.0/8", MissingNextHop),
    ("10.0.0.0/8 metric 5", "10.0.0.0/8", MissingNextHop),
    ("add default", "default", MissingNextHop),
    (
        "add blackhole 10.0.0.0/8 via 192.0.2.1",
        "blackhole",
        UnexpectedNextHop,
    ),
    ("prohibit 10.0.0.0/8 dev a", "prohibit", UnexpectedNextHop),
    (
        "del unreachable ::/0 dev a",
        "unreachable",
        UnexpectedNextHop,
    ),
    (
        "add 10.0.0.0/8 via fe80::1",
        "10.0.0.0/8",
        GatewayFamily(Family::Inet),
    ),
    (
        "add ::/8 via 192.0.2.1",
        "::/8",
        GatewayFamily(Family::Inet6),
    ),
    (
        "10.0.0.0/8 dev a table 100",
        "100",
        Unsupported("there is one table, 'main'"),
    ),
    (
        "broadcast 10.0.0.255 dev a table local",
        "broadcast",
        Unsupported("not supported; use unicast, local or a discarding type"),
    ),
    (
        "default via 10.0.0.1 nexthop dev a",
        "nexthop",
        Unsupported("via and dev follow 'nexthop' in a route of several next hops"),
    ),
    (
        "default nexthop via 10.0.0.1 nexthop via fe80::1",
        "nexthop",
        Unsupported("gateways of two families; use 'via inet ADDRESS' or 'via inet6 ADDRESS'"),
    ),
    ("default nexthop dev a nexthop", "nexthop", MissingNextHop),
    (
        "default nexthop weight 1 nexthop dev a",
        "nexthop",
        MissingNextHop,
    ),
    ("default nexthop dev a dev b nexthop dev c", "dev", Repeated),
    (
        "default nexthop dev a weight 1 weight 2",
        "weight",
        Repeated,
    ),
    (
        "default nexthop dev a nexthop dev b metric 5",
        "metric",
        Unsupported("this word precedes the first 'nexthop'"),
    ),
    (
        "nexthop via 10.0.0.1 dev a weight 1",
        "nexthop",
        Unsupported(
            "this line continues a route; a line with its prefix and no next hop must precede it",
        ),
    ),
    (
        "blackhole 10.0.0.0/8 nexthop dev a nexthop dev b",
        "blackhole",
        UnexpectedNextHop,
    ),
    (
        "local 10.0.0.0/8 nexthop dev a nexthop dev b",
        "local",
        UnexpectedNextHop,
    ),
    (
        "2001:db8::/32 nexthop dev a nexthop via 10.0.0.1",
        "2001:db8::/32",
        GatewayFamily(Family::Inet6),
    ),
    ("10.0.0.0/8 nhid 0", "0", InvalidObject),
    ("10.0.0.0/8 nhid x", "x", InvalidObject),
    ("10.0.0.0/8 nhid 4294967296", "4294967296", InvalidObject),
    ("10.0.0.0/8 nhid 5 nhid 6", "nhid", Repeated),
    (
        "10.0.0.0/8 nhid",
        "nhid",
        MissingArgument("id of a nexthop"),
    ),
    ("nexthop add id 0 dev a", "0", InvalidObject),
    ("nexthop add dev a", "nexthop", MissingArgument("id")),
    ("nexthop add id 5", "nexthop", MissingContents),
    ("nexthop add id 5 dev a group 1", "nexthop", ManyContents),
    ("nexthop add id 5 blackhole dev a", "nexthop", ManyContents),
    (
        "nexthop add id 5 blackhole blackhole",
        "blackhole",
        Repeated,
    ),
    (
        "nexthop add id 5 via 0.0.0.0 dev a",
        "0.0.0.0",
        InvalidGateway,
    ),
    ("nexthop add id 5 group 1,0", "1,0", InvalidMember),
    ("nexthop add id 5 group 1,257", "1,257", InvalidMember),
    ("nexthop add id 5 group 1//2", "1//2", InvalidMember),
    ("nexthop add id 5 group 0/1", "0/1", InvalidMember),
    (
        "nexthop add id 5 group 1 type resilient",
        "resilient",
        Unsupported("groups have the type mpath"),
    ),
    (
        "nexthop add id 5 encap mpls 100 via 10.0.0.1 dev a",
        "encap",
        Unsupported("encapsulation is not supported"),
    ),
    (
        "nexthop add id 5 dev a fdb",
        "fdb",
        Unsupported("nexthops of bridges are not supported"),
    ),
    ("nexthop change id 5 dev a", "change", UnknownWord),
    ("nexthop del", "del", MissingArgument("id")),
    ("nexthop del 5", "5", UnknownWord),
    ("nexthop show dev a", "dev", UnknownWord),
    ("ip link", "link", UnknownWord),
    ("local 10.0.0.1 via 10.0.0.2", "local", UnexpectedNextHop),
    ("throw 10.0.0.0/8 dev a", "throw", UnexpectedNextHop),
    (
        "-6 route add 10.0.0.0/8 dev a",
        "10.0.0.0/8",
        InvalidAddress(Some(Family::Inet6)),
    ),
    ("get 300.1.1.1", "300.1.1.1", InvalidAddress(None)),
    ("get 10.1.1.0/24", "10.1.1.0/24", InvalidAddress(None)),
    ("get fe80::1%eth0", "fe80::1%eth0", InvalidAddress(None)),
    (
        "default via fe80::21bc6",
        "fe80::21bc6",
        InvalidAddress(None),
    ),
    (
        "10.0.0.0/8 dev a src 300.1.1.1",
        "300.1.1.1",
        InvalidAddress(None),
    ),
    ("10.0.0.0/8 dev a proto", "proto", MissingArgument("value")),
    ("del ::1 via 192.0.2.1", "::1", GatewayFamily(Family::Inet6)),
];

#[test]
fn an_invalid_line_is_rejected_with_the_word_at_fault() {
    for &(line, word, reason) in INVALID {
        assert_eq!(refusal(line), (word, reason), "{line}");
    }
}

#[test]
fn every_reason_is_tested() {
    let seen: BTreeSet<String> = INVALID
        .iter()
        .map(|(.., reason)| format!("{reason:?}"))
        .map(|reason| reason.split(['(', ' ']).next().unwrap().to_owned())
        .collect();
    // A new reason does not compile until it has an arm here and a test.
    let name = |reason: Reason| match reason {
        UnknownWord => "UnknownWord",
        MissingArgument(_) => "MissingArgument",
        Repeated => "Repeated",
        InvalidPrefix => "InvalidPrefix",
        InvalidAddress(_) => "InvalidAddress",
        InvalidFamily => "InvalidFamily",
        InvalidLength(_) => "InvalidLength",
        HostBits { .. } => "HostBits",
        InvalidNumber => "InvalidNumber",
        InvalidWeight => "InvalidWeight",
        InvalidDevice => "InvalidDevice",
        InvalidGateway => "InvalidGateway",
        InvalidObject => "InvalidObject",
        InvalidMember => "InvalidMember",
        MissingContents => "MissingContents",
        ManyContents => "ManyContents",
        Unsupported(_) => "Unsupported",
        MissingNextHop => "MissingNextHop",
        UnexpectedNextHop => "UnexpectedNextHop",
        GatewayFamily(_) => "GatewayFamily",
    };
    let named: BTreeSet<String> = INVALID
        .iter()
        .map(|(.., reason)| name(*reason).to_owned())
        .collect();
    assert_eq!(seen, named);
    assert_eq!(seen.len(), 20);
}

#[test]
fn each_reason_has_its_sentence() {
    for (line, sentence) in [
        (
            "frobnicate",
            "frobnicate: unknown word; 'help' lists the commands",
        ),
        ("add 10.0.0.0/8 dev a metric", "metric: number missing"),
        ("add 10.0.0.0/8 dev a dev b", "dev: given twice"),
        ("add x dev a", "x: not an IPv4 or IPv6 prefix"),
        ("get x", "x: not an IPv4 or IPv6 address"),
        ("add 10.0.0.0/8 via inet ::1", "::1: not an IPv4 address"),
        (
            "add 10.0.0.0/8 via inet6 1.1.1.1",
            "1.1.1.1: not an IPv6 address",
        ),
        ("flush x", "x: expected inet or inet6"),
        (
            "add 1.0.0.0/33 dev a",
            "1.0.0.0/33: expected a prefix length from 0 to 32",
        ),
        (
            "add ::/129 dev a",
            "::/129: expected a prefix length from 0 to 128",
        ),
        (
            "add 10.0.0.1/8 dev a",
            "10.0.0.1/8: host bits set; use 10.0.0.0/8",
        ),
        (
            "add ::/0 dev a metric x",
            "x: expected a number from 0 to 4294967295",
        ),
        (
            "add ::/0 dev a/b",
            "a/b: expected a device name: at most 15 characters, none of / : \\",
        ),
        (
            "add ::/0",
            "::/0: next hop missing; add via, dev or a type such as blackhole",
        ),
        (
            "add blackhole ::/0 dev a",
            "blackhole: a route of this type has no next hop",
        ),
        (
            "add 10.0.0.0/8 via ::1",
            "10.0.0.0/8: IPv6 gateway for an IPv4 prefix; use 'via inet6 ADDRESS'",
        ),
        (
            "add ::/8 via 1.1.1.1",
            "::/8: IPv4 gateway for an IPv6 prefix; use 'via inet ADDRESS'",
        ),
        ("add ::/8 via ::", "::: no gateway has this address"),
        (
            "add ::/8 dev a encap seg6",
            "encap: encapsulation is not supported",
        ),
    ] {
        assert_eq!(parse(line).unwrap_err().to_string(), sentence);
    }
}

#[test]
fn excerpts_of_long_words_are_cut_and_control_characters_escaped() {
    assert_eq!(Excerpt("eth0").to_string(), "eth0");
    assert_eq!(Excerpt("").to_string(), "");
    assert_eq!(Excerpt(&"x".repeat(64)).to_string(), "x".repeat(64));
    assert_eq!(Excerpt(&"x".repeat(65)).to_string(), "x".repeat(64) + "...");
    assert_eq!(
        Excerpt("a\x1b[31m\n\u{fc}").to_string(),
        "a\\u{1b}[31m\\n\\u{fc}"
    );
    assert_eq!(
        Excerpt(&"\u{fc}".repeat(100)).to_string(),
        "\\u{fc}".repeat(64) + "..."
    );
}

#[test]
fn help_lists_every_verb() {
    for verb in [
        "add", "change", "replace", "del", "flush", "begin", "reload", "commit", "abort", "get",
        "show", "stats", "help", "append", "prepend", "throw", "local",
    ] {
        assert!(HELP.contains(verb), "{verb}");
    }
    assert!(HELP.ends_with('\n'));
}

#[test]
fn the_parser_is_small_on_the_stack() {
    assert!(mem::size_of::<Command>() <= 128);
}

pub(super) fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
        // Mapped and compatible addresses have their own textual forms.
        any::<u32>().prop_map(|bits| IpAddr::V6(((0xffff << 32) | u128::from(bits)).into())),
        any::<u16>().prop_map(|bits| IpAddr::V6(u128::from(bits).into())),
    ]
}

fn any_prefix() -> impl Strategy<Value = Prefix> {
    (any_address(), 0..=128_u8).prop_map(|(address, len)| Prefix::network(address, len))
}

/// Returns device names that a line can contain; `#` starts a comment.
fn any_dev() -> impl Strategy<Value = DevName> {
    "[!-~&&[^/:#]]{1,15}".prop_filter_map("a name", |name| DevName::new(&name))
}

fn any_next_hop() -> impl Strategy<Value = NextHop> {
    let gateway = any_address().prop_filter("a gateway", |address| !address.is_unspecified());
    prop_oneof![
        (gateway, prop::option::of(any_dev())).prop_map(|(via, dev)| NextHop::Via(via, dev)),
        any_dev().prop_map(NextHop::Dev),
        Just(NextHop::Blackhole),
        Just(NextHop::Unreachable),
        Just(NextHop::Prohibit),
        Just(NextHop::Throw),
        prop::option::of(any_dev()).prop_map(NextHop::Local),
    ]
}

pub(super) fn any_route() -> impl Strategy<Value = Route> {
    (any_prefix(), any::<u32>(), any_next_hop()).prop_map(|(prefix, metric, next_hop)| Route {
        prefix,
        metric,
        next_hop,
    })
}

/// Returns a line of meaningful words in random order.
fn any_words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "add",
            "change",
            "replace",
            "del",
            "flush",
            "get",
            "show",
            "via",
            "dev",
            "metric",
            "proto",
            "src",
            "mtu",
            "table",
            "route",
            "to",
            "any",
            "local",
            "-6",
            "inet",
            "inet6",
            "default",
            "blackhole",
            "0",
            "4294967295",
            "#",
            "/",
            ":",
        ])
        .prop_map(str::to_owned),
        any_prefix().prop_map(|prefix| prefix.to_string()),
        any_address().prop_map(|address| address.to_string()),
        "[!-~]{1,20}",
    ];
    prop::collection::vec(word, 0..10).prop_map(|words| words.join(" "))
}

/// Asserts that a refusal names a word of the line and prints as one line.
fn check_refusal(line: &str) -> Result<(), TestCaseError> {
    if let Err(refusal) = parse(line) {
        prop_assert!(line.contains(refusal.word));
        let text = refusal.to_string();
        prop_assert!(
            text.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{}",
            text
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn random_text_does_not_panic_the_parser(line in any::<String>()) {
        check_refusal(&line)?;
    }

    #[test]
    fn random_bytes_do_not_panic_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..255)) {
        check_refusal(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn random_words_do_not_panic_the_parser(line in any_words()) {
        check_refusal(&line)?;
    }

    #[test]
    fn a_written_route_is_parsed_to_the_same_route(route in any_route()) {
        let text = route.to_string();
        prop_assert_eq!(parse(&text), Ok(Some(Command::Insert(Mode::Add, route))));
        let replace = format!("replace {text}");
        prop_assert_eq!(parse(&replace), Ok(Some(Command::Insert(Mode::Replace, route))));
        let Route { prefix, metric, next_hop } = route;
        let metric = (metric != 0).then_some(metric);
        let delete = format!("del {text}");
        let expected = Command::Delete(prefix, metric, Some(next_hop));
        prop_assert_eq!(parse(&delete), Ok(Some(expected)));
    }
}
