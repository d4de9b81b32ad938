// SPDX-License-Identifier: GPL-2.0

//! Next hops.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str,
};

/// The name of a network device: 1 to 15 bytes (`IFNAMSIZ`).
///
/// As in the kernel, it contains no space, slash or colon. `#` and the backslash are excluded too:
/// in the device's protocol they start a comment, and continue a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DevName {
    /// Padded with zeros.
    bytes: [u8; Self::MAX_LEN],
}

impl DevName {
    /// The maximum length in bytes.
    pub const MAX_LEN: usize = 15;

    /// Returns a device name if `name` is valid.
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.len() <= Self::MAX_LEN && name != "." && name != "..";
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"/:#\\".contains(&byte));
        if !fits || !plain {
            return None;
        }
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Some(Self { bytes })
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        let len = self
            .bytes
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(Self::MAX_LEN);
        str::from_utf8(&self.bytes[..len]).unwrap_or("")
    }
}

/// The bits of the slot in the identity of a nameless object.
pub(super) const SLOT_BITS: u32 = 17;

/// The identity of a next-hop object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HopId(u64);

impl HopId {
    /// Returns the identity of the object with a number, as in `nhid 5`.
    pub const fn new(number: u32) -> Self {
        Self(number as u64)
    }

    /// Returns the identity of a nameless object, which holds the legs of multipath routes. No two
    /// such objects have the same serial number.
    pub(super) const fn nameless(serial: u64, slot: u32) -> Self {
        Self((1 << 63) | (serial << SLOT_BITS) | slot as u64)
    }

    /// Returns the slot of a nameless object; none for an object with a number.
    pub(super) const fn nameless_slot(self) -> Option<u32> {
        match self.number() {
            Some(_) => None,
            None => Some((self.0 & ((1 << SLOT_BITS) - 1)) as u32),
        }
    }

    /// Returns the number; none for a nameless object.
    pub const fn number(self) -> Option<u32> {
        match self.0 >> 32 {
            0 => Some(self.0 as u32),
            _ => None,
        }
    }
}

/// The maximum number of next hops of a route, and of members of a group.
pub const MAX_LEGS: usize = 256;

/// The treatment of packets that match a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NextHop {
    /// Sent to a gateway of either family, optionally through a named device.
    Via(IpAddr, Option<DevName>),
    /// Sent directly to the link of a device.
    Dev(DevName),
    /// Discarded silently.
    Blackhole,
    /// Discarded, with ICMP host unreachable.
    Unreachable,
    /// Discarded, with ICMP communication administratively prohibited.
    Prohibit,
    /// No route of this table serves them, as if the table had none.
    Throw,
    /// Delivered to this machine, optionally through a named device.
    Local(Option<DevName>),
    /// The treatment by a next-hop object, which routes share.
    Object(HopId),
}

impl NextHop {
    /// Returns whether `named` matches this next hop as in `ip route del`: a gateway alone matches
    /// any device, and a device alone matches any gateway.
    pub fn is_named_by(&self, named: &NextHop) -> bool {
        match (self, named) {
            (NextHop::Via(gateway, _), NextHop::Via(named, None)) => gateway == named,
            (NextHop::Via(_, dev), NextHop::Dev(named)) => *dev == Some(*named),
            (NextHop::Local(_), NextHop::Local(None)) => true,
            _ => self == named,
        }
    }
}

/// A next hop encoded as words. Equal next hops have equal words.
pub(super) type Words = [u64; 4];

/// The types of next hops, in the low byte of the last word. Its upper bytes belong to the device
/// name.
const VIA_INET: u64 = 1;
const VIA_INET6: u64 = 2;
const DEV: u64 = 3;
const BLACKHOLE: u64 = 4;
const UNREACHABLE: u64 = 5;
const PROHIBIT: u64 = 6;
const THROW: u64 = 7;
const LOCAL: u64 = 8;
const OBJECT: u64 = 9;

impl DevName {
    fn to_words(self) -> [u64; 2] {
        let mut bytes = [0; 16];
        bytes[..Self::MAX_LEN].copy_from_slice(&self.bytes);
        let words = u128::from_be_bytes(bytes);
        [(words >> 64) as u64, words as u64]
    }

    fn from_words(first: u64, last: u64) -> Option<Self> {
        let words = (u128::from(first) << 64) | u128::from(last & !0xff);
        let mut bytes = [0; Self::MAX_LEN];
        bytes.copy_from_slice(&words.to_be_bytes()[..Self::MAX_LEN]);
        (words != 0).then_some(Self { bytes })
    }
}

impl NextHop {
    /// Encodes the next hop. `slot` is the slot of its object, or 0.
    pub(super) fn to_words(self, slot: u32) -> Words {
        let (tag, gateway, dev) = match self {
            NextHop::Via(IpAddr::V4(gateway), dev) => (VIA_INET, u32::from(gateway).into(), dev),
            NextHop::Via(IpAddr::V6(gateway), dev) => (VIA_INET6, u128::from(gateway), dev),
            NextHop::Dev(dev) => (DEV, 0, Some(dev)),
            NextHop::Blackhole => (BLACKHOLE, 0, None),
            NextHop::Unreachable => (UNREACHABLE, 0, None),
            NextHop::Prohibit => (PROHIBIT, 0, None),
            NextHop::Throw => (THROW, 0, None),
            NextHop::Local(dev) => (LOCAL, 0, dev),
            NextHop::Object(id) => return [id.0, 0, slot.into(), OBJECT],
        };
        let [first, last] = dev.map_or([0; 2], DevName::to_words);
        [(gateway >> 64) as u64, gateway as u64, first, last | tag]
    }

    pub(super) fn from_words(&[high, low, first, last]: &Words) -> Self {
        let dev = DevName::from_words(first, last);
        let wide = (u128::from(high) << 64) | u128::from(low);
        match (last & 0xff, dev) {
            (VIA_INET, dev) => NextHop::Via(Ipv4Addr::from(low as u32).into(), dev),
            (VIA_INET6, dev) => NextHop::Via(Ipv6Addr::from(wide).into(), dev),
            (DEV, Some(dev)) => NextHop::Dev(dev),
            (UNREACHABLE, _) => NextHop::Unreachable,
            (PROHIBIT, _) => NextHop::Prohibit,
            (THROW, _) => NextHop::Throw,
            (LOCAL, dev) => NextHop::Local(dev),
            (OBJECT, _) => NextHop::Object(HopId(high)),
            _ => NextHop::Blackhole,
        }
    }
}

/// Returns the slot of the object that a next hop of these words names; 0 for other next hops.
pub(super) fn slot_of(&[_, _, first, last]: &Words) -> u32 {
    match last & 0xff {
        OBJECT => first as u32,
        _ => 0,
    }
}

impl fmt::Display for HopId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Some(number) => write!(f, "nhid {number}"),
            None => f.write_str("nexthop"),
        }
    }
}

impl fmt::Display for DevName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
