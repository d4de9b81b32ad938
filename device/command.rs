// SPDX-License-Identifier: GPL-2.0

//! The commands, and how a line becomes one.

use crate::rcu_table::{DevName, Family, Mode, NextHop, Prefix, PrefixError, Route, Selector};
use core::{fmt, net::IpAddr};

/// What `help` answers.
pub(crate) const HELP: &str = "\
[add] PREFIX [via [inet|inet6] ADDRESS] [dev NAME] [metric N]
[add] blackhole|unreachable|prohibit PREFIX [metric N]
change ROUTE      as add; there must be a route with that prefix and metric
replace ROUTE     as add; whether there is one or not
del PREFIX [metric N] [via ...] [dev NAME]
flush [inet|inet6]
begin [reload]    changes wait for commit; all happen, or none; a reload replaces all routes
commit
abort
get ADDRESS       the route that serves the address
show [inet|inet6|PREFIX]
stats
help
";

/// A line that makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `add`, `change` and `replace`.
    Insert(Mode, Route),
    /// `del`: the prefix, and what else must match.
    Delete(Prefix, Option<u32>, Option<NextHop>),
    /// `flush`.
    Flush(Option<Family>),
    /// `begin` and `begin reload`.
    Begin {
        /// Whether the changes are made in a new table, which replaces the other.
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
    /// `stats`.
    Stats,
    /// `help`.
    Help,
}

/// Why a line makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    UnknownWord,
    MissingArgument(&'static str),
    Repeated,
    NoPrefix,
    NoAddress,
    NoFamily,
    BadLength(Family),
    HostBits,
    NoNumber,
    NoDevice,
    NoNextHop,
    NextHopOfType,
    GatewayFamily(Family),
}

/// A line that makes no sense: the word at fault and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal<'a> {
    pub(crate) word: &'a str,
    pub(crate) reason: Reason,
}

type Parsed<'a, T> = Result<T, Refusal<'a>>;

fn refuse<T>(word: &str, reason: Reason) -> Parsed<'_, T> {
    Err(Refusal { word, reason })
}

/// The words of a line, up to a comment.
struct Words<'a> {
    /// What has not been taken yet.
    rest: &'a str,
    /// The last word taken: what a missing argument is missed behind.
    last: &'a str,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Self {
        Self {
            rest: line.split('#').next().unwrap_or(""),
            last: "",
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        let mut bytes = self.rest.bytes();
        let start = bytes.position(|byte| !byte.is_ascii_whitespace())?;
        let end = bytes
            .position(|byte| byte.is_ascii_whitespace())
            .map_or(self.rest.len(), |len| start + 1 + len);
        // Next to ASCII, both are boundaries of characters.
        let word = self.rest.get(start..end)?;
        self.rest = self.rest.get(end..)?;
        self.last = word;
        Some(word)
    }

    fn expect(&mut self, what: &'static str) -> Parsed<'a, &'a str> {
        let last = self.last;
        self.next().ok_or(Refusal {
            word: last,
            reason: Reason::MissingArgument(what),
        })
    }

    fn end(&mut self) -> Parsed<'a, ()> {
        self.next()
            .map_or(Ok(()), |word| refuse(word, Reason::UnknownWord))
    }
}

/// Parses a line; a blank one is no command.
pub(crate) fn parse(line: &str) -> Parsed<'_, Option<Command>> {
    let mut words = Words::of(line);
    let Some(verb) = words.next() else {
        return Ok(None);
    };
    let command = match verb {
        "add" => insert(Mode::Add, &mut words)?,
        "change" => insert(Mode::Change, &mut words)?,
        "replace" => insert(Mode::Replace, &mut words)?,
        "del" | "delete" => delete(&mut words)?,
        "flush" => Command::Flush(words.next().map(family).transpose()?),
        "begin" => Command::Begin {
            reload: words.next().map_or(Ok(false), reload)?,
        },
        "commit" => Command::Commit,
        "abort" => Command::Abort,
        "get" => {
            let word = words.expect("address")?;
            Command::Get(address(word)?)
        }
        "show" | "list" => Command::Show(words.next().map_or(Ok(Selector::All), selector)?),
        "stats" => Command::Stats,
        "help" => Command::Help,
        _ if looks_like_route(verb) => insert_from(Mode::Add, verb, &mut words)?,
        _ => return refuse(verb, Reason::UnknownWord),
    };
    words.end()?;
    Ok(Some(command))
}

/// Whether a first word can only be meant as the start of a route: `add` may be left out.
fn looks_like_route(word: &str) -> bool {
    route_type(word).is_some()
        || word == "default"
        || word.contains(['/', ':'])
        || word.starts_with(|first: char| first.is_ascii_digit())
}

fn route_type(word: &str) -> Option<NextHop> {
    match word {
        "blackhole" => Some(NextHop::Blackhole),
        "unreachable" => Some(NextHop::Unreachable),
        "prohibit" => Some(NextHop::Prohibit),
        _ => None,
    }
}

fn family(word: &str) -> Parsed<'_, Family> {
    match word {
        "inet" => Ok(Family::Inet),
        "inet6" => Ok(Family::Inet6),
        _ => refuse(word, Reason::NoFamily),
    }
}

fn reload(word: &str) -> Parsed<'_, bool> {
    match word {
        "reload" => Ok(true),
        _ => refuse(word, Reason::UnknownWord),
    }
}

fn selector(word: &str) -> Parsed<'_, Selector> {
    match family(word) {
        Ok(family) => Ok(Selector::Family(family)),
        Err(_) => Ok(Selector::Prefix(prefix(word, None)?)),
    }
}

fn address(word: &str) -> Parsed<'_, IpAddr> {
    word.parse().or(refuse(word, Reason::NoAddress))
}

fn number<T: core::str::FromStr>(word: &str) -> Option<T> {
    // The parser for integers takes a sign, which is none of ours.
    word.parse()
        .ok()
        .filter(|_| word.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `ADDRESS/LEN`, a bare address, or `default`, which is of the gateway's family.
fn prefix(word: &str, gateway: Option<Family>) -> Parsed<'_, Prefix> {
    let unspecified = match gateway.unwrap_or(Family::Inet) {
        Family::Inet => IpAddr::from([0; 4]),
        Family::Inet6 => IpAddr::from([0; 16]),
    };
    let (address, len) = match word.split_once('/') {
        _ if word == "default" => (unspecified, 0),
        None => {
            let address: IpAddr = word.parse().or(refuse(word, Reason::NoPrefix))?;
            (address, Family::of(address).bits())
        }
        Some((address, len)) => {
            let address: IpAddr = address.parse().or(refuse(word, Reason::NoPrefix))?;
            let too_long = Refusal {
                word,
                reason: Reason::BadLength(Family::of(address)),
            };
            (address, number(len).ok_or(too_long)?)
        }
    };
    Prefix::new(address, len).map_err(|error| Refusal {
        word,
        reason: match error {
            PrefixError::TooLong => Reason::BadLength(Family::of(address)),
            PrefixError::HostBits => Reason::HostBits,
        },
    })
}

/// What may stand behind a prefix, each at most once.
#[derive(Default)]
struct Attributes {
    gateway: Option<IpAddr>,
    /// Whether the gateway's family was named, and so may differ from the prefix's.
    named_family: bool,
    dev: Option<DevName>,
    metric: Option<u32>,
}

impl Attributes {
    fn parse<'a>(words: &mut Words<'a>) -> Parsed<'a, Self> {
        let mut this = Self::default();
        while let Some(word) = words.next() {
            let repeated = match word {
                "via" => {
                    let gateway = this.gateway_from(words)?;
                    this.gateway.replace(gateway).is_some()
                }
                "dev" => this.dev.replace(device(words)?).is_some(),
                "metric" => this.metric.replace(metric(words)?).is_some(),
                _ => return refuse(word, Reason::UnknownWord),
            };
            if repeated {
                return refuse(word, Reason::Repeated);
            }
        }
        Ok(this)
    }

    fn gateway_from<'a>(&mut self, words: &mut Words<'a>) -> Parsed<'a, IpAddr> {
        let mut word = words.expect("address")?;
        let mut named = None;
        if let Ok(family) = family(word) {
            named = Some(family);
            word = words.expect("address")?;
        }
        let gateway = address(word)?;
        if named.is_some_and(|family| family != Family::of(gateway)) {
            return refuse(word, Reason::NoAddress);
        }
        self.named_family = named.is_some();
        Ok(gateway)
    }

    /// The family of a gateway that did not name it, which `default` takes on.
    fn plain_family(&self) -> Option<Family> {
        self.gateway.filter(|_| !self.named_family).map(Family::of)
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
    DevName::new(word).ok_or(Refusal {
        word,
        reason: Reason::NoDevice,
    })
}

fn metric<'a>(words: &mut Words<'a>) -> Parsed<'a, u32> {
    let word = words.expect("number")?;
    number(word).ok_or(Refusal {
        word,
        reason: Reason::NoNumber,
    })
}

/// A prefix and its attributes, with the type's word in front, if any.
fn route_parts<'a>(
    first: &'a str,
    words: &mut Words<'a>,
) -> Parsed<'a, (Prefix, Option<u32>, Option<NextHop>)> {
    let discard = route_type(first);
    let word = if discard.is_some() {
        words.expect("prefix")?
    } else {
        first
    };
    // The attributes come first: they decide which family `default` is of. A bad prefix is still
    // reported before a bad attribute.
    let attributes = match Attributes::parse(words) {
        Ok(attributes) => attributes,
        Err(refusal) => return prefix(word, None).and(Err(refusal)),
    };
    let prefix = prefix(word, attributes.plain_family())?;
    if discard.is_some() && attributes.next_hop().is_some() {
        return refuse(first, Reason::NextHopOfType);
    }
    let mismatch = attributes
        .plain_family()
        .is_some_and(|family| family != prefix.family());
    if mismatch {
        return refuse(word, Reason::GatewayFamily(prefix.family()));
    }
    Ok((prefix, attributes.metric, discard.or(attributes.next_hop())))
}

fn insert<'a>(mode: Mode, words: &mut Words<'a>) -> Parsed<'a, Command> {
    let first = words.expect("prefix")?;
    insert_from(mode, first, words)
}

fn insert_from<'a>(mode: Mode, first: &'a str, words: &mut Words<'a>) -> Parsed<'a, Command> {
    let (prefix, metric, next_hop) = route_parts(first, words)?;
    let next_hop = next_hop.ok_or(Refusal {
        word: first,
        reason: Reason::NoNextHop,
    })?;
    let metric = metric.unwrap_or(0);
    Ok(Command::Insert(
        mode,
        Route {
            prefix,
            metric,
            next_hop,
        },
    ))
}

fn delete<'a>(words: &mut Words<'a>) -> Parsed<'a, Command> {
    let first = words.expect("prefix")?;
    let (prefix, metric, next_hop) = route_parts(first, words)?;
    Ok(Command::Delete(prefix, metric, next_hop))
}

/// A word for a person to read: what cannot be printed is escaped, what is long is cut.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 64;
        for (at, char) in self.0.chars().enumerate() {
            match char {
                _ if at == LONGEST => return f.write_str("..."),
                ' '..='~' => write!(f, "{char}")?,
                _ => write!(f, "{}", char.escape_default())?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", Shown(self.word))?;
        match self.reason {
            Reason::UnknownWord => f.write_str("unknown word; 'help' lists the commands"),
            Reason::MissingArgument(what) => write!(f, "{what} missing"),
            Reason::Repeated => f.write_str("given twice"),
            Reason::NoPrefix => f.write_str("not an IPv4 or IPv6 prefix"),
            Reason::NoAddress => f.write_str("not an address of that family"),
            Reason::NoFamily => f.write_str("want inet or inet6"),
            Reason::BadLength(family) => write!(f, "prefix length is not 0 to {}", family.bits()),
            Reason::HostBits => f.write_str("host bits set"),
            Reason::NoNumber => f.write_str("not a number from 0 to 4294967295"),
            Reason::NoDevice => f.write_str("not a device name"),
            Reason::NoNextHop => {
                f.write_str("next hop missing: want via, dev or a type such as blackhole")
            }
            Reason::NextHopOfType => f.write_str("takes no next hop"),
            Reason::GatewayFamily(Family::Inet) => {
                f.write_str("IPv6 gateway for an IPv4 prefix: want 'via inet6 ADDRESS'")
            }
            Reason::GatewayFamily(Family::Inet6) => {
                f.write_str("IPv4 gateway for an IPv6 prefix: want 'via inet ADDRESS'")
            }
        }
    }
}
