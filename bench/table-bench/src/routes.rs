// SPDX-License-Identifier: GPL-2.0

//! Reads routes from a file: one line `PREFIX via GATEWAY` per route.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{anyhow, Context, Result};
use rcu_routes::rcu_table::{NextHop, Prefix, Route};

/// Reads a file.
///
/// Errors: the file cannot be read, or a line is not a route; the error names the line.
pub fn read(path: &Path) -> Result<Vec<Route>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("opening {name}"))?;
    let mut routes = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("reading {name}"))?;
        let route = parse(&line).with_context(|| format!("{name}:{}: {line:?}", index + 1))?;
        routes.push(route);
    }
    Ok(routes)
}

fn parse(line: &str) -> Result<Route> {
    let (prefix, gateway) = line
        .split_once(" via ")
        .context("expected PREFIX via GATEWAY")?;
    let (address, len) = prefix.split_once('/').context("expected ADDRESS/LENGTH")?;
    let prefix = Prefix::new(address.parse()?, len.parse()?);
    Ok(Route {
        prefix: prefix.map_err(|error| anyhow!("{error:?}"))?,
        metric: 0,
        next_hop: NextHop::Via(gateway.parse()?, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_route_is_printed_unchanged() {
        for line in ["1.0.0.0/24 via 10.0.52.23", "2606:4700::/32 via fd00::3417"] {
            let route = parse(line).expect("a route");
            assert_eq!(route.to_string(), line);
        }
    }

    #[test]
    fn an_invalid_line_is_refused() {
        for line in [
            "",
            "1.0.0.0/24",
            "1.0.0.0 via 10.0.0.1",
            "1.0.0.1/24 via 10.0.0.1",
            "1.0.0.0/33 via 10.0.0.1",
            "1.0.0.0/24 via nowhere",
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }
}
