// SPDX-License-Identifier: GPL-2.0

//! The document `bench.json`: all results of one run of `make bench`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::guest::Guest;
use crate::noise::NoiseCheck;
use crate::row::{merge, Row};
use crate::targets::{judge, Outcome};
use crate::{answers, ratio};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cpus: usize,
    pub memory_mib: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bench {
    pub date: String,
    pub commit: String,
    pub machine: Machine,
    pub kernel: String,
    /// Whether the runs were too short for meaningful figures.
    pub quick: bool,
    /// Whether the machine was quiet at each check.
    #[serde(rename = "quiet")]
    pub is_quiet: bool,
    #[serde(rename = "looks")]
    pub noise_checks: Vec<NoiseCheck>,
    /// The number of streams whose answers equal the table's.
    pub compared: usize,
    #[serde(rename = "bars")]
    pub outcomes: Vec<Outcome>,
    pub rows: Vec<Row>,
}

/// Finds the value of a line `name : value`.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(key, _)| key.trim() == name)?;
    Some(value.trim())
}

impl Machine {
    /// Reads the description of this machine.
    pub fn this() -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).context(path.to_string());
        Ok(Self::parse(
            &read("/proc/cpuinfo")?,
            &read("/proc/meminfo")?,
        ))
    }

    fn parse(cpus: &str, memory: &str) -> Self {
        let kib =
            value(memory, "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        Self {
            processor: value(cpus, "model name").unwrap_or("unknown").into(),
            cpus: cpus
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            memory_mib: kib.unwrap_or(0) / 1024,
        }
    }
}

impl Bench {
    /// Makes a document of the results.
    ///
    /// Errors: the answers of a peer differ from the table's.
    pub fn new(guests: Vec<Guest>, user: Vec<Row>, noise_checks: Vec<NoiseCheck>) -> Result<Self> {
        let mut bench = Self {
            is_quiet: noise_checks.iter().all(NoiseCheck::is_quiet),
            noise_checks,
            ..Self::default()
        };
        let (mut rows, mut streams) = (Vec::new(), Vec::new());
        for guest in guests {
            bench.kernel = guest.kernel;
            rows.extend(guest.rows);
            // Streams of a boot without peers have nothing to compare with.
            if guest.streams.iter().any(answers::Stream::is_peers) {
                streams.extend(guest.streams);
            }
        }
        bench.compared = answers::compare(&streams)?;
        rows.extend(user);
        bench.rows = merge(rows);
        ratio::compare_all(&mut bench.rows);
        bench.outcomes = judge(&bench.rows);
        Ok(bench)
    }

    /// Reads a document.
    pub fn open(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("opening {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::row::read_lines;

    const GUEST: &str = "kernel Linux 7.3.4
section boot=peers set=real inet=1072529 inet6=176388
stream family=inet stream=b count=4096 addresses=1f52fb3db6a22325 answers=715eeb39a43ade68
row family=inet stream=b writer=none readers=1 min=20.00 median=22.00 max=24.00 wall=22.10 dropped=0
row family=inet stream=b writer=none readers=2 min=21.00 median=22.00 max=25.00 wall=22.10 dropped=0
stream peer=fib_trie family=inet stream=b count=4096 addresses=1f52fb3db6a22325 answers=715eeb39a43ade68
row peer=fib_trie family=inet stream=b readers=1 min=242.00 median=242.00 max=242.00 wall=242.10 dropped=0
row peer=fib_trie family=inet stream=b readers=2 min=251.00 median=251.00 max=251.00 wall=251.20 dropped=0
row peer=fib_trie family=inet change=add count=5000 min=2100 median=4400 p90=7000 p99=21000 max=250000
row family=inet reclaim=call change=add count=5000 min=310 median=700 p90=1100 p99=5100 max=90000 per_second=1200000 behind=4096
stream family=inet stream=b count=4096 addresses=1f52fb3db6a22325 answers=715eeb39a43ade68
row family=inet stream=b writer=none readers=1 min=18.00 median=20.00 max=24.00 wall=22.10 dropped=0
row peer=fib_trie family=inet stream=b readers=1 min=260.00 median=260.00 max=260.00 wall=260.10 dropped=0
";
    const TABLE: &str = "kernel Linux 7.3.4
section boot=table set=sample inet=1000
memory mib=0.4
stream family=inet stream=b count=4096 addresses=0052fb3db6a22325 answers=005eeb39a43ade68
row family=inet stream=b writer=none readers=1 min=4.00 median=5.00 max=6.00 wall=5.10 dropped=0
section boot=table set=sample inet=100000
memory mib=3.4
row family=inet stream=b writer=none readers=1 min=9.00 median=10.00 max=12.00 wall=10.10 dropped=0
";
    const USER: &str = r#"{"world":"user","part":"latency","what":"table","family":"inet","percentiles":[[50,20.5],[99,80],[99.9,300]]}
{"world":"user","part":"lookup","what":"rte_fib","family":"inet","stream":"b","way":"bulk","set":"sample","routes":1000,"median":4}
"#;

    /// A document as of a short run.
    pub fn example() -> Bench {
        let guests = [GUEST, TABLE].map(|text| Guest::read(text).expect("a report"));
        let check = NoiseCheck {
            before: "all".into(),
            load: 0.1,
            busy: 0.0,
            stolen: 0.0,
            spread: 1.01,
        };
        let bench = Bench::new(guests.into(), read_lines(USER).expect("rows"), vec![check]);
        bench.expect("equal answers")
    }

    #[test]
    fn rounds_are_merged_and_compared() {
        let bench = example();
        let find = |labels: &str| {
            bench
                .rows
                .iter()
                .find(|row| row.matches(labels))
                .expect("a row")
        };
        let peer = find("what=fib_trie stream=b readers=1");
        let times = ratio::times(peer).expect("a ratio");
        assert_eq!((times.low, times.value, times.high), (11.0, 11.0, 13.0));
        assert_eq!(
            (bench.compared, bench.is_quiet, bench.kernel.as_str()),
            (1, true, "Linux 7.3.4")
        );
    }

    #[test]
    fn a_peer_with_other_answers_is_an_error() {
        let guest = Guest::read(&GUEST.replacen("715e", "ffff", 1)).expect("a report");
        let error = Bench::new(vec![guest], Vec::new(), Vec::new()).expect_err("a difference");
        assert!(
            error
                .to_string()
                .starts_with("fib_trie gave different answers"),
            "{error}"
        );
    }

    #[test]
    fn a_written_document_is_read_unchanged() {
        let bench = example();
        let text = serde_json::to_string(&bench).expect("JSON");
        assert_eq!(serde_json::from_str::<Bench>(&text).expect("JSON"), bench);
    }

    #[test]
    fn the_machine_is_parsed_from_proc() {
        let cpus = "processor\t: 0\nmodel name\t: Example 3000\n\nprocessor\t: 1\nmodel name\t: Example 3000\n";
        let machine = Machine::parse(cpus, "MemTotal:        8388608 kB\nMemFree: 1 kB\n");
        assert_eq!(
            machine,
            Machine {
                processor: "Example 3000".into(),
                cpus: 2,
                memory_mib: 8192
            }
        );
    }
}
