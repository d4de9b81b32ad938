// SPDX-License-Identifier: GPL-2.0

//! Addresses in the representation that most tables use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcu_routes::rcu_table::BulkAddress;
use table_bench::stream;

/// An address of one family.
pub trait Address: Copy + Ord + Send + Sync + 'static {
    /// The standard library's type.
    type Ip: stream::Address + BulkAddress;

    const FAMILY: &'static str;

    const BITS: u8;

    fn from_ip(ip: Self::Ip) -> Self;

    fn to_ip(self) -> Self::Ip;

    #[inline(always)]
    fn ip(self) -> IpAddr {
        self.to_ip().into()
    }

    /// The address of gateway number `number`.
    fn gateway(number: u32) -> IpAddr;

    /// The number of a gateway, from the lowest 64 bits of its address.
    fn gateway_number(lowest: u64) -> u32;

    /// Makes an address of the most significant bits.
    fn from_leading(bits: u128) -> Self {
        Self::from_ip(<Self::Ip as stream::Address>::from_leading(bits))
    }

    /// The address, left-aligned.
    fn leading(self) -> u128 {
        <Self::Ip as stream::Address>::leading(self.ip())
    }
}

/// IPv4, in host byte order.
impl Address for u32 {
    type Ip = Ipv4Addr;
    const FAMILY: &'static str = "inet";
    const BITS: u8 = 32;

    fn from_ip(ip: Ipv4Addr) -> Self {
        ip.to_bits()
    }

    #[inline(always)]
    fn to_ip(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self)
    }

    fn gateway(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(GATEWAYS | number).into()
    }

    fn gateway_number(lowest: u64) -> u32 {
        lowest as u32 & !GATEWAYS
    }
}

/// The network of the IPv4 gateways: 10.0.0.0/8.
const GATEWAYS: u32 = 10 << 24;

/// IPv6, in network byte order.
impl Address for [u8; 16] {
    type Ip = Ipv6Addr;
    const FAMILY: &'static str = "inet6";
    const BITS: u8 = 128;

    fn from_ip(ip: Ipv6Addr) -> Self {
        ip.octets()
    }

    #[inline(always)]
    fn to_ip(self) -> Ipv6Addr {
        Ipv6Addr::from(self)
    }

    fn gateway(number: u32) -> IpAddr {
        Ipv6Addr::from_bits((0xfd << 120) | u128::from(number)).into()
    }

    fn gateway_number(lowest: u64) -> u32 {
        lowest as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_gateway_contains_its_number() {
        for number in [1, 0xffff] {
            let IpAddr::V4(gateway) = u32::gateway(number) else {
                panic!("not a gateway of IPv4")
            };
            assert_eq!(u32::gateway_number(gateway.to_bits().into()), number);
            let IpAddr::V6(gateway) = <[u8; 16]>::gateway(number) else {
                panic!("not a gateway of IPv6")
            };
            assert_eq!(<[u8; 16]>::gateway_number(gateway.to_bits() as u64), number);
        }
    }
}
