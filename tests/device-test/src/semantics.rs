// SPDX-License-Identifier: GPL-2.0

//! Routes: their text, which route serves an address, and which route a change names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::errno::Errno;

use crate::{
    device::{self, expect_table, Device, Stats},
    model::{invert, Key, Model, Update},
    random::Random,
    routes,
    tap::{ensure, equal, same_text, Group, Outcome, Test},
};

/// Test name, line, and the table after this line.
#[rustfmt::skip]
const FORMS: &[(&str, &str, &str)] = &[
    ("add", "add 10.0.0.0/8 via 192.0.2.1", "10.0.0.0/8 via 192.0.2.1\n"),
    ("bare route", "10.0.0.0/8 via 192.0.2.1", "10.0.0.0/8 via 192.0.2.1\n"),
    ("via inet", "10.0.0.0/8 via inet 192.0.2.1", "10.0.0.0/8 via 192.0.2.1\n"),
    ("via inet6 for IPv4", "10.0.0.0/8 via inet6 fe80::1", "10.0.0.0/8 via inet6 fe80::1\n"),
    ("via inet for IPv6", "2001:db8::/32 via inet 192.0.2.1", "2001:db8::/32 via inet 192.0.2.1\n"),
    ("via inet6 for IPv6", "2001:db8::/32 via inet6 fe80::1", "2001:db8::/32 via fe80::1\n"),
    ("device without a gateway", "10.0.0.0/8 dev eth0", "10.0.0.0/8 dev eth0\n"),
    ("gateway and device", "10.0.0.0/8 via 192.0.2.1 dev e", "10.0.0.0/8 via 192.0.2.1 dev e\n"),
    ("attributes in any order", "::/1 metric 7 dev e via fe80::1", "::/1 via fe80::1 dev e metric 7\n"),
    ("metric 0", "10.0.0.0/8 dev e metric 0", "10.0.0.0/8 dev e\n"),
    ("largest metric", "10.0.0.0/8 dev e metric 4294967295", "10.0.0.0/8 dev e metric 4294967295\n"),
    ("device of 15 bytes", "10.0.0.0/8 dev abcdefghijklmno", "10.0.0.0/8 dev abcdefghijklmno\n"),
    ("device with punctuation", "10.0.0.0/8 dev br-0.1@x_y", "10.0.0.0/8 dev br-0.1@x_y\n"),
    ("device named like a keyword", "10.0.0.0/8 dev metric metric 1", "10.0.0.0/8 dev metric metric 1\n"),
    ("blackhole", "blackhole 10.0.0.0/8", "blackhole 10.0.0.0/8\n"),
    ("add unreachable", "add unreachable 10.0.0.0/8 metric 9", "unreachable 10.0.0.0/8 metric 9\n"),
    ("prohibit for IPv6", "prohibit 2001:db8::/32", "prohibit 2001:db8::/32\n"),
    ("replace of an absent route", "replace 10.0.0.0/8 dev e", "10.0.0.0/8 dev e\n"),
    ("IPv4 host without a length", "10.1.2.3 dev e", "10.1.2.3/32 dev e\n"),
    ("IPv6 host without a length", "2001:db8::1 dev e", "2001:db8::1/128 dev e\n"),
    ("blackhole of a host", "blackhole 10.1.2.3", "blackhole 10.1.2.3/32\n"),
    ("default via an IPv4 gateway", "default via 192.0.2.1", "0.0.0.0/0 via 192.0.2.1\n"),
    ("default via an IPv6 gateway", "default via fe80::1", "::/0 via fe80::1\n"),
    ("default via inet6", "default via inet6 fe80::1", "0.0.0.0/0 via inet6 fe80::1\n"),
    ("default through a device", "default dev eth0", "0.0.0.0/0 dev eth0\n"),
    ("blackhole default", "add blackhole default", "blackhole 0.0.0.0/0\n"),
    ("IPv6 with capitals and leading zeros", "2001:0DB8:0:0::/32 dev e", "2001:db8::/32 dev e\n"),
    ("IPv4-mapped IPv6", "::ffff:10.0.0.0/104 dev e", "::ffff:10.0.0.0/104 dev e\n"),
    ("tabs and blanks", "\t add\t\t10.0.0.0/8  dev \t e \t", "10.0.0.0/8 dev e\n"),
    ("carriage return at the end", "10.0.0.0/8 dev e\r", "10.0.0.0/8 dev e\n"),
    ("comment after a route", "10.0.0.0/8 dev e # via 192.0.2.1", "10.0.0.0/8 dev e\n"),
    ("comment without a blank", "10.0.0.0/8 dev e#comment", "10.0.0.0/8 dev e\n"),
    ("comment only", "# 10.0.0.0/8 dev e", ""),
    ("blanks only", " \t \r", ""),
    ("empty line", "", ""),
];

/// Checks that the line makes the expected table, and that the dump can be written back.
fn check_form(line: &str, expected: &str) -> Outcome {
    equal(
        "the answer",
        device::run(format!("{line}\n"))?,
        String::new(),
    )?;
    expect_table(expected)?;
    for verb in ["replace", "change"] {
        device::run(routes::with_verb(verb, expected))?;
        expect_table(expected)?;
    }
    device::flush()?;
    device::run(expected)?;
    expect_table(expected)?;
    device::run(routes::with_verb("del", expected))?;
    expect_table("")
}

/// Adds a prefix of every length around `address`, and checks which one serves.
fn check_nested(address: IpAddr, bits: u8) -> Outcome {
    let keys: Vec<_> = (0..=bits)
        .map(|len| Key::covering(address, len, 0))
        .collect();
    let line = |len: u8| keys[usize::from(len)].line(&format!("dev d{len}"));
    let device = Device::open()?;
    for len in (0..=bits).rev() {
        device.write_all(line(len))?;
    }
    for len in 0..=bits {
        let other = if len == bits {
            address
        } else {
            invert(address, len)
        };
        let answer = device.query(format!("get {other}\n"))?;
        same_text(format!("get {other}"), &answer, &line(len))?;
    }
    for len in (0..=bits).rev() {
        let answer = device.query(format!("get {address}\n"))?;
        same_text(
            format!("get {address} with /{len} as the longest"),
            &answer,
            &line(len),
        )?;
        device.write_all(format!("del {}\n", keys[usize::from(len)].prefix()))?;
    }
    equal(
        "get from an empty table",
        device.write(format!("get {address}\n")),
        Err(Errno::ENETUNREACH),
    )?;
    ensure("stats count no object", Stats::now()?.get("objects")? == 0)
}

fn nested_inet() -> Outcome {
    check_nested(Ipv4Addr::new(170, 85, 204, 51).into(), 32)?;
    check_nested(Ipv4Addr::UNSPECIFIED.into(), 32)?;
    check_nested(Ipv4Addr::BROADCAST.into(), 32)
}

fn nested_inet6() -> Outcome {
    check_nested(
        Ipv6Addr::new(0x2001, 0xdb8, 0xaa55, 0xcc33, 0x0f0f, 1, 2, 3).into(),
        128,
    )?;
    check_nested(Ipv6Addr::from_bits(u128::MAX).into(), 128)
}

/// A route serves only its own family, even if addresses of the other family have equal bits.
fn families_apart() -> Outcome {
    device::run("default dev a\n32.1.13.184/32 dev b\n")?;
    let device = Device::open()?;
    equal(
        "get of IPv6",
        device.write("get 2001:db8::\n"),
        Err(Errno::ENETUNREACH),
    )?;
    equal(
        "get of mapped IPv4",
        device.write("get ::ffff:32.1.13.184\n"),
        Err(Errno::ENETUNREACH),
    )?;
    device::run("::/0 dev c\n2001:db8::/32 dev d\n")?;
    device.answers()?;
    same_text(
        "get 32.1.13.184",
        &device.query("get 32.1.13.184\n")?,
        "32.1.13.184/32 dev b\n",
    )?;
    same_text(
        "get 2001:db8::",
        &device.query("get 2001:db8::\n")?,
        "2001:db8::/32 dev d\n",
    )?;
    device.write_all("flush inet\n")?;
    expect_table("::/0 dev c\n2001:db8::/32 dev d\n")?;
    device::run("default dev a\nflush inet6\n")?;
    expect_table("0.0.0.0/0 dev a\n")?;
    device::run("::/0 dev c\nflush\n")?;
    expect_table("")
}

/// The lowest metric serves whatever the order of the adds.
fn delete_reveals_the_next_metric() -> Outcome {
    let device = Device::open()?;
    device
        .write_all("10.0.0.0/8 dev c metric 30\n10.0.0.0/8 dev a\n10.0.0.0/8 dev b metric 20\n")?;
    let lines = [
        "10.0.0.0/8 dev a\n",
        "10.0.0.0/8 dev b metric 20\n",
        "10.0.0.0/8 dev c metric 30\n",
    ];
    for line in lines {
        same_text("get", &device.query("get 10.0.0.1\n")?, line)?;
        device.write_all("del 10.0.0.0/8\n")?;
    }
    equal(
        "get from an empty table",
        device.write("get 10.0.0.1\n"),
        Err(Errno::ENETUNREACH),
    )
}

fn delete_matches_metric_and_next_hop() -> Outcome {
    const ROUTES: &str = "\
10.0.0.0/8 via 192.0.2.1
10.0.0.0/8 via 192.0.2.2 dev eth0 metric 5
10.0.0.0/8 dev eth1 metric 6
blackhole 10.0.0.0/8 metric 7
10.0.0.0/8 via 192.0.2.1 metric 8
";
    let rows = [
        ("del 10.0.0.0/8", 0),
        ("del 10.0.0.0/8 via 192.0.2.1", 0),
        ("delete 10.0.0.0/8 metric 0", 0),
        ("del 10.0.0.0/8 via 192.0.2.2 dev eth0", 1),
        ("del 10.0.0.0/8 dev eth1", 2),
        ("del 10.0.0.0/8 metric 6", 2),
        ("del blackhole 10.0.0.0/8", 3),
        ("del 10.0.0.0/8 metric 8 via 192.0.2.1", 4),
    ];
    for (command, index) in rows {
        device::flush()?;
        device::run(format!("{ROUTES}{command}\n"))?;
        let left = ROUTES
            .split_inclusive('\n')
            .enumerate()
            .filter(|(at, _)| *at != index);
        let left: String = left.map(|(_, line)| line).collect();
        same_text(format!("after {command}"), &device::dump()?, &left)?;
    }
    Ok(())
}

fn change_and_replace() -> Outcome {
    device::run("10.0.0.0/8 dev a\n10.0.0.0/8 dev b metric 5\n")?;
    device::run("change 10.0.0.0/8 via 192.0.2.1\n")?;
    expect_table("10.0.0.0/8 via 192.0.2.1\n10.0.0.0/8 dev b metric 5\n")?;
    device::run("replace blackhole 10.0.0.0/8 metric 5\nreplace 10.0.0.0/8 dev d metric 6\n")?;
    expect_table(
        "10.0.0.0/8 via 192.0.2.1\nblackhole 10.0.0.0/8 metric 5\n10.0.0.0/8 dev d metric 6\n",
    )?;
    equal("next hops in use", Stats::now()?.get("next_hops")?, 3)?;
    equal("routes", Stats::now()?.get("routes_inet")?, 3)
}

fn next_hops_are_shared() -> Outcome {
    let next_hops = || Stats::now()?.get("next_hops");
    device::run("10.0.0.0/8 dev a\n10.1.0.0/16 dev a\n::/0 dev a\n::/1 via fe80::1 dev a\n")?;
    equal("next hops of four routes", next_hops()?, 2)?;
    device::run("del 10.0.0.0/8\ndel ::/0\nreplace ::/1 dev a\n")?;
    equal("next hops of two routes", next_hops()?, 1)?;
    device::run("blackhole 11.0.0.0/8\nflush inet\n")?;
    equal("next hops after a flush of IPv4", next_hops()?, 1)?;
    device::run("flush\n")?;
    equal("next hops after a flush", next_hops()?, 0)
}

fn stats_count_routes_and_changes() -> Outcome {
    let before = Stats::now()?;
    device::run("10.0.0.0/8 dev a\n10.0.0.0/8 dev a metric 1\n::1 dev b\n")?;
    let after = Stats::now()?;
    equal("IPv4 routes", after.get("routes_inet")?, 2)?;
    equal("IPv6 routes", after.get("routes_inet6")?, 1)?;
    equal("pairs of next hop and metric", after.get("next_hops")?, 3)?;
    equal(
        "changes",
        after.get("generation")? - before.get("generation")?,
        3,
    )?;
    ensure(
        "objects have bytes",
        after.get("bytes")? > 8 * after.get("objects")?,
    )?;
    device::run("get 10.0.0.1\nshow\nstats\nhelp\n")?;
    equal(
        "the generation after queries",
        Stats::now()?.get("generation")?,
        after.get("generation")?,
    )
}

fn help_lists_the_commands() -> Outcome {
    let help = device::run("help\n")?;
    ensure("help ends with a newline", help.ends_with('\n'))?;
    for verb in [
        "add", "change", "replace", "del", "flush", "get", "show", "stats", "help",
    ] {
        let named = |word: &str| word.trim_matches(['[', ']']) == verb;
        let mut first_words = help
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        ensure(
            format!("help has a line for {verb}"),
            first_words.any(named),
        )?;
    }
    Ok(())
}

/// Saves a table with every kind of route, and loads it again in several ways.
fn dump_can_be_loaded() -> Outcome {
    let shown = FORMS.iter().flat_map(|(_, _, shown)| shown.lines());
    let mut routes = 0;
    for (route, metric) in shown.zip(1..) {
        let without = route
            .rsplit_once(" metric ")
            .map_or(route, |(without, _)| without);
        device::run(format!("{without} metric {metric}\n"))?;
        routes = metric;
    }
    let saved = device::dump()?;
    equal("lines of the table", saved.lines().count(), routes)?;
    device::run(routes::with_verb("replace", &saved))?;
    expect_table(&saved)?;
    device::flush()?;
    device::run(&saved)?;
    expect_table(&saved)?;
    device::run(routes::with_verb("del", &saved))?;
    equal("objects left", Stats::now()?.get("objects")?, 0)
}

/// Chooses an address. All addresses have few different octets, so that prefixes nest.
fn random_address(random: &mut Random) -> IpAddr {
    let mut octet = || [0x00, 0x0f, 0x80, 0xff, 0x5a][random.below(5)];
    match octet() {
        0 | 0x80 => Ipv4Addr::new(octet(), octet(), octet(), octet()).into(),
        _ => {
            let words = [octet(), octet(), 0, octet(), 0, 0, 0, octet()].map(u16::from);
            Ipv6Addr::from(words.map(|word| word.rotate_right(4))).into()
        }
    }
}

fn random_update(random: &mut Random) -> Update {
    const NEXT_HOPS: [&str; 5] = ["dev d0", "dev d1", "dev d2", "dev d3", "dev d4"];
    let address = random_address(random);
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let key = Key::covering(
        address,
        random.below(bits + 1) as u8,
        random.below(2) as u32,
    );
    let next_hop = NEXT_HOPS[random.below(NEXT_HOPS.len())];
    match random.below(8) {
        0..4 => Update::Add(key, next_hop),
        4 => Update::Change(key, next_hop),
        5 => Update::Replace(key, next_hop),
        _ => Update::Delete(key),
    }
}

/// Makes a random change and a random lookup in the device and in the model, and compares them.
fn check_random_step(random: &mut Random, model: &mut Model, device: &Device) -> Outcome {
    let update = random_update(random);
    let command = update.command() + "\n";
    let expected = model.apply(&update).map(|()| command.len());
    equal(&command, device.write(&command), expected)?;
    device.answers()?;
    let address = random_address(random);
    let get = format!("get {address}\n");
    let expected = model.get(address);
    match device.write(&get) {
        Ok(_) => equal(&get, Ok(device.answers()?), expected),
        Err(errno) => equal(&get, Err(errno), expected).and(device.answers().map(drop)),
    }
}

fn agrees_with_a_naive_table() -> Outcome {
    let mut random = Random::new(0x2545_f491_4f6c_dd1d);
    let mut model = Model::default();
    let device = Device::open()?;
    for _ in 0..10 {
        for _ in 0..100 {
            check_random_step(&mut random, &mut model, &device)?;
        }
        same_text("the table", &device::dump()?, &model.show(None).concat())?;
    }
    Ok(())
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("the longest of all IPv4 prefixes serves", nested_inet),
    ("the longest of all IPv6 prefixes serves", nested_inet6),
    ("a route serves its own family only", families_apart),
    ("deleting the lowest metric reveals the next", delete_reveals_the_next_metric),
    ("del matches metric and next hop", delete_matches_metric_and_next_hop),
    ("change and replace replace the next hop", change_and_replace),
    ("next hops are counted once and freed with their last route", next_hops_are_shared),
    ("stats count routes, next hops and changes", stats_count_routes_and_changes),
    ("help lists the commands", help_lists_the_commands),
    ("a dump can be loaded again", dump_can_be_loaded),
    ("1,000 random changes and lookups agree with a naive table", agrees_with_a_naive_table),
];

pub fn tests() -> Vec<Test> {
    let forms = FORMS.iter();
    let mut tests: Vec<Test> = forms
        .map(|(name, line, shown)| Test::new(format!("form: {name}"), || check_form(line, shown)))
        .collect();
    tests.extend(Test::group("route", TESTS));
    tests
}
