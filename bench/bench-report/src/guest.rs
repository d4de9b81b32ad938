// SPDX-License-Identifier: GPL-2.0

//! Parses the output of `scripts/guest/bench`: the reports of the module and of the peers, and
//! lines that describe the reports after them.
//!
//! ```text
//!   kernel Linux 7.3.4                     the kernel of the guest
//!   section boot=peers set=real inet=1072529 inet6=176388
//!                                          labels and numbers of routes of the lines that follow
//!   result done                            a run of the module; any other result is an error
//!   row family=inet stream=b …             a row of the module: scale/row.rs
//!   row peer=fib_trie family=inet …        a row of a peer: bench/kernel-peers
//!   stream [peer=fib_trie] family=inet …   hashes of a stream: answers.rs
//!   filled peer=fib_trie family=inet …     loading of a peer
//!   filled seconds=1.23                    loading of the table; also dumped, flushed
//!   memory mib=12.3                        memory of the table
//! ```

use std::collections::BTreeMap;

use anyhow::{bail, Context, Result};

use crate::answers::Stream;
use crate::row::Row;

#[derive(Debug, Default)]
pub struct Guest {
    pub kernel: String,
    pub rows: Vec<Row>,
    pub streams: Vec<Stream>,
}

type Pairs<'a> = BTreeMap<&'a str, &'a str>;

fn pairs(words: &str) -> Result<Pairs<'_>> {
    words
        .split_whitespace()
        .map(|word| {
            word.split_once('=')
                .with_context(|| format!("expected KEY=VALUE, found {word:?}"))
        })
        .collect()
}

/// The number of routes of a family, or of both.
fn routes(section: &Pairs, family: Option<&str>) -> Option<u64> {
    let count = |family| {
        section
            .get(family)
            .and_then(|count: &&str| count.parse().ok())
    };
    match family {
        Some(family) => count(family),
        None => Some(count("inet").unwrap_or(0) + count("inet6").unwrap_or(0)),
    }
}

/// Finds the part of a row by its keys.
fn part(row: &Pairs) -> Result<&'static str> {
    let has = |key| row.contains_key(key);
    Ok(match () {
        () if has("change") => "update",
        () if has("stream") => "lookup",
        () if has("load") => "gp",
        () if has("kind") => "read",
        () => bail!("expected a row with change=, stream=, load= or kind="),
    })
}

/// Makes a row of `part` with the labels of its section.
fn new_row(section: &Pairs, part: &str, figures: &Pairs) -> Result<Row> {
    let mut row = Row::default();
    row.set("world", "kernel");
    row.set("part", part);
    for key in ["boot", "set"] {
        if let Some(value) = section.get(key) {
            row.set(key, *value);
        }
    }
    let is_about_routes = !matches!(part, "read" | "gp");
    if let Some(routes) =
        routes(section, figures.get("family").copied()).filter(|_| is_about_routes)
    {
        row.set("routes", routes);
    }
    row.set("what", "table");
    for (key, value) in figures {
        match *key {
            "peer" | "kind" => row.set("what", *value),
            // No figure: the readers were preempted in all batches.
            _ if *value == "-" => {}
            key => row.set_text(key, value),
        }
    }
    row.complete()?;
    Ok(row)
}

impl Guest {
    /// Parses the output of a guest.
    pub fn read(text: &str) -> Result<Self> {
        let mut guest = Self::default();
        let mut section = Pairs::new();
        for (number, line) in text.lines().enumerate() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            guest
                .add_line(&mut section, word, rest)
                .with_context(|| format!("line {}: {line:?}", number + 1))?;
        }
        Ok(guest)
    }

    fn add_line<'a>(&mut self, section: &mut Pairs<'a>, word: &str, rest: &'a str) -> Result<()> {
        match word {
            "kernel" => self.kernel = rest.into(),
            "section" => *section = pairs(rest)?,
            "result" if rest != "done" => bail!("a measurement failed or was stopped"),
            "failed" => bail!("a peer could not be filled"),
            "stream" => self.streams.push(Stream::new(&pairs(rest)?)?),
            "row" => {
                let row = pairs(rest)?;
                // This kernel lacks the primitive of an absent row.
                if !row.contains_key("absent") {
                    self.rows.push(new_row(section, part(&row)?, &row)?);
                }
            }
            "memory" => self.rows.push(new_row(section, "memory", &pairs(rest)?)?),
            "dumped" => self.rows.push(new_row(section, "dump", &pairs(rest)?)?),
            "flushed" => self.rows.push(new_row(section, "flush", &pairs(rest)?)?),
            "filled" => self.rows.push(filled(section, &pairs(rest)?)?),
            _ => {}
        }
        Ok(())
    }
}

/// Makes a row of the time of loading. Only the peers give it in milliseconds.
fn filled(section: &Pairs, line: &Pairs) -> Result<Row> {
    let mut row = new_row(section, "fill", line)?;
    if let Some(milliseconds) = row.number("milliseconds") {
        row.set("seconds", milliseconds / 1000.0);
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a real run, shortened.
    const TEXT: &str = "kernel Linux 7.3.4
section boot=peers set=real inet=1072529 inet6=176388
filled peer=fib_trie family=inet routes=1072529 milliseconds=12827
state idle
result done
runs 1
kind lookup
stream family=inet stream=b count=1048576 addresses=1f52fb3db6a22325 answers=715eeb39a43ade68
row family=inet stream=b writer=none readers=2 min=52.32 median=62.31 max=67.13 wall=73.82 dropped=0
row peer=fib_trie family=inet stream=b readers=1 min=249.97 median=259.94 max=279.08 wall=260.12 dropped=0
row peer=lpm_trie family=inet6 change=delete count=5000 min=410 median=790 p90=1210 p99=2201 max=85100
section boot=table
result done
row kind=rwlock readers=2 absent=1
row kind=rcu readers=2 min=- median=- max=- wall=10.74 dropped=4
row kind=call load=idle count=10 min=100 median=200 p90=300 p99=300 max=300
section boot=table set=sample inet=1000
memory mib=0.3
filled seconds=0.01
dumped seconds=0.02
flushed seconds=0.03";

    fn guest() -> Guest {
        Guest::read(TEXT).expect("a report")
    }

    #[test]
    fn a_line_becomes_a_row_of_its_section() {
        let guest = guest();
        let expected = [
            "world=kernel boot=peers part=fill set=real routes=1072529 family=inet what=fib_trie",
            "world=kernel boot=peers part=lookup set=real routes=1072529 family=inet stream=b what=table way=one readers=2 writer=none",
            "world=kernel boot=peers part=lookup set=real routes=1072529 family=inet stream=b what=fib_trie way=one readers=1 writer=none",
            "world=kernel boot=peers part=update set=real routes=176388 family=inet6 what=lpm_trie change=delete",
            "world=kernel boot=table part=read set=real what=rcu readers=2",
            "world=kernel boot=table part=gp set=real load=idle what=call",
            "world=kernel boot=table part=memory set=sample routes=1000 what=table",
            "world=kernel boot=table part=fill set=sample routes=1000 what=table",
            "world=kernel boot=table part=dump set=sample routes=1000 what=table",
            "world=kernel boot=table part=flush set=sample routes=1000 what=table",
        ];
        let found: Vec<String> = guest
            .rows
            .iter()
            .map(|row| {
                let labels = row.labels();
                let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
                labels.collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(found, expected);
        assert_eq!(
            (guest.kernel.as_str(), guest.streams.len()),
            ("Linux 7.3.4", 1)
        );
    }

    #[test]
    fn figures_are_parsed_unchanged() {
        let rows = guest().rows;
        assert_eq!(rows[0].number("seconds"), Some(12.827));
        assert_eq!(rows[2].number("median"), Some(259.94));
        assert_eq!(rows[3].number("p99"), Some(2201.0));
        assert_eq!(
            (rows[4].figure(), rows[4].number("wall")),
            (None, Some(10.74))
        );
        assert_eq!(rows[4].label("median"), None);
        assert_eq!(rows[6].figure(), Some(0.3));
    }

    #[test]
    fn failed_and_stopped_runs_and_invalid_lines_are_errors() {
        for (good, bad) in [
            ("result done", "result failed 12"),
            ("result done", "result stopped"),
            ("filled peer=", "failed peer="),
            ("median=259.94", "median"),
            ("stream=b writer=none", "writer=none"),
        ] {
            let text = TEXT.replacen(good, bad, 1);
            assert_ne!(text, TEXT);
            let error = Guest::read(&text).expect_err(bad);
            assert!(format!("{error:#}").starts_with("line "), "{error:#}");
        }
    }
}
