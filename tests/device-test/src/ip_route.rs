// SPDX-License-Identifier: GPL-2.0

//! The text that `ip route` prints, and files for `ip -batch`: written to the device as they are.

use nix::errno::Errno;

use crate::{
    device::{self, dump, expect_table, Device, Stats},
    tap::{equal, same_text, Group, Outcome, Test},
};

/// Files of real machines, each with its number of routes and of informational words.
const FILES: &[(&str, &str, usize, u64)] = &[
    (
        "laptop-vpn",
        include_str!("../../../tools/rcuctl/tests/routes/laptop-vpn.txt"),
        9,
        16,
    ),
    (
        "workstation",
        include_str!("../../../tools/rcuctl/tests/routes/workstation.txt"),
        5,
        12,
    ),
    (
        "kubernetes-cilium",
        include_str!("../../../tools/rcuctl/tests/routes/kubernetes-cilium.txt"),
        9,
        17,
    ),
    (
        "kubernetes-calico",
        include_str!("../../../tools/rcuctl/tests/routes/kubernetes-calico.txt"),
        12,
        18,
    ),
    (
        "containers",
        include_str!("../../../tools/rcuctl/tests/routes/containers.txt"),
        9,
        16,
    ),
    (
        "frr-kernel",
        include_str!("../../../tools/rcuctl/tests/routes/frr-kernel.txt"),
        3,
        8,
    ),
    (
        "vrf-inet6",
        include_str!("../../../tools/rcuctl/tests/routes/vrf-inet6.txt"),
        1,
        2,
    ),
];

/// A file reads back in the device's form. Writing that form gives the same table.
fn files_of_real_machines() -> Outcome {
    for &(name, text, routes, words) in FILES {
        device::flush()?;
        let before = Stats::now()?.get("skipped_words")?;
        equal(
            format!("messages for {name}"),
            device::run(text)?,
            String::new(),
        )?;
        let skipped = Stats::now()?.get("skipped_words")? - before;
        equal(format!("informational words of {name}"), skipped, words)?;
        let table = dump()?;
        equal(format!("routes of {name}"), table.lines().count(), routes)?;
        device::flush()?;
        device::run(&table)?;
        equal(
            "words skipped in the device's form",
            Stats::now()?.get("skipped_words")?,
            before + words,
        )?;
        same_text(format!("{name} after a second write"), &dump()?, &table)?;
    }
    Ok(())
}

/// The routes of a laptop, in full.
fn routes_of_a_laptop() -> Outcome {
    device::run(FILES[0].1)?;
    expect_table(
        "0.0.0.0/0 via 192.168.42.129 dev enp0s20f0u1 metric 20100\n\
         0.0.0.0/0 via 192.168.102.1 dev wlp4s0 metric 20600\n\
         10.8.8.0/24 dev tun0\n\
         128.0.0.0/1 via 10.8.8.1 dev tun0\n\
         169.254.0.0/16 dev docker_gwbridge metric 1000\n\
         172.19.0.0/16 dev br-ad809486928f\n\
         192.168.42.0/24 dev enp0s20f0u1 metric 100\n\
         192.168.102.0/24 dev wlp4s0 metric 600\n\
         198.51.100.7/32 via 192.168.42.129 dev enp0s20f0u1\n",
    )
}

fn batch_file() -> Outcome {
    device::run(
        "route add 10/8 via 192.0.2.1\n\
         route append 10.1.0.0/255.255.0.0 dev a priority 0x10\n\
         -6 route add default dev b proto static\n\
         route replace to unicast 10/8 dev c mtu lock 1400\n\
         ip route add throw 192.0.2.0/24\n\
         ip route add local 198.51.100.1 dev lo scope host\n\
         ip route add 203.0.113.0/24 nexthop via 192.0.2.1 dev a weight 9\n\
         ip -4 route del 10.1/16\n",
    )?;
    expect_table(
        "10.0.0.0/8 dev c\nthrow 192.0.2.0/24\nlocal 198.51.100.1/32 dev lo\n\
         203.0.113.0/24 via 192.0.2.1 dev a\n::/0 dev b\n",
    )
}

/// Lines that the device refuses, each with the message.
#[rustfmt::skip]
const REFUSED: &[(&str, &str)] = &[
    ("get 300.1.1.1", "300.1.1.1: not an IPv4 or IPv6 address"),
    ("get 10.1.1.0/24", "10.1.1.0/24: not an IPv4 or IPv6 address"),
    ("get fe80::1%eth0", "fe80::1%eth0: not an IPv4 or IPv6 address"),
    ("default via fe80::21bc6", "fe80::21bc6: not an IPv4 or IPv6 address"),
    ("10.0.0.0/8 dev a metric -1", "-1: expected a number from 0 to 4294967295"),
    ("10.0.0.0/08 dev a", "10.0.0.0/08: expected a prefix length from 0 to 32"),
    ("10.0.0.0/8 via 0.0.0.0", "0.0.0.0: no gateway has this address"),
    ("\u{feff}10.0.0.0/8 dev a", "the line starts with a UTF-8 byte order mark; save the file without it"),
    ("add default proto static metric 20", "default: next hop missing; add via, dev or a type such as blackhole"),
    ("nexthop via 10.0.0.1 dev a weight 1", "nexthop: this line continues a route; a line with its prefix and no next hop must precede it"),
    ("default via 10.0.0.1 nexthop via 10.0.0.2", "nexthop: via and dev follow 'nexthop' in a route of several next hops"),
    ("10.0.0.0/8 dev a weight 1", "weight: a weight follows 'nexthop'"),
    ("add 10.0.0.0/8 nhid 7 proto bgp", "10.0.0.0/8: Nexthop id does not exist"),
    ("10.0.0.0/8 dev a table 100", "100: there is one table, 'main'"),
    ("10.0.0.0/8 dev a tos 0x10", "tos: routes by type of service are not supported"),
    ("2001:db8::/32 from ::/0 dev a", "from: routes by source address are not supported"),
    ("10.0.0.0/8 encap mpls 100 dev a", "encap: encapsulation is not supported"),
    ("broadcast 10.0.0.255 dev a", "broadcast: not supported; use unicast, local or a discarding type"),
    ("10.0.0.0/8 dev a unheard-of 1", "unheard-of: unknown word; 'help' lists the commands"),
];

fn refusals_name_the_word() -> Outcome {
    for (line, message) in REFUSED {
        let device = Device::open()?;
        equal(
            format!("write() of '{line}'"),
            device.write(format!("{line}\n")),
            Err(Errno::EINVAL),
        )?;
        same_text(
            format!("the message for '{line}'"),
            &device.answers()?,
            &format!("line 1: {message}\n"),
        )?;
    }
    expect_table("")
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("files of real machines read back in the device's form", files_of_real_machines),
    ("the routes of a laptop keep gateway, device and metric", routes_of_a_laptop),
    ("a file for ip -batch changes the table", batch_file),
    ("a refusal names the word", refusals_name_the_word),
];

pub fn tests() -> Vec<Test> {
    Test::group("ip route", TESTS)
}
