// SPDX-License-Identifier: GPL-2.0

//! Prefixes: an address and a number of significant leading bits.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// An address family, in the order in which the table is dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4, iproute2's `inet`.
    Inet,
    /// IPv6, iproute2's `inet6`.
    Inet6,
}

impl Family {
    /// Both families, in the order of a dump.
    pub const ALL: [Self; 2] = [Self::Inet, Self::Inet6];

    /// Returns the families that an optional filter selects.
    pub(super) fn selected(filter: Option<Self>) -> impl Iterator<Item = Self> {
        let families = Self::ALL.into_iter();
        families.filter(move |family| filter.iter().all(|only| only == family))
    }

    /// Returns the number of bits in an address.
    pub const fn bits(self) -> u8 {
        match self {
            Family::Inet => 32,
            Family::Inet6 => 128,
        }
    }

    /// Returns the family of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Family::Inet,
            IpAddr::V6(_) => Family::Inet6,
        }
    }
}

/// Returns an address as a bit string: its first bit is the topmost in both families.
pub(super) fn left_aligned(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// Returns a mask with the leading `len` bits set.
pub(super) const fn mask(len: u8) -> u128 {
    match len {
        0 => 0,
        _ => u128::MAX << (128 - len as u32),
    }
}

/// The reason why an address and a length are not a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// The length exceeds the bits of the address.
    TooLong,
    /// Bits beyond the length are set.
    HostBits,
}

/// A prefix without host bits. Prefixes sort in the order of a dump: family, address, length.
///
/// # Invariants
///
/// `len` is at most the family's bits; no bit of `bits` beyond `len` is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    family: Family,
    bits: u128,
    len: u8,
}

impl Prefix {
    /// Returns the prefix `address/len`.
    ///
    /// Errors: the length is too long, or host bits are set.
    pub fn new(address: IpAddr, len: u8) -> Result<Self, PrefixError> {
        let family = Family::of(address);
        if len > family.bits() {
            return Err(PrefixError::TooLong);
        }
        let bits = left_aligned(address);
        if bits & !mask(len) != 0 {
            return Err(PrefixError::HostBits);
        }
        // INVARIANT: The length and the host bits were checked above.
        Ok(Self { family, bits, len })
    }

    /// Returns the prefix `address/len` with the host bits cleared.
    pub fn network(address: IpAddr, len: u8) -> Self {
        Self::covering(Family::of(address), left_aligned(address), len)
    }

    /// Returns the prefix of `len` bits that covers `bits`.
    pub(super) fn covering(family: Family, bits: u128, len: u8) -> Self {
        let len = len.min(family.bits());
        // INVARIANT: The length was limited above; the mask clears the host bits.
        Self {
            family,
            bits: bits & mask(len),
            len,
        }
    }

    /// Returns the family.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Returns the length in bits.
    // A prefix is not a container. `expect` does not work: only the kernel build enables the lint.
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// Returns whether this is the prefix of a default route, which covers every address.
    pub const fn is_default(&self) -> bool {
        self.len == 0
    }

    /// Returns whether the prefix covers `address`.
    pub fn covers(&self, address: IpAddr) -> bool {
        self.family == Family::of(address) && left_aligned(address) & mask(self.len) == self.bits
    }

    /// Returns the address as a bit string; see [`left_aligned`].
    pub(super) const fn bits(&self) -> u128 {
        self.bits
    }

    /// Returns the network address.
    pub fn address(&self) -> IpAddr {
        match self.family {
            Family::Inet => IpAddr::V4(Ipv4Addr::from((self.bits >> 96) as u32)),
            Family::Inet6 => IpAddr::V6(Ipv6Addr::from(self.bits)),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.len)
    }
}
