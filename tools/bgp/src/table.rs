// SPDX-License-Identifier: GPL-2.0

//! The table file: `PREFIX AS` a line, in no particular order.
//!
//! The file of `iptrie` 0.11.2 has 1,248,917 lines: 1,072,529 prefixes of IPv4 and 176,388 of IPv6,
//! no two alike, both default routes counted. AS 0 (163,595 lines) is an AS like any other here.
//! One prefix has host bits set, 172.20.0.0/12; they are cleared, because the device refuses them,
//! and no other line has what remains, 172.16.0.0/12.

use std::io::BufRead;

use anyhow::{Context, Result};

use crate::prefix::Prefix;
use crate::route::Route;

/// Routes in the order of the device's table, one for each prefix.
pub struct Table {
    routes: Vec<Route>,
    /// Where IPv6 begins.
    v6: usize,
}

impl Table {
    /// Reads a file. If it names a prefix twice, the first line counts.
    pub fn read(mut lines: impl BufRead) -> Result<Self> {
        let mut routes = Vec::new();
        let mut line = String::new();
        for number in 1_u64.. {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                break;
            }
            routes.push(
                route(&line).with_context(|| format!("line {number}: {:?}", line.trim_end()))?,
            );
        }
        routes.sort_by_key(|route| route.prefix);
        routes.dedup_by_key(|route| route.prefix);
        Ok(Self::sorted(routes))
    }

    fn sorted(routes: Vec<Route>) -> Self {
        let v6 = routes.partition_point(|route| matches!(route.prefix, Prefix::V4 { .. }));
        Self { routes, v6 }
    }

    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    pub fn v4(&self) -> &[Route] {
        &self.routes[..self.v6]
    }

    pub fn v6(&self) -> &[Route] {
        &self.routes[self.v6..]
    }

    /// `limit` of the routes, spread evenly: from each of as many equal parts the middle one. So a
    /// real subset has no default route, and some addresses have no answer.
    pub fn spread(self, limit: usize) -> Self {
        let all = self.routes.len();
        if limit >= all {
            return self;
        }
        let middle = |part: usize| (2 * part + 1) * all / (2 * limit);
        Self::sorted((0..limit).map(|part| self.routes[middle(part)]).collect())
    }
}

fn route(line: &str) -> Result<Route> {
    let (prefix, origin) = line
        .trim_end()
        .split_once(' ')
        .context("not a prefix and an AS")?;
    Ok(Route {
        prefix: prefix.parse()?,
        origin: origin.parse().context("not an AS")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Table {
        Table::read(text.as_bytes()).expect("a table")
    }

    fn lines(table: &Table) -> Vec<String> {
        table.routes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn routes_are_sorted_and_unique() {
        let table =
            read("::/0 5\n10.0.0.0/9 2\n10.0.0.0/8 1\n172.20.0.0/12 3\n10.0.0.0/8 4\n0.0.0.0/0 0");
        assert_eq!(
            lines(&table),
            [
                "0.0.0.0/0 via 10.0.0.0",
                "10.0.0.0/8 via 10.0.0.1",
                "10.0.0.0/9 via 10.0.0.2",
                "172.16.0.0/12 via 10.0.0.3",
                "::/0 via fd00::5",
            ]
        );
        assert_eq!((table.v4().len(), table.v6().len()), (4, 1));
    }

    #[test]
    fn a_limit_takes_an_even_part() {
        let text = (0..100)
            .map(|net| format!("{net}.0.0.0/8 1\n"))
            .collect::<Vec<_>>()
            .concat();
        let nets = |limit| -> Vec<String> {
            let table = read(&text).spread(limit);
            lines(&table)
                .iter()
                .map(|line| line.split('.').next().unwrap_or("").into())
                .collect()
        };
        assert_eq!(nets(4), ["12", "37", "62", "87"]);
        assert_eq!(nets(1), ["50"]);
        assert!(nets(0).is_empty());
        assert_eq!(nets(100).len(), 100);
        assert_eq!(nets(1000).len(), 100);
        let mut many = nets(99);
        many.dedup();
        assert_eq!(many.len(), 99);
    }

    #[test]
    fn a_limited_table_still_knows_its_families() {
        let table = read("1.0.0.0/8 1\n2.0.0.0/8 1\n1::/16 1\n2::/16 1\n").spread(2);
        assert_eq!(
            lines(&table),
            ["2.0.0.0/8 via 10.0.0.1", "2::/16 via fd00::1"]
        );
        assert_eq!((table.v4().len(), table.v6().len()), (1, 1));
    }

    #[test]
    fn a_bad_line_is_named() {
        for bad in [
            "10.0.0.0/8",
            "10.0.0.0/8 x",
            "10.0.0.0/40 1",
            "10.0.0.0/8 1 2",
            "",
        ] {
            let text = format!("10.0.0.0/8 1\n{bad}\n");
            let Err(error) = Table::read(text.as_bytes()) else {
                panic!("{bad:?} was read");
            };
            assert!(format!("{error:#}").starts_with("line 2: "), "{error:#}");
        }
    }
}
