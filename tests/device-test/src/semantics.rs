// SPDX-License-Identifier: GPL-2.0

//! What routes mean: which one serves, which ones are the same, how they are written and shown.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::errno::Errno;

use crate::{
    device::{self, table_is, Device, Stats},
    model::{invert, Key, Model},
    routes,
    tap::{ensure, equal, same_text, During, Outcome, Test},
};

/// Lines and what the table is after them alone.
#[rustfmt::skip]
const FORMS: &[(&str, &str, &str)] = &[
    ("add", "add 10.0.0.0/8 via 192.0.2.1", "10.0.0.0/8 via 192.0.2.1\n"),
    ("bare route", "10.0.0.0/8 via 192.0.2.1", "10.0.0.0/8 via 192.0.2.1\n"),
    ("via inet", "10.0.0.0/8 via inet 192.0.2.1", "10.0.0.0/8 via 192.0.2.1\n"),
    ("via inet6 for IPv4", "10.0.0.0/8 via inet6 fe80::1", "10.0.0.0/8 via inet6 fe80::1\n"),
    ("via inet for IPv6", "2001:db8::/32 via inet 192.0.2.1", "2001:db8::/32 via inet 192.0.2.1\n"),
    ("via inet6 for IPv6", "2001:db8::/32 via inet6 fe80::1", "2001:db8::/32 via fe80::1\n"),
    ("device alone", "10.0.0.0/8 dev eth0", "10.0.0.0/8 dev eth0\n"),
    ("gateway and device", "10.0.0.0/8 via 192.0.2.1 dev e", "10.0.0.0/8 via 192.0.2.1 dev e\n"),
    ("attributes in any order", "::/1 metric 7 dev e via fe80::1", "::/1 via fe80::1 dev e metric 7\n"),
    ("metric 0", "10.0.0.0/8 dev e metric 0", "10.0.0.0/8 dev e\n"),
    ("largest metric", "10.0.0.0/8 dev e metric 4294967295", "10.0.0.0/8 dev e metric 4294967295\n"),
    ("device of 15 bytes", "10.0.0.0/8 dev abcdefghijklmno", "10.0.0.0/8 dev abcdefghijklmno\n"),
    ("device with signs", "10.0.0.0/8 dev br-0.1@x_y", "10.0.0.0/8 dev br-0.1@x_y\n"),
    ("device named like a word", "10.0.0.0/8 dev metric metric 1", "10.0.0.0/8 dev metric metric 1\n"),
    ("blackhole", "blackhole 10.0.0.0/8", "blackhole 10.0.0.0/8\n"),
    ("add unreachable", "add unreachable 10.0.0.0/8 metric 9", "unreachable 10.0.0.0/8 metric 9\n"),
    ("prohibit for IPv6", "prohibit 2001:db8::/32", "prohibit 2001:db8::/32\n"),
    ("replace of nothing", "replace 10.0.0.0/8 dev e", "10.0.0.0/8 dev e\n"),
    ("IPv4 host by its address", "10.1.2.3 dev e", "10.1.2.3/32 dev e\n"),
    ("IPv6 host by its address", "2001:db8::1 dev e", "2001:db8::1/128 dev e\n"),
    ("blackhole of a host", "blackhole 10.1.2.3", "blackhole 10.1.2.3/32\n"),
    ("default of a gateway", "default via 192.0.2.1", "0.0.0.0/0 via 192.0.2.1\n"),
    ("default of an IPv6 gateway", "default via fe80::1", "::/0 via fe80::1\n"),
    ("default via inet6", "default via inet6 fe80::1", "0.0.0.0/0 via inet6 fe80::1\n"),
    ("default of a device", "default dev eth0", "0.0.0.0/0 dev eth0\n"),
    ("blackhole default", "add blackhole default", "blackhole 0.0.0.0/0\n"),
    ("IPv6 in capitals and zeros", "2001:0DB8:0:0::/32 dev e", "2001:db8::/32 dev e\n"),
    ("IPv4-mapped IPv6", "::ffff:10.0.0.0/104 dev e", "::ffff:10.0.0.0/104 dev e\n"),
    ("tabs and blanks", "\t add\t\t10.0.0.0/8  dev \t e \t", "10.0.0.0/8 dev e\n"),
    ("carriage return at the end", "10.0.0.0/8 dev e\r", "10.0.0.0/8 dev e\n"),
    ("comment behind a route", "10.0.0.0/8 dev e # via 192.0.2.1", "10.0.0.0/8 dev e\n"),
    ("comment without a blank", "10.0.0.0/8 dev e#comment", "10.0.0.0/8 dev e\n"),
    ("comment alone", "# 10.0.0.0/8 dev e", ""),
    ("blanks alone", " \t \r", ""),
    ("nothing", "", ""),
];

fn check_form(line: &str, wanted: &str) -> Outcome {
    equal(
        "its answer",
        device::run(format!("{line}\n"))?,
        String::new(),
    )?;
    table_is(wanted)?;
    // What is shown can be written back, as any of the verbs.
    for verb in ["replace", "change"] {
        device::run(routes::with_verb(verb, wanted))?;
        table_is(wanted)?;
    }
    device::flush()?;
    device::run(wanted)?;
    table_is(wanted)?;
    device::run(routes::with_verb("del", wanted))?;
    table_is("")
}

/// A prefix of every length around `address`, each with a device of its own.
fn check_nested(address: IpAddr, bits: u8) -> Outcome {
    let keys: Vec<_> = (0..=bits)
        .map(|len| Key::covering(address, len, 0))
        .collect();
    let line = |len: u8| keys[usize::from(len)].line(&format!("dev d{len}"));
    let device = Device::open()?;
    for len in (0..=bits).rev() {
        device.feed(line(len))?;
    }
    for len in 0..=bits {
        let near = if len == bits {
            address
        } else {
            invert(address, len)
        };
        let answer = device.ask(format!("get {near}\n"))?;
        same_text(format!("get {near}"), &answer, &line(len))?;
    }
    for len in (0..=bits).rev() {
        let answer = device.ask(format!("get {address}\n"))?;
        same_text(
            format!("get {address} with /{len} as the longest"),
            &answer,
            &line(len),
        )?;
        device.feed(format!("del {}\n", keys[usize::from(len)].prefix()))?;
    }
    equal(
        "get from nothing",
        device.write(format!("get {address}\n")),
        Err(Errno::ENETUNREACH),
    )?;
    ensure("stats count no route", Stats::now()?.get("objects")? == 0)
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

/// The families share nothing, not even where their bits are equal.
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
        &device.ask("get 32.1.13.184\n")?,
        "32.1.13.184/32 dev b\n",
    )?;
    same_text(
        "get 2001:db8::",
        &device.ask("get 2001:db8::\n")?,
        "2001:db8::/32 dev d\n",
    )?;
    device.feed("flush inet\n")?;
    table_is("::/0 dev c\n2001:db8::/32 dev d\n")?;
    device::run("default dev a\nflush inet6\n")?;
    table_is("0.0.0.0/0 dev a\n")?;
    device::run("::/0 dev c\nflush\n")?;
    table_is("")
}

/// The lowest metric serves whatever the order of adding; deleting it brings the next.
fn lowest_metric_serves() -> Outcome {
    let device = Device::open()?;
    device.feed("10.0.0.0/8 dev c metric 30\n10.0.0.0/8 dev a\n10.0.0.0/8 dev b metric 20\n")?;
    let lines = [
        "10.0.0.0/8 dev a\n",
        "10.0.0.0/8 dev b metric 20\n",
        "10.0.0.0/8 dev c metric 30\n",
    ];
    for line in lines {
        same_text("get", &device.ask("get 10.0.0.1\n")?, line)?;
        device.feed("del 10.0.0.0/8\n")?;
    }
    equal(
        "get from nothing",
        device.write("get 10.0.0.1\n"),
        Err(Errno::ENETUNREACH),
    )
}

/// `del` takes what it names, not the lowest metric.
fn delete_by_what_it_names() -> Outcome {
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
    table_is("10.0.0.0/8 via 192.0.2.1\n10.0.0.0/8 dev b metric 5\n")?;
    device::run("replace blackhole 10.0.0.0/8 metric 5\nreplace 10.0.0.0/8 dev d metric 6\n")?;
    table_is(
        "10.0.0.0/8 via 192.0.2.1\nblackhole 10.0.0.0/8 metric 5\n10.0.0.0/8 dev d metric 6\n",
    )?;
    equal("next hops in use", Stats::now()?.get("next_hops")?, 3)?;
    equal("routes", Stats::now()?.get("routes_inet")?, 3)
}

/// Next hops are counted once however many routes share them, and go with the last.
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

fn stats_count() -> Outcome {
    let before = Stats::now()?;
    device::run("10.0.0.0/8 dev a\n10.0.0.0/8 dev a metric 1\n::1 dev b\n")?;
    let after = Stats::now()?;
    equal("IPv4 routes", after.get("routes_inet")?, 2)?;
    equal("IPv6 routes", after.get("routes_inet6")?, 1)?;
    equal("next hops", after.get("next_hops")?, 2)?;
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

/// `help` names each command, and each of them is known.
fn help_names_the_commands() -> Outcome {
    let help = device::run("help\n")?;
    ensure("it ends with a newline", help.ends_with('\n'))?;
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

/// A table of every kind of route, saved, loaded in other ways and compared.
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
    table_is(&saved)?;
    device::flush()?;
    device::run(&saved)?;
    table_is(&saved)?;
    device::run(routes::with_verb("del", &saved))?;
    equal("objects left", Stats::now()?.get("objects")?, 0)
}

/// A generator of the same numbers in each run.
struct Random(u64);

impl Random {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        // Marsaglia's xorshift64.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// An address out of few, so that prefixes nest and meet.
    fn address(&mut self) -> IpAddr {
        let mut bits = || [0x00, 0x0f, 0x80, 0xff, 0x5a][self.below(5) as usize];
        match bits() {
            0 | 0x80 => Ipv4Addr::new(bits(), bits(), bits(), bits()).into(),
            _ => {
                let words = [bits(), bits(), 0, bits(), 0, 0, 0, bits()].map(u16::from);
                Ipv6Addr::from(words.map(|word| word.rotate_right(4))).into()
            }
        }
    }

    fn key(&mut self) -> Key {
        let address = self.address();
        let bits = if address.is_ipv4() { 32 } else { 128 };
        Key::covering(address, self.below(bits + 1) as u8, self.below(2) as u32)
    }
}

/// One random command, to both; their verdicts must agree.
fn random_command(random: &mut Random, model: &mut Model, device: &Device) -> Outcome {
    let key = random.key();
    let next_hop = format!("dev d{}", random.below(5));
    let route = key.line(&next_hop);
    let (command, wanted) = match random.below(8) {
        0..4 => (format!("add {route}"), model.add(key, &next_hop)),
        4 => (format!("change {route}"), model.change(key, &next_hop)),
        5 => (format!("replace {route}"), model.replace(key, &next_hop)),
        _ => (
            format!("del {} metric {}\n", key.prefix(), key.metric),
            model.delete(key),
        ),
    };
    equal(
        &command,
        device.write(&command),
        wanted.map(|()| command.len()),
    )?;
    device.answers()?;
    let get = format!("get {}\n", random.address());
    let wanted = model.get(get[4..].trim().parse().during("the address")?);
    match device.write(&get) {
        Ok(_) => equal(&get, Ok(device.answers()?), wanted),
        Err(errno) => equal(&get, Err(errno), wanted).and(device.answers().map(drop)),
    }
}

fn agrees_with_a_naive_table() -> Outcome {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut model = Model::default();
    let device = Device::open()?;
    for _ in 0..10 {
        for _ in 0..100 {
            random_command(&mut random, &mut model, &device)?;
        }
        same_text("the table", &device::dump()?, &model.dump())?;
    }
    Ok(())
}

pub fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = FORMS
        .iter()
        .map(|(name, line, wanted)| Test::new(format!("form: {name}"), || check_form(line, wanted)))
        .collect();
    tests.extend([
        Test::new("route: the longest of all IPv4 lengths serves", nested_inet),
        Test::new(
            "route: the longest of all IPv6 lengths serves",
            nested_inet6,
        ),
        Test::new("route: the families are apart", families_apart),
        Test::new(
            "route: the lowest metric serves, deleting it reveals the next",
            lowest_metric_serves,
        ),
        Test::new("route: del takes what it names", delete_by_what_it_names),
        Test::new("route: change and replace", change_and_replace),
        Test::new(
            "route: next hops are shared and go with the last route",
            next_hops_are_shared,
        ),
        Test::new("route: stats count", stats_count),
        Test::new("route: help names the commands", help_names_the_commands),
        Test::new("route: a dump can be loaded again", dump_can_be_loaded),
        Test::new(
            "route: 1,000 random commands agree with a naive table",
            agrees_with_a_naive_table,
        ),
    ]);
    tests
}
