// SPDX-License-Identifier: GPL-2.0

//! The commands of the text protocol, and their parser.

use crate::rcu_table::{DevName, Family, Mode, NextHop, Prefix, PrefixError, Route, Selector};
use core::{fmt, net::IpAddr};

/// The answer to `help`.
pub(crate) const HELP: &str = "\
[add] PREFIX [via [inet|inet6] ADDRESS] [dev NAME] [metric N]
[add] blackhole|unreachable|prohibit PREFIX [metric N]
change ROUTE      like add, but replaces the route with that prefix and metric
replace ROUTE     like change if that route exists, like add otherwise
del PREFIX [metric N] [via ...] [dev NAME]
flush [inet|inet6]
begin [reload]    start a transaction: commit makes all changes or none; reload replaces all
commit
abort
get ADDRESS       show the route that serves the address
show [inet|inet6|PREFIX]
stats
help
";

/// A parsed line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `add`, `change` and `replace`.
    Insert(Mode, Route),
    /// `del`: the prefix, and the metric and next hop that the route must have.
    Delete(Prefix, Option<u32>, Option<NextHop>),
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
    /// `stats`.
    Stats,
    /// `help`.
    Help,
}

/// The reason why the parser refused a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    UnknownWord,
    MissingArgument(&'static str),
    Repeated,
    InvalidPrefix,
    /// The family that the address must have, if the line names one.
    InvalidAddress(Option<Family>),
    InvalidFamily,
    InvalidLength(Family),
    HostBits {
        address: IpAddr,
        len: u8,
    },
    InvalidNumber,
    InvalidDevice,
    MissingNextHop,
    /// A blackhole, unreachable or prohibit route has no next hop.
    UnexpectedNextHop,
    /// The family of the prefix, which differs from the gateway's.
    GatewayFamily(Family),
}

/// A line that the parser refused: the word at fault, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal<'a> {
    pub(crate) word: &'a str,
    pub(crate) reason: Reason,
}

type Parsed<'a, T> = Result<T, Refusal<'a>>;

impl<'a> Refusal<'a> {
    fn new(word: &'a str, reason: Reason) -> Self {
        Self { word, reason }
    }
}

fn refuse<T>(word: &str, reason: Reason) -> Parsed<'_, T> {
    Err(Refusal::new(word, reason))
}

/// The words of a line, up to a comment.
struct Words<'a> {
    rest: &'a str,
    /// The word before `rest`: a missing argument is reported at this word.
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
        // Both are character boundaries: each lies beside an ASCII byte or at the end.
        let word = self.rest.get(start..end)?;
        self.rest = self.rest.get(end..)?;
        self.last = word;
        Some(word)
    }

    fn expect(&mut self, what: &'static str) -> Parsed<'a, &'a str> {
        let last = self.last;
        self.next()
            .ok_or(Refusal::new(last, Reason::MissingArgument(what)))
    }

    fn end(&mut self) -> Parsed<'a, ()> {
        self.next()
            .map_or(Ok(()), |word| refuse(word, Reason::UnknownWord))
    }
}

/// Parses a line. Returns `None` for a blank line or a comment.
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
            Command::Get(address(word, None)?)
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

/// Returns whether the first word of a line starts a route, so that `add` is implied.
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
        _ => refuse(word, Reason::InvalidFamily),
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

/// Parses an address. It must be of `family` unless that is `None`.
fn address(word: &str, family: Option<Family>) -> Parsed<'_, IpAddr> {
    let is_expected =
        |&address: &IpAddr| family.unwrap_or(Family::of(address)) == Family::of(address);
    word.parse()
        .ok()
        .filter(is_expected)
        .ok_or(Refusal::new(word, Reason::InvalidAddress(family)))
}

/// Parses a decimal number. A leading zero is invalid: `ip` reads `010` as an octal number.
fn number<T: core::str::FromStr>(word: &str) -> Option<T> {
    // The integer parser accepts a sign; the protocol does not.
    word.parse()
        .ok()
        .filter(|_| word.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|_| word == "0" || !word.starts_with('0'))
}

/// Parses `ADDRESS/LEN`, a bare address, or `default`, which has the family `gateway`, or IPv4.
fn prefix(word: &str, gateway: Option<Family>) -> Parsed<'_, Prefix> {
    let unspecified = match gateway.unwrap_or(Family::Inet) {
        Family::Inet => IpAddr::from([0; 4]),
        Family::Inet6 => IpAddr::from([0; 16]),
    };
    let (address, len) = match word.split_once('/') {
        _ if word == "default" => (unspecified, 0),
        None => {
            let address: IpAddr = word.parse().or(refuse(word, Reason::InvalidPrefix))?;
            (address, Family::of(address).bits())
        }
        Some((address, len)) => {
            let address: IpAddr = address.parse().or(refuse(word, Reason::InvalidPrefix))?;
            let invalid = Refusal::new(word, Reason::InvalidLength(Family::of(address)));
            (address, number(len).ok_or(invalid)?)
        }
    };
    Prefix::new(address, len).or_else(|error| match error {
        PrefixError::TooLong => refuse(word, Reason::InvalidLength(Family::of(address))),
        PrefixError::HostBits => refuse(word, Reason::HostBits { address, len }),
    })
}

/// The words after a prefix, each at most once.
#[derive(Default)]
struct Attributes {
    gateway: Option<IpAddr>,
    /// Whether the line names the gateway's family, which may then differ from the prefix's.
    has_named_family: bool,
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
                "dev" => this.dev.replace(device(words)?).is_some(),
                "metric" => this.metric.replace(metric(words)?).is_some(),
                _ => return refuse(word, Reason::UnknownWord),
            };
            if is_repeated {
                return refuse(word, Reason::Repeated);
            }
        }
        Ok(this)
    }

    fn parse_gateway<'a>(&mut self, words: &mut Words<'a>) -> Parsed<'a, IpAddr> {
        let mut word = words.expect("address")?;
        let named = family(word).ok();
        if named.is_some() {
            word = words.expect("address")?;
        }
        self.has_named_family = named.is_some();
        address(word, named)
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
    number(word).ok_or(Refusal::new(word, Reason::InvalidNumber))
}

/// Parses an optional route type, a prefix and its attributes. `first` is the first of these words.
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
    // The attributes are parsed first, because they decide the family of `default`. A bad prefix is
    // still reported before a bad attribute.
    let attributes = match Attributes::parse(words) {
        Ok(attributes) => attributes,
        Err(refusal) => return prefix(word, None).and(Err(refusal)),
    };
    let prefix = prefix(word, attributes.implied_family())?;
    if discard.is_some() && attributes.next_hop().is_some() {
        return refuse(first, Reason::UnexpectedNextHop);
    }
    let is_mismatch = attributes
        .implied_family()
        .is_some_and(|family| family != prefix.family());
    if is_mismatch {
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
    let next_hop = next_hop.ok_or(Refusal::new(first, Reason::MissingNextHop))?;
    let route = Route {
        prefix,
        metric: metric.unwrap_or(0),
        next_hop,
    };
    Ok(Command::Insert(mode, route))
}

fn delete<'a>(words: &mut Words<'a>) -> Parsed<'a, Command> {
    let first = words.expect("prefix")?;
    let (prefix, metric, next_hop) = route_parts(first, words)?;
    Ok(Command::Delete(prefix, metric, next_hop))
}

/// A word in a message: unprintable characters are escaped, a long word is cut.
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_CHARS: usize = 64;
        for (at, char) in self.0.chars().enumerate() {
            match char {
                _ if at == MAX_CHARS => return f.write_str("..."),
                ' '..='~' => write!(f, "{char}")?,
                _ => write!(f, "{}", char.escape_default())?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", Excerpt(self.word))?;
        match self.reason {
            Reason::UnknownWord => f.write_str("unknown word; 'help' lists the commands"),
            Reason::MissingArgument(what) => write!(f, "{what} missing"),
            Reason::Repeated => f.write_str("given twice"),
            Reason::InvalidPrefix => f.write_str("not an IPv4 or IPv6 prefix"),
            Reason::InvalidAddress(None) => f.write_str("not an IPv4 or IPv6 address"),
            Reason::InvalidAddress(Some(Family::Inet)) => f.write_str("not an IPv4 address"),
            Reason::InvalidAddress(Some(Family::Inet6)) => f.write_str("not an IPv6 address"),
            Reason::InvalidFamily => f.write_str("expected inet or inet6"),
            Reason::InvalidLength(family) => {
                write!(f, "expected a prefix length from 0 to {}", family.bits())
            }
            Reason::HostBits { address, len } => {
                write!(f, "host bits set; use {}", Prefix::network(address, len))
            }
            Reason::InvalidNumber => f.write_str("expected a number from 0 to 4294967295"),
            Reason::InvalidDevice => {
                f.write_str("expected a device name: at most 15 characters, no '/' or ':'")
            }
            Reason::MissingNextHop => {
                f.write_str("next hop missing; add via, dev or a type such as blackhole")
            }
            Reason::UnexpectedNextHop => f.write_str("a route of this type has no next hop"),
            Reason::GatewayFamily(Family::Inet) => {
                f.write_str("IPv6 gateway for an IPv4 prefix; use 'via inet6 ADDRESS'")
            }
            Reason::GatewayFamily(Family::Inet6) => {
                f.write_str("IPv4 gateway for an IPv6 prefix; use 'via inet ADDRESS'")
            }
        }
    }
}
