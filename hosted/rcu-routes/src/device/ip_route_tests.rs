// SPDX-License-Identifier: GPL-2.0

//! Text as iproute2's `print_route()` writes it: each kind of route and each option of `ip`.
//!
//! The lines follow the source of iproute2 6.x: the order of the words, the blanks and backslashes
//! between them, and the words in each line.

use super::command::{
    continuation::{can_continue, is_blank, is_note},
    legs::{check, is_leg, legs},
    parse, Command,
};
use crate::rcu_table::{NextHop, Route};

/// Joins lines as the device does. Returns the commands, or the first refusal.
fn commands(text: &str) -> Result<Vec<String>, String> {
    let mut all: Vec<String> = Vec::new();
    for line in text.lines() {
        let open = all
            .last_mut()
            .filter(|last| can_continue(first(last), &parse(first(last))));
        match open {
            Some(open) if is_leg(line) => {
                check(line).map_err(|refusal| refusal.to_string())?;
                open.push('\n');
                open.push_str(line);
            }
            Some(_) if is_note(line) => (),
            _ => all.push(line.to_owned()),
        }
    }
    let mut routes = Vec::new();
    for text in &all {
        let parsed = parse(text).map_err(|refusal| refusal.to_string())?;
        routes.extend(parsed.0.map(|command| route(&command, text)));
    }
    Ok(routes)
}

fn first(command: &str) -> &str {
    command.lines().next().unwrap_or("")
}

/// Returns the route in the device's form.
fn route(command: &Command, text: &str) -> String {
    match command {
        Command::Insert(_, route) => route.to_string(),
        Command::InsertNamed(_, route, id) => format!("{route} ({id})"),
        Command::InsertLegs(_, prefix, metric, id) => {
            let mut route = format!("{prefix} metric {metric}");
            for (next_hop, weight) in legs(text) {
                let leg = Route {
                    prefix: *prefix,
                    metric: 0,
                    next_hop,
                };
                let leg = leg.to_string();
                route += &format!(" |{} *{weight}", &leg[prefix.to_string().len()..]);
            }
            match id {
                Some(id) => format!("{route} ({id})"),
                None => route,
            }
        }
        other => panic!("{text:?} is {other:?}"),
    }
}

fn expect(text: &str, expected: &[&str]) {
    let expected: Vec<_> = expected.iter().map(|line| line.to_string()).collect();
    assert_eq!(commands(text), Ok(expected), "{text:?}");
}

#[test]
fn multipath_routes_have_a_line_for_each_leg() {
    expect(
        "default proto static metric 20 \n\
         \tnexthop via 10.0.0.1 dev eth0 weight 1 \n\
         \tnexthop via 10.0.1.1 dev eth1 weight 2 \n\
         10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.7 \n",
        &[
            "0.0.0.0/0 metric 20 | via 10.0.0.1 dev eth0 *1 | via 10.0.1.1 dev eth1 *2",
            "10.0.0.0/24 dev eth0",
        ],
    );
    // The preference precedes the legs, without a blank at its end.
    expect(
        "default proto ra metric 1024 expires 1797sec hoplimit 64 pref medium\n\
         \tnexthop via fe80::1 dev eth0 weight 1 \n\tnexthop via fe80::2 dev eth1 weight 1 \n",
        &["::/0 metric 1024 | via fe80::1 dev eth0 *1 | via fe80::2 dev eth1 *1"],
    );
    // Only the preference says that these tunnels lead to IPv6.
    expect(
        "default metric 1024 pref medium\n\tnexthop dev wg0 weight 1 \n\tnexthop dev wg1 weight 1 \n",
        &["::/0 metric 1024 | dev wg0 *1 | dev wg1 *1"],
    );
    expect(
        "10.9.0.0/16 proto bgp metric 20 \n\
         \tnexthop via inet6 fe80::2 dev swp1 weight 1 onlink \n\
         \tnexthop realm 5 via 10.0.0.1 realms 1/2 dev swp2 weight 256 dead linkdown \n",
        &["10.9.0.0/16 metric 20 | via inet6 fe80::2 dev swp1 *1 | via 10.0.0.1 dev swp2 *256"],
    );
    expect(
        "unicast 10.9.0.0/16 proto static scope global table main \n\tnexthop dev ppp0 weight 1 \n",
        &["10.9.0.0/16 dev ppp0"],
    );
}

#[test]
fn a_route_of_a_group_has_its_number_and_the_legs() {
    expect(
        "10.1.0.0/16 nhid 12 proto bgp metric 20 \n\
         \tnexthop via 10.0.0.1 dev swp1 weight 1 \n\tnexthop via 10.0.0.2 dev swp2 weight 1 \n",
        &["10.1.0.0/16 metric 20 | via 10.0.0.1 dev swp1 *1 | via 10.0.0.2 dev swp2 *1 (nhid 12)"],
    );
    // `ip -d` prints the object.
    expect(
        "unicast 10.1.0.0/16 nhid 12 proto bgp scope global metric 20 \n\
         \tnh_info id 12 group 10/11 scope global proto zebra \n\
         \tnexthop via 10.0.0.1 dev swp1 weight 1 \n\tnexthop via 10.0.0.2 dev swp2 weight 1 \n",
        &["10.1.0.0/16 metric 20 | via 10.0.0.1 dev swp1 *1 | via 10.0.0.2 dev swp2 *1 (nhid 12)"],
    );
    expect(
        "10.2.0.0/16 nhid 30 via 10.0.0.9 dev swp1 proto bgp metric 20 offload rt_offload \n",
        &["10.2.0.0/16 via 10.0.0.9 dev swp1 metric 20 (nhid 30)"],
    );
    expect(
        "10.3.0.0/16 nhid 31 proto 196 metric 20 \n",
        &["10.3.0.0/16 nhid 31 metric 20"],
    );
}

#[test]
fn oneline_has_backslashes_instead_of_newlines() {
    expect(
        "default proto static metric 20 \\\tnexthop via 10.0.0.1 dev eth0 weight 1 \
         \\\tnexthop via 10.0.1.1 dev eth1 weight 1 \n\
         default metric 1024 pref medium\\\tnexthop via fe80::1 dev eth0 weight 1 \
         \\\tnexthop via fe80::2 dev eth1 weight 1 \n",
        &[
            "0.0.0.0/0 metric 20 | via 10.0.0.1 dev eth0 *1 | via 10.0.1.1 dev eth1 *1",
            "::/0 metric 1024 | via fe80::1 dev eth0 *1 | via fe80::2 dev eth1 *1",
        ],
    );
}

#[test]
fn colors_surround_names_and_addresses() {
    expect(
        "default via \x1b[1;35m10.0.0.1 \x1b[0mdev \x1b[1;36meth0 \x1b[0mproto dhcp \
         src \x1b[1;35m10.0.0.7 \x1b[0mmetric 100 \n\
         \x1b[1;94m2001:db8::/64 \x1b[0mdev \x1b[36meth0 \x1b[0mproto kernel metric 256 pref medium\n\
         \x1b[1;35m10.1.0.0/16 \x1b[0mproto static \n\
         \tnexthop via \x1b[1;35m10.0.0.1 \x1b[0mdev eth0 weight 1 \n\
         \tnexthop via \x1b[1;35m10.0.0.2 \x1b[0mdev eth1 weight 1 \n",
        &[
            "0.0.0.0/0 via 10.0.0.1 dev eth0 metric 100",
            "2001:db8::/64 dev eth0 metric 256",
            "10.1.0.0/16 metric 0 | via 10.0.0.1 dev eth0 *1 | via 10.0.0.2 dev eth1 *1",
        ],
    );
}

#[test]
fn words_that_do_not_affect_forwarding_are_skipped() {
    for (line, meaning, skipped) in [
        // `ip -s -6 route`
        (
            "fe80::/64 dev eth0 proto kernel metric 256 users 1 used 3 age 20sec pref medium",
            "fe80::/64 dev eth0 metric 256",
            5,
        ),
        (
            "default via fe80::1 dev eth0 proto ra metric 1024 expires 1797sec mtu 1280 \
             hoplimit 64 pref high",
            "::/0 via fe80::1 dev eth0 metric 1024",
            5,
        ),
        (
            "unreachable default dev lo metric 4294967295 error 4294967183 pref medium",
            "unreachable ::/0 metric 4294967295",
            3,
        ),
        (
            "10.0.0.0/8 via 10.1.0.1 dev eth0 mtu lock 1400 advmss lock 1360 hoplimit lock 64 \
             rtt lock 300ms rttvar 75ms rto_min lock 5ms window 64240 cwnd lock 10 initcwnd 20 \
             initrwnd 20 ssthresh 100 reordering 3 quickack 1 fastopen_no_cookie 1 \
             congctl lock bbr ",
            "10.0.0.0/8 via 10.1.0.1 dev eth0",
            15,
        ),
        (
            "10.0.0.0/8 dev eth0 features ecn tcp_usec_ts features 0x5 ",
            "10.0.0.0/8 dev eth0",
            3,
        ),
        (
            "10.0.0.0/8 via 10.1.0.1 dev eth0 proto static realm cosmos/5 ttl-propogate disabled",
            "10.0.0.0/8 via 10.1.0.1 dev eth0",
            3,
        ),
        (
            "10.244.0.0/24 via 192.168.0.4 dev flannel.1 onlink trap rt_trap notify unresolved \
             pervasive offload_failed rt_offload_failed ",
            "10.244.0.0/24 via 192.168.0.4 dev flannel.1",
            8,
        ),
        // `ip route get`, without the address of the sender
        (
            "10.0.0.9 via 10.1.0.1 dev eth0 src 10.1.0.2 mark 0x10 uid 1000 ",
            "10.0.0.9/32 via 10.1.0.1 dev eth0",
            3,
        ),
        (
            "10.0.0.9 dev eth0 src 10.1.0.2 uid 0 \\    cache expires 599sec mtu 1400 ",
            "10.0.0.9/32 dev eth0",
            7,
        ),
        (
            "10.5.0.0/16 dev wg0 proto 186 scope link ",
            "10.5.0.0/16 dev wg0",
            2,
        ),
        (
            "blackhole 192.0.2.0/24 proto static metric 20 rt_offload ",
            "blackhole 192.0.2.0/24 metric 20",
            2,
        ),
        (
            "throw default proto static metric 50 ",
            "throw default metric 50",
            1,
        ),
        (
            "local 192.0.2.1 dev vrf-red table main proto kernel scope host src 192.0.2.1 ",
            "local 192.0.2.1/32 dev vrf-red",
            4,
        ),
    ] {
        let Ok((Some(expected), _)) = parse(meaning) else {
            panic!("{meaning} is no command");
        };
        assert_eq!(parse(line), Ok((Some(expected), skipped)), "{line}");
    }
    for (line, skipped) in [
        ("    cache ", 1),
        (
            "    cache <local,brd> users 2 age 3sec ipid 0x1234 iif eth0 ",
            10,
        ),
        ("\tnh_info id 12 group 10/11 type resilient buckets 512 ", 9),
    ] {
        assert_eq!(parse(line), Ok((None, skipped)), "{line}");
    }
}

#[test]
fn what_the_table_cannot_mean_is_refused_by_name() {
    for (text, sentence) in [
        (
            "10.0.0.0/8  encap mpls  100/200 via 10.1.0.1 dev eth0 ",
            "encap: encapsulation is not supported",
        ),
        (
            "10.0.0.0/8  encap ip id 100 src 0.0.0.0 dst 10.9.9.9 ttl 0 tos 0 dev vxlan0 ",
            "encap: encapsulation is not supported",
        ),
        (
            "fc00::/64  encap seg6 mode encap segs 1 [ fc00::1 ] dev eth0 metric 1024 pref medium",
            "encap: encapsulation is not supported",
        ),
        (
            "10.0.0.0/8 proto bgp \n\tnexthop  encap mpls  16 via 10.1.0.1 dev eth0 weight 1 \n",
            "encap: encapsulation is not supported",
        ),
        (
            "10.0.0.0/8 tos lowdelay via 10.1.0.1 dev eth0 ",
            "tos: routes by type of service are not supported",
        ),
        (
            "10.0.0.0/8 as to 10.9.9.9 via 10.1.0.1 dev eth0 ",
            "as: translation of the destination is not supported",
        ),
        (
            "default from 2001:db8::/48 via fe80::1 dev eth0 metric 1024 pref medium",
            "from: routes by source address are not supported",
        ),
        (
            "10.0.0.9 dev eth0 iif eth1 ",
            "iif: routes by input device are not supported",
        ),
        (
            "broadcast 10.0.0.255 dev eth0 table local proto kernel scope link src 10.0.0.1 ",
            "broadcast: not supported; use unicast, local or a discarding type",
        ),
        (
            "anycast 2001:db8:: dev eth0 table local proto kernel metric 0 pref medium",
            "anycast: not supported; use unicast, local or a discarding type",
        ),
        (
            "multicast ff00::/8 dev eth0 table local proto kernel metric 256 pref medium",
            "multicast: not supported; use unicast, local or a discarding type",
        ),
        (
            "nat 192.0.2.0/24 via 10.0.0.0 scope host ",
            "nat: not supported; use unicast, local or a discarding type",
        ),
        (
            "100 as to 200 via inet 10.0.0.1 dev eth0 proto static ",
            "100: not an IPv4 or IPv6 prefix",
        ),
        (
            "10.0.0.0/8 via mpls 100 dev eth0 ",
            "mpls: not an IPv4 or IPv6 address",
        ),
        (
            "[{\"dst\":\"default\",\"gateway\":\"10.0.0.1\",\"flags\":[]}]",
            "[{\"dst\":\"default\",\"gateway\":\"10.0.0.1\",\"flags\":[]}]: this is JSON, which \
             'rcuctl route import' reads",
        ),
        (
            "\tnexthop via 10.0.0.1 dev eth0 weight 1 ",
            "nexthop: this line continues a route; a line with its prefix and no next hop must \
             precede it",
        ),
        (
            "default proto static metric 20 \n10.0.0.0/8 dev eth0 \n",
            "default: next hop missing; add via, dev or a type such as blackhole",
        ),
        (
            "default proto static \n\tnexthop weight 1 \n",
            "nexthop: next hop missing; add via, dev or a type such as blackhole",
        ),
        (
            "default \n\tnexthop via 10.0.0.1 weight 1 \n\tnexthop via fe80::1 dev a weight 1 \n",
            "nexthop: gateways of two families; use 'via inet ADDRESS' or 'via inet6 ADDRESS'",
        ),
    ] {
        assert_eq!(commands(text), Err(sentence.to_owned()), "{text:?}");
    }
}

#[test]
fn lines_of_a_batch_file_are_read() {
    for (line, meaning) in [
        (
            "route add 10.0.0.0/8 via 10.1.0.1 table main",
            "add 10.0.0.0/8 via 10.1.0.1",
        ),
        (
            "-6 route append default via fe80::1 dev a",
            "add ::/0 via fe80::1 dev a",
        ),
        (
            "nexthop add id 5 via 10.0.0.1 dev a onlink",
            "nexthop add id 5 via 10.0.0.1 dev a",
        ),
        ("ro del 10/8", "del 10.0.0.0/8"),
    ] {
        let (found, expected) = (parse(line), parse(meaning));
        assert_eq!(
            found.map(|(command, _)| command),
            expected.map(|(command, _)| command)
        );
    }
}

#[test]
fn a_route_has_at_most_256_legs() {
    let line = |count| format!("10.0.0.0/8{}", "\n\tnexthop dev a weight 1 ".repeat(count));
    let text = line(256);
    assert!(matches!(
        parse(&text),
        Ok((Some(Command::InsertLegs(..)), 0))
    ));
    assert!(legs(&text).eq([(
        NextHop::Dev(crate::rcu_table::DevName::new("a").unwrap()),
        1
    ); 256]));
    let text = line(257);
    let refusal = parse(&text).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "nexthop: a route has at most 256 next hops"
    );
}

#[test]
fn only_a_route_without_verb_and_next_hop_can_continue() {
    for (line, can) in [
        ("default proto static", true),
        ("10.0.0.0/8", true),
        ("unicast 10.0.0.0/8 metric 5", true),
        ("10.0.0.0/8 nhid 5", true),
        ("add 10.0.0.0/8", false),
        ("10.0.0.0/8 dev a", false),
        ("10.0.0.0/8 nhid 5 dev a", false),
        ("blackhole 10.0.0.0/8", false),
        ("10.0.0.0/8 nexthop weight 1", false),
        ("add 10.0.0.0/8 nhid 5", false),
        ("del 10.0.0.0/8", false),
        ("nexthop add id 5", false),
        ("10.0.0.1/8", false),
        ("", false),
    ] {
        assert_eq!(can_continue(line, &parse(line)), can, "{line}");
    }
    for (line, leg) in [
        ("\tnexthop via 10.0.0.1", true),
        ("nexthop dev a weight 1", true),
        ("nexthop  encap mpls 100", true),
        ("nexthop", false),
        ("nexthop add id 5 dev a", false),
        ("nexthop show", false),
        ("10.0.0.0/8 nexthop dev a", false),
    ] {
        assert_eq!(is_leg(line), leg, "{line}");
    }
}

#[test]
fn a_comment_or_a_blank_line_is_blank() {
    for (line, blank) in [
        ("", true),
        (" \t\r", true),
        ("# add 10.0.0.0/8", true),
        ("\t#", true),
        ("stats # comment", false),
        ("cache", false),
        ("\\", false),
    ] {
        assert_eq!(is_blank(line), blank, "{line:?}");
    }
}
