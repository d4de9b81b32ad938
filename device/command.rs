// SPDX-License-Identifier: GPL-2.0

//! The commands of the text protocol, and their parser.

pub(crate) mod attributes;
pub(crate) mod continuation;
pub(crate) mod legs;
pub(crate) mod object;
pub(crate) mod refusal;
mod values;
mod words;

use crate::rcu_table::{DevName, Family, HopId, Mode, NextHop, Prefix, Route, Selector, MAX_LEGS};
use attributes::{skip, NOTES};
use core::net::IpAddr;
use object::ObjectCommand;
use refusal::{refuse, Parsed, Reason, Refusal};
use values::{address, any_number, prefix};
use words::Words;

/// The answer to `help`.
pub(crate) const HELP: &str = "\
[add] PREFIX [via [inet|inet6] ADDRESS] [dev NAME] [metric N]
[add] blackhole|unreachable|prohibit|throw PREFIX [metric N]
[add] local PREFIX [dev NAME] [metric N]
[add] PREFIX nhid N [metric N]
[add] PREFIX [metric N] nexthop [via ...] [dev NAME] [weight N] nexthop ...
append|prepend    like add
change ROUTE      like add, but replaces the route with that prefix and metric
replace ROUTE     like change if that route exists, like add otherwise
del PREFIX [metric N] [via ...] [dev NAME]
flush [inet|inet6]
begin [reload]    start a transaction: commit makes all changes or none; reload replaces all
commit
abort
get ADDRESS       show the route that serves the address
show [inet|inet6|PREFIX]
monitor [generation]  make reads return each change of the table, as it happens
nexthop add|replace id N blackhole | [via ADDRESS] [dev NAME] | group N[,WEIGHT]/...
nexthop del|get id N
nexthop show [id N]
stats
help
A line may start with 'route', 'ip [-4|-6] route' or 'ip [-4|-6] nexthop'.
A backslash at its end continues a line. The lines of 'ip route' may have one nexthop each.
The device skips words such as proto, scope, src and mtu; stats counts them.
";

/// A parsed line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `add`, `change` and `replace`.
    Insert(Mode, Route),
    /// `add`, `change` and `replace` of a route with both an object and its next hop.
    InsertNamed(Mode, Route, HopId),
    /// `add`, `change` and `replace` of a route with several legs, which [`legs::legs`] returns,
    /// and possibly with an object.
    InsertLegs(Mode, Prefix, u32, Option<HopId>),
    /// `del`: the prefix, and the metric and next hop that the route must have.
    Delete(Prefix, Option<u32>, Option<NextHop>),
    /// `del` of a route with both an object and its next hop.
    DeleteNamed(Prefix, Option<u32>, NextHop, HopId),
    /// `del` of a route with several legs, and possibly with an object.
    DeleteLegs(Prefix, Option<u32>, Option<HopId>),
    /// `nexthop`.
    Object(ObjectCommand),
    /// `flush`.
    Flush(Option<Family>),
    /// `begin` and `begin reload`.
    Begin {
        /// Whether the commit replaces the whole table.
        reload: bool,
    },
    /// `commit`.
    Commit,
    /// `abort`.
    Abort,
    /// `get`.
    Get(IpAddr),
    /// `show`.
    Show(Selector),
    /// `monitor` and `monitor generation`.
    Monitor {
        /// Whether a line ends the changes of each generation.
        has_generations: bool,
    },
    /// `stats`.
    Stats,
    /// `help`.
    Help,
}

/// Parses a line. Returns `None` for a blank line or a comment, and the number of informational
/// words that were skipped.
pub(crate) fn parse(line: &str) -> Result<(Option<Command>, u32), Refusal<'_>> {
    let mut words = Words::of(line);
    let command = parse_words(&mut words)?;
    Ok((command, words.skipped))
}

fn parse_words<'a>(words: &mut Words<'a>) -> Parsed<'a, Option<Command>> {
    let Some(first) = words.next() else {
        return Ok(None);
    };
    if NOTES.contains(&first) {
        words.skip_all();
        return Ok(None);
    }
    let command = match verb(first, words)? {
        Verb::Route(Some(verb)) => parse_command(verb, words)?,
        // `ip route` alone shows the table.
        Verb::Route(None) => Command::Show(words.family.map_or(Selector::All, Selector::Family)),
        Verb::Object(verb) => Command::Object(object::parse(verb, words)?),
    };
    words.end()?;
    Ok(Some(command))
}

/// Returns the list of a line: see [`Words::list`].
fn list(line: &str) -> &str {
    let mut words = Words::of(line);
    parse_words(&mut words).map_or("", |_| words.list)
}

/// The verb of a line about routes or about next-hop objects.
enum Verb<'a> {
    Route(Option<&'a str>),
    Object(Option<&'a str>),
}

/// Skips `ip`, an option for the family, and the object, as in a script or in a file for
/// `ip -batch`.
fn verb<'a>(first: &'a str, words: &mut Words<'a>) -> Parsed<'a, Verb<'a>> {
    let mut word = first;
    if word == "ip" {
        word = words.expect("route or nexthop")?;
    }
    let family = match word {
        "-4" => Some(Family::Inet),
        "-6" => Some(Family::Inet6),
        _ => None,
    };
    if family.is_some() {
        words.family = family;
        word = words.expect("route or nexthop")?;
    }
    match word {
        "route" | "ro" | "r" => Ok(Verb::Route(words.next())),
        "nexthop" => Ok(Verb::Object(words.next())),
        _ if first == word => Ok(Verb::Route(Some(word))),
        _ => refuse(word, Reason::UnknownWord),
    }
}

fn parse_command<'a>(verb: &'a str, words: &mut Words<'a>) -> Parsed<'a, Command> {
    Ok(match verb {
        "add" | "append" | "prepend" => insert(Mode::Add, words)?,
        "change" | "chg" => insert(Mode::Change, words)?,
        "replace" => insert(Mode::Replace, words)?,
        "del" | "delete" => delete(words)?,
        "flush" => Command::Flush(words.next().map(family).transpose()?),
        "begin" => Command::Begin {
            reload: has_option("reload", words)?,
        },
        "monitor" => Command::Monitor {
            has_generations: has_option("generation", words)?,
        },
        "commit" => Command::Commit,
        "abort" => Command::Abort,
        "get" => {
            let word = words.expect("address")?;
            Command::Get(address(word, words.family)?)
        }
        "show" | "list" | "ls" => Command::Show(match words.next() {
            Some(word) => selector(word, words.family)?,
            None => words.family.map_or(Selector::All, Selector::Family),
        }),
        "stats" => Command::Stats,
        "help" => Command::Help,
        _ if looks_like_route(verb) => insert_from(Mode::Add, verb, words)?,
        _ => match attributes::unsupported(verb) {
            Some(why) => return refuse(verb, Reason::Unsupported(why)),
            None => return refuse(verb, Reason::UnknownWord),
        },
    })
}

/// Returns whether the first word of a line starts a route, so that `add` is implied.
fn looks_like_route(word: &str) -> bool {
    is_route_type(word)
        || matches!(word, "default" | "any" | "all" | "to")
        || word.contains(['/', ':']) && !word.starts_with(attributes::JSON_STARTS)
        || word.starts_with(|first: char| first.is_ascii_digit())
}

/// Returns whether a word is a route type of `ip route`. The parser refuses types that the table
/// cannot store later.
fn is_route_type(word: &str) -> bool {
    discarding_type(word).is_some()
        || matches!(word, "unicast" | "local")
        || matches!(
            word,
            "broadcast" | "anycast" | "multicast" | "nat" | "brd" | "xresolve"
        )
}

/// Returns the next hop of a route type that has neither gateway nor device.
fn discarding_type(word: &str) -> Option<NextHop> {
    match word {
        "blackhole" => Some(NextHop::Blackhole),
        "unreachable" => Some(NextHop::Unreachable),
        "prohibit" => Some(NextHop::Prohibit),
        "throw" => Some(NextHop::Throw),
        _ => None,
    }
}

fn family(word: &str) -> Parsed<'_, Family> {
    match word {
        "inet" => Ok(Family::Inet),
        "inet6" => Ok(Family::Inet6),
        _ => refuse(word, Reason::InvalidFamily),
    }
}

/// Returns whether the line has the optional word `option`. Refuses any other word.
fn has_option<'a>(option: &str, words: &mut Words<'a>) -> Parsed<'a, bool> {
    match words.next() {
        None => Ok(false),
        Some(word) if word == option => Ok(true),
        Some(word) => refuse(word, Reason::UnknownWord),
    }
}

fn selector(word: &str, named: Option<Family>) -> Parsed<'_, Selector> {
    match family(word) {
        Ok(family) => Ok(Selector::Family(family)),
        Err(_) => Ok(Selector::Prefix(prefix(word, named)?)),
    }
}

/// The words after a prefix, each at most once.
#[derive(Default)]
struct Attributes {
    gateway: Option<IpAddr>,
    /// Whether the line names the gateway's family, which may then differ from the prefix's.
    has_named_family: bool,
    /// Whether the line has several legs.
    has_legs: bool,
    /// The next-hop object that the line names.
    object: Option<HopId>,
    dev: Option<DevName>,
    metric: Option<u32>,
}

impl Attributes {
    fn parse<'a>(words: &mut Words<'a>) -> Parsed<'a, Self> {
        let mut this = Self::default();
        while let Some(word) = words.next() {
            let is_repeated = match word {
                "via" => {
                    let gateway = this.parse_gateway(words)?;
                    this.gateway.replace(gateway).is_some()
                }
                "dev" | "oif" => this.dev.replace(device(words)?).is_some(),
                "metric" | "priority" | "preference" => {
                    this.metric.replace(metric(words)?).is_some()
                }
                legs::FIRST_WORD => {
                    words.begin_list();
                    this.parse_legs(words)?;
                    return Ok(this);
                }
                "nhid" => this.object.replace(object::id(words)?).is_some(),
                _ => {
                    skip(word, words)?;
                    continue;
                }
            };
            if is_repeated {
                return refuse(word, Reason::Repeated);
            }
        }
        Ok(this)
    }

    /// Parses the legs after the first `nexthop`. A single leg is an ordinary next hop.
    fn parse_legs<'a>(&mut self, words: &mut Words<'a>) -> Parsed<'a, ()> {
        if self.next_hop().is_some() {
            return refuse(
                legs::FIRST_WORD,
                Reason::Unsupported(attributes::BEFORE_LEGS),
            );
        }
        for _ in 0..MAX_LEGS {
            let leg = legs::parse(words)?;
            let (before, family) = (self.implied_family(), leg.hop.implied_family());
            if before.is_some_and(|before| family.is_some_and(|family| family != before)) {
                return refuse(legs::FIRST_WORD, Reason::Unsupported(attributes::FAMILIES));
            }
            // The family that a leg implies applies to all legs.
            if before.is_none() {
                self.gateway = leg.hop.gateway;
                self.has_named_family = leg.hop.has_named_family;
            }
            self.dev = leg.hop.dev;
            if leg.is_last {
                // A single next hop gets all packets, so its weight has no effect.
                if !self.has_legs {
                    words.skipped += 1 + u32::from(leg.weight.is_some());
                }
                return Ok(());
            }
            self.has_legs = true;
        }
        refuse(legs::FIRST_WORD, Reason::Unsupported(attributes::MANY_LEGS))
    }

    fn parse_gateway<'a>(&mut self, words: &mut Words<'a>) -> Parsed<'a, IpAddr> {
        let mut word = words.expect("address")?;
        let named = family(word).ok();
        if named.is_some() {
            word = words.expect("address")?;
        }
        self.has_named_family = named.is_some();
        let gateway = address(word, named)?;
        if gateway.is_unspecified() {
            return refuse(word, Reason::InvalidGateway);
        }
        Ok(gateway)
    }

    /// Returns the gateway's family if the line does not name the family. `default` then has this
    /// family.
    fn implied_family(&self) -> Option<Family> {
        self.gateway
            .filter(|_| !self.has_named_family)
            .map(Family::of)
    }

    fn next_hop(&self) -> Option<NextHop> {
        match (self.gateway, self.dev) {
            (Some(gateway), dev) => Some(NextHop::Via(gateway, dev)),
            (None, Some(dev)) => Some(NextHop::Dev(dev)),
            (None, None) => None,
        }
    }
}

fn device<'a>(words: &mut Words<'a>) -> Parsed<'a, DevName> {
    let word = words.expect("device name")?;
    DevName::new(word).ok_or(Refusal::new(word, Reason::InvalidDevice))
}

fn metric<'a>(words: &mut Words<'a>) -> Parsed<'a, u32> {
    let word = words.expect("number")?;
    any_number(word).ok_or(Refusal::new(word, Reason::InvalidNumber))
}

/// Parses `[to] [TYPE] PREFIX`. Returns the type, or the prefix again, and the prefix.
fn type_and_prefix<'a>(first: &'a str, words: &mut Words<'a>) -> Parsed<'a, (&'a str, &'a str)> {
    let kind = match first {
        "to" => words.expect("prefix")?,
        _ => first,
    };
    if !is_route_type(kind) {
        return Ok((kind, kind));
    }
    if let Some(why) = attributes::unsupported(kind) {
        return refuse(kind, Reason::Unsupported(why));
    }
    Ok((kind, words.expect("prefix")?))
}

/// A route of a line: its parts, of which `del` may omit some.
struct RouteParts {
    prefix: Prefix,
    metric: Option<u32>,
    /// The next hop; one of the legs if there are several.
    next_hop: Option<NextHop>,
    has_legs: bool,
    /// The object that the line names besides the next hop.
    object: Option<HopId>,
}

/// Parses an optional route type, a prefix and its attributes. `first` is the first of these words.
fn route_parts<'a>(first: &'a str, words: &mut Words<'a>) -> Parsed<'a, RouteParts> {
    let (kind, word) = type_and_prefix(first, words)?;
    // The attributes are parsed first, because they decide the family of `default`. A bad prefix is
    // still reported before a bad attribute.
    let mut attributes = match Attributes::parse(words) {
        Ok(attributes) => attributes,
        Err(refusal) => return prefix(word, None).and(Err(refusal)),
    };
    let implied = attributes.implied_family();
    let prefix = prefix(word, implied.or(words.family).or(words.implied))?;
    if let Some(family) = words.family.filter(|family| *family != prefix.family()) {
        return refuse(word, Reason::InvalidAddress(Some(family)));
    }
    if implied.is_some_and(|family| family != prefix.family()) {
        return refuse(word, Reason::GatewayFamily(prefix.family()));
    }
    let next_hop = next_hop_of(kind, &mut attributes, words)?;
    if attributes.has_legs && !matches!(next_hop, Some(NextHop::Via(..) | NextHop::Dev(_))) {
        return refuse(kind, Reason::UnexpectedNextHop);
    }
    let object = attributes.object.filter(|_| next_hop.is_some());
    // The device may skip the object, if it has no such object.
    words.skipped += u32::from(object.is_some());
    Ok(RouteParts {
        prefix,
        metric: attributes.metric,
        next_hop: next_hop.or(attributes.object.map(NextHop::Object)),
        has_legs: attributes.has_legs,
        object,
    })
}

/// Returns the next hop of a route type with attributes. An object does not count.
fn next_hop_of<'a>(
    kind: &'a str,
    attributes: &mut Attributes,
    words: &mut Words<'a>,
) -> Parsed<'a, Option<NextHop>> {
    match discarding_type(kind) {
        Some(discard) => {
            // `ip -6 route` prints `dev lo` for these types.
            if attributes.gateway.is_none() && attributes.dev == DevName::new("lo") {
                attributes.dev = None;
                words.skipped += 1;
            }
            if attributes.next_hop().is_some() {
                return refuse(kind, Reason::UnexpectedNextHop);
            }
            Ok(Some(discard))
        }
        None if kind == "local" && attributes.gateway.is_some() => {
            refuse(kind, Reason::UnexpectedNextHop)
        }
        None if kind == "local" => Ok(Some(NextHop::Local(attributes.dev))),
        None => Ok(attributes.next_hop()),
    }
}

fn insert<'a>(mode: Mode, words: &mut Words<'a>) -> Parsed<'a, Command> {
    let first = words.expect("prefix")?;
    insert_from(mode, first, words)
}

fn insert_from<'a>(mode: Mode, first: &'a str, words: &mut Words<'a>) -> Parsed<'a, Command> {
    let parts = route_parts(first, words)?;
    if parts.has_legs {
        let metric = parts.metric.unwrap_or(0);
        return Ok(Command::InsertLegs(
            mode,
            parts.prefix,
            metric,
            parts.object,
        ));
    }
    let missing = Refusal::new(first, Reason::MissingNextHop);
    let route = Route {
        prefix: parts.prefix,
        metric: parts.metric.unwrap_or(0),
        next_hop: parts.next_hop.ok_or(missing)?,
    };
    Ok(match parts.object {
        Some(object) => Command::InsertNamed(mode, route, object),
        None => Command::Insert(mode, route),
    })
}

fn delete<'a>(words: &mut Words<'a>) -> Parsed<'a, Command> {
    let first = words.expect("prefix")?;
    let parts = route_parts(first, words)?;
    if parts.has_legs {
        return Ok(Command::DeleteLegs(
            parts.prefix,
            parts.metric,
            parts.object,
        ));
    }
    Ok(match (parts.object, parts.next_hop) {
        (Some(object), Some(next_hop)) => {
            Command::DeleteNamed(parts.prefix, parts.metric, next_hop, object)
        }
        _ => Command::Delete(parts.prefix, parts.metric, parts.next_hop),
    })
}
