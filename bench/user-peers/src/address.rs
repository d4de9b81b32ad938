// SPDX-License-Identifier: GPL-2.0

//! Addresses in the form in which most tables take them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use table_bench::stream;

/// An address of one family.
pub trait Address: Copy + Ord + Send + Sync + 'static {
    /// The same as the standard library has it.
    type Ip: stream::Address;

    /// The family's name.
    const FAMILY: &'static str;

    /// How many bits it has.
    const BITS: u8;

    /// From the standard library's.
    fn from_ip(ip: Self::Ip) -> Self;

    /// As the standard library has it.
    fn ip(self) -> IpAddr;

    /// The address of gateway number `number`.
    fn gateway(number: u32) -> IpAddr;

    /// The gateway's number, from the lowest 64 bits of its address.
    fn number(lowest: u64) -> u32;

    /// From its leading bits.
    fn from_leading(bits: u128) -> Self {
        Self::from_ip(<Self::Ip as stream::Address>::from_leading(bits))
    }

    /// As leading bits.
    fn leading(self) -> u128 {
        <Self::Ip as stream::Address>::leading(self.ip())
    }
}

/// IPv4, in the processor's order.
impl Address for u32 {
    type Ip = Ipv4Addr;
    const FAMILY: &'static str = "inet";
    const BITS: u8 = 32;

    fn from_ip(ip: Ipv4Addr) -> Self {
        ip.to_bits()
    }

    #[inline(always)]
    fn ip(self) -> IpAddr {
        Ipv4Addr::from_bits(self).into()
    }

    fn gateway(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(GATEWAYS | number).into()
    }

    fn number(lowest: u64) -> u32 {
        lowest as u32 & !GATEWAYS
    }
}

/// Where IPv4 gateways are: in 10.0.0.0/8.
const GATEWAYS: u32 = 10 << 24;

/// IPv6, as it stands in a packet.
impl Address for [u8; 16] {
    type Ip = Ipv6Addr;
    const FAMILY: &'static str = "inet6";
    const BITS: u8 = 128;

    fn from_ip(ip: Ipv6Addr) -> Self {
        ip.octets()
    }

    #[inline(always)]
    fn ip(self) -> IpAddr {
        Ipv6Addr::from(self).into()
    }

    fn gateway(number: u32) -> IpAddr {
        Ipv6Addr::from_bits((0xfd << 120) | u128::from(number)).into()
    }

    fn number(lowest: u64) -> u32 {
        lowest as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_has_its_number() {
        for number in [1, 0xffff] {
            let IpAddr::V4(gateway) = u32::gateway(number) else {
                panic!("a gateway of IPv4")
            };
            assert_eq!(u32::number(gateway.to_bits().into()), number);
            let IpAddr::V6(gateway) = <[u8; 16]>::gateway(number) else {
                panic!("a gateway of IPv6")
            };
            assert_eq!(<[u8; 16]>::number(gateway.to_bits() as u64), number);
        }
    }
}
