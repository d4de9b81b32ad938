// SPDX-License-Identifier: GPL-2.0

//! `device-bench`: measures lookups through `RUST_RCU_DEMO_IOC_LOOKUP`.
//!
//! ```text
//!   device-bench ROUTES
//! ```
//!
//! ROUTES is a file with the routes of the device's table, one a line; each line begins with the
//! prefix. The program looks up random addresses in random prefixes: stream b of `scale=lookup`.
//! Each call returns the whole routes of a batch of addresses. It prints a row for each family:
//!
//! ```text
//!   row family=inet stream=b way=ioctl readers=1 writer=none min=61.20 median=62.07 max=64.91
//! ```
//!
//! The figures are nanoseconds per address, of the fastest, the median and the slowest pass. They
//! include the system call and both copies.

#![deny(unsafe_code)]

mod device;
#[path = "../../../scale/quantile.rs"]
mod quantile;

use std::{
    fs::{self, File},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{ensure, Context, Result};
use clap::Parser;
use ipnet::IpNet;
use rand_pcg::{rand_core::Rng, Pcg64Mcg};

use device::{
    ioctl,
    uapi::{Address, Route, AF_INET, AF_INET6, TYPE_NONE},
};
use quantile::quantile;

const DEVICE: &str = "/dev/rust_rcu_demo";

/// Measure lookups through the ioctl of /dev/rust_rcu_demo
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// File with the routes of the device's table
    routes: PathBuf,

    /// Number of addresses of each family
    #[arg(long, value_name = "N", default_value_t = 1 << 20, value_parser = clap::value_parser!(u32).range(1..))]
    lookups: u32,

    /// Number of addresses in each call
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch: u32,

    /// Number of passes over the addresses
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,
}

/// Reads the prefixes of both families: IPv4 and IPv6.
fn read_prefixes(path: &Path) -> Result<[Vec<IpNet>; 2]> {
    let text = fs::read_to_string(path).with_context(|| format!("opening {}", path.display()))?;
    let mut families = [Vec::new(), Vec::new()];
    for (number, line) in text.lines().enumerate() {
        let word = line.split(' ').next().unwrap_or_default();
        let prefix: IpNet = word
            .parse()
            .with_context(|| format!("line {}: expected a prefix, found {word:?}", number + 1))?;
        families[usize::from(prefix.addr().is_ipv6())].push(prefix);
    }
    Ok(families)
}

/// Returns a random address in `prefix`.
fn inside(prefix: IpNet, random: &mut Pcg64Mcg) -> IpAddr {
    let host = (u128::from(random.next_u64()) << 64) | u128::from(random.next_u64());
    match prefix {
        IpNet::V4(prefix) => {
            IpAddr::V4(prefix.network() | (prefix.hostmask() & Ipv4Addr::from(host as u32)))
        }
        IpNet::V6(prefix) => {
            IpAddr::V6(prefix.network() | (prefix.hostmask() & Ipv6Addr::from(host)))
        }
    }
}

fn encode(address: IpAddr) -> Address {
    let mut encoded = Address::default();
    match address {
        IpAddr::V4(address) => {
            encoded.family = AF_INET;
            encoded.bytes[..4].copy_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            encoded.family = AF_INET6;
            encoded.bytes = address.octets();
        }
    }
    encoded
}

/// Looks up all addresses, `batch` in each call. Returns how many have a route.
fn pass(device: &File, addresses: &[Address], batch: usize) -> Result<usize> {
    let mut routes = vec![Route::default(); batch];
    let mut routed = 0;
    for addresses in addresses.chunks(batch) {
        let mut done = 0;
        while done < addresses.len() {
            let answer = ioctl::lookup(device, &addresses[done..], &mut routes);
            answer.result.context("RUST_RCU_DEMO_IOC_LOOKUP")?;
            let is_routed = |route: &&Route| route.kind != TYPE_NONE;
            routed += routes[..answer.done].iter().filter(is_routed).count();
            done += answer.done;
        }
    }
    Ok(routed)
}

/// Measures the family of `prefixes`, and prints its row.
fn measure(device: &File, family: &str, prefixes: &[IpNet], cli: &Cli) -> Result<()> {
    // The fixed seed makes each run look up the same addresses.
    let random = &mut Pcg64Mcg::new(1);
    let address = |_| {
        let prefix = prefixes[(random.next_u64() % prefixes.len() as u64) as usize];
        encode(inside(prefix, random))
    };
    let addresses: Vec<_> = (0..cli.lookups).map(address).collect();
    // The first pass also maps the memory of the addresses, so its time does not count.
    let routed = pass(device, &addresses, cli.batch as usize)?;
    ensure!(
        routed == addresses.len(),
        "{} of {} {family} addresses have no route: the table must have all routes of the file",
        addresses.len() - routed,
        addresses.len()
    );
    let mut figures = Vec::new();
    for _ in 0..cli.runs {
        let begin = Instant::now();
        pass(device, &addresses, cli.batch as usize)?;
        figures.push(begin.elapsed().as_nanos() as f64 / addresses.len() as f64);
    }
    figures.sort_by(f64::total_cmp);
    let at = |percent| quantile(&figures, percent, 100).unwrap_or(f64::NAN);
    println!(
        "row family={family} stream=b way=ioctl readers=1 writer=none min={:.2} median={:.2} max={:.2}",
        at(0), at(50), at(100)
    );
    Ok(())
}

fn run(cli: &Cli) -> Result<()> {
    let device = File::open(DEVICE).with_context(|| format!("opening {DEVICE}"))?;
    for (family, prefixes) in ["inet", "inet6"].iter().zip(read_prefixes(&cli.routes)?) {
        if !prefixes.is_empty() {
            measure(&device, family, &prefixes, cli)?;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("device-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn addresses_keep_the_prefix_and_vary_the_host_bits() {
        let random = &mut Pcg64Mcg::new(1);
        for text in [
            "10.1.0.0/16",
            "0.0.0.0/0",
            "2001:db8::/32",
            "::/0",
            "192.0.2.1/32",
        ] {
            let prefix: IpNet = text.parse().expect("a prefix");
            let addresses: Vec<_> = (0..100).map(|_| inside(prefix, random)).collect();
            assert!(
                addresses.iter().all(|address| prefix.contains(address)),
                "{text}"
            );
            let varies = addresses.iter().any(|address| *address != addresses[0]);
            assert_eq!(
                varies,
                prefix.prefix_len() != prefix.max_prefix_len(),
                "{text}"
            );
        }
    }
}
