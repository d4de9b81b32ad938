// SPDX-License-Identifier: GPL-2.0

//! The bars: what the table has to reach, and whether it did.

use serde::{Deserialize, Serialize};

use crate::ratio::ratio;
use crate::row::{Row, Spread};

/// What is measured of rows, which are given by their labels.
#[derive(Debug)]
enum Measure {
    /// So many times the figure of one row is that of another.
    Ratio {
        over: String,
        under: String,
        factor: f64,
    },
    /// A figure of a row.
    Figure { row: String, factor: f64 },
    /// The 99th percentile of a row to its median.
    Tail { row: String },
}

/// A bar.
#[derive(Debug)]
struct Bar {
    what: String,
    measure: Measure,
    unit: &'static str,
    at_least: Option<f64>,
    at_most: Option<f64>,
}

/// What came of a bar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub what: String,
    pub target: String,
    pub unit: String,
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Nothing if it was not measured.
    pub holds: Option<bool>,
    /// What is missing, as a part of the target.
    pub missed_by: Option<f64>,
}

impl Measure {
    fn spread(&self, rows: &[Row]) -> Option<Spread> {
        let find = |labels: &str| rows.iter().find(|row| row.matches(labels));
        match self {
            Self::Ratio {
                over,
                under,
                factor,
            } => Some(ratio(find(over)?, find(under)?)?.scaled(*factor)),
            Self::Figure { row, factor } => Some(find(row)?.spread()?.scaled(*factor)),
            Self::Tail { row } => {
                let row = find(row)?;
                Spread::of(&[row.number("p99")? / row.number("median")?])
            }
        }
    }
}

impl Bar {
    fn outcome(&self, rows: &[Row]) -> Outcome {
        let spread = self
            .measure
            .spread(rows)
            .filter(|spread| spread.value.is_finite());
        let value = spread.map(|spread| spread.value);
        let missed_by = value.and_then(|value| match (self.at_least, self.at_most) {
            (Some(least), _) => Some(1.0 - value / least),
            (_, Some(most)) => Some(value / most - 1.0),
            _ => None,
        });
        let (word, target) = match (self.at_least, self.at_most) {
            (Some(least), _) => ("≥", least),
            (_, most) => ("≤", most.unwrap_or(0.0)),
        };
        Outcome {
            what: self.what.clone(),
            target: format!("{word} {target}"),
            unit: self.unit.into(),
            value,
            low: spread.map(|spread| spread.low),
            high: spread.map(|spread| spread.high),
            holds: missed_by.map(|part| part <= 0.0),
            missed_by: missed_by.filter(|part| *part > 0.0),
        }
    }
}

impl Outcome {
    /// In words.
    pub fn verdict(&self) -> String {
        match (self.holds, self.missed_by) {
            (Some(true), _) => "holds".into(),
            (_, Some(part)) => format!("MISSED by {:.0} %", (part * 100.0).max(1.0)),
            _ => "not measured".into(),
        }
    }
}

/// A lookup by one reader that nobody disturbs, one address at a time.
fn lookup(world: &str, what: &str, family: &str, stream: &str) -> String {
    let boot = if world == "kernel" { "boot=peers" } else { "" };
    format!(
        "world={world} part=lookup what={what} family={family} stream={stream} way=one readers=1 writer=none set=real {boot}"
    )
}

fn update(world: &str, what: &str, family: &str, change: &str) -> String {
    let boot = if world == "kernel" { "boot=peers" } else { "" };
    let reclaim = if what == "table" { "reclaim=call" } else { "" };
    format!("world={world} part=update what={what} family={family} change={change} set=real {boot} {reclaim}")
}

fn beside_writer(family: &str, readers: u32, writer: &str) -> String {
    format!(
        "world=kernel boot=table part=lookup what=table family={family} stream=b readers={readers} writer={writer} set=real"
    )
}

const FAMILIES: [(&str, &str); 2] = [("inet", "IPv4"), ("inet6", "IPv6")];
const CHANGES: [&str; 2] = ["add", "delete"];

/// Collects bars.
#[derive(Default)]
struct Bars(Vec<Bar>);

impl Bars {
    fn push(
        &mut self,
        what: String,
        measure: Measure,
        unit: &'static str,
        at_least: Option<f64>,
        at_most: Option<f64>,
    ) {
        self.0.push(Bar {
            what,
            measure,
            unit,
            at_least,
            at_most,
        });
    }

    fn ratio_at_least(
        &mut self,
        what: String,
        over: String,
        under: String,
        factor: f64,
        least: f64,
    ) {
        self.push(
            what,
            Measure::Ratio {
                over,
                under,
                factor,
            },
            "×",
            Some(least),
            None,
        );
    }

    fn ratio_at_most(&mut self, what: String, over: String, under: String, most: f64) {
        let factor = 1.0;
        self.push(
            what,
            Measure::Ratio {
                over,
                under,
                factor,
            },
            "×",
            None,
            Some(most),
        );
    }

    fn figure_at_most(
        &mut self,
        what: String,
        row: String,
        factor: f64,
        unit: &'static str,
        most: f64,
    ) {
        self.push(
            what,
            Measure::Figure { row, factor },
            unit,
            None,
            Some(most),
        );
    }

    /// Against the kernel's own tables.
    fn kernel_lookups(&mut self) {
        for (family, stream, peer, least) in [
            ("inet", "b", "fib_trie", 12.0),
            ("inet", "b", "lpm_trie", 60.0),
            ("inet", "c", "fib_trie", 8.0),
            ("inet6", "b", "fib6", 15.0),
            ("inet6", "c", "fib6", 7.0),
            ("inet6", "b", "lpm_trie", 15.0),
        ] {
            let peer_row = lookup("kernel", peer, family, stream);
            let what = format!("{family} lookup, stream {stream}: {peer} to ours");
            self.ratio_at_least(
                what,
                peer_row,
                lookup("kernel", "table", family, stream),
                1.0,
                least,
            );
        }
    }

    /// Against the best of user space.
    fn user_lookups(&mut self) {
        let ours = lookup("user", "table", "inet", "b");
        let bulk = |row: String| row.replace("way=one", "way=bulk");
        let peer = bulk(lookup("user", "rte_fib", "inet", "b"));
        self.ratio_at_most(
            "inet lookup, stream b: ours one by one to rte_fib in bulk".into(),
            ours.clone(),
            peer.clone(),
            2.5,
        );
        self.ratio_at_most(
            "inet lookup, stream b: ours in bulk to rte_fib in bulk".into(),
            bulk(ours),
            peer,
            2.0,
        );
        for peer in ["rte_lpm", "rte_fib"] {
            let ours = lookup("user", "table", "inet", "c");
            let what = format!("inet lookup, stream c: ours to {peer}, which is DIR-24-8");
            self.ratio_at_most(what, ours, lookup("user", peer, "inet", "c"), 1.0);
        }
    }

    fn updates(&mut self) {
        for change in CHANGES {
            let ours = update("user", "table", "inet", change);
            self.figure_at_most(
                format!("inet {change} in user space, median"),
                ours,
                0.001,
                "µs",
                1.0,
            );
            let ours = update("kernel", "table", "inet", change);
            let what = format!("inet {change} in the kernel: fib_trie to ours");
            self.ratio_at_least(
                what,
                update("kernel", "fib_trie", "inet", change),
                ours,
                1.0,
                5.0,
            );
        }
        for ((family, _), change) in FAMILIES
            .iter()
            .flat_map(|family| CHANGES.map(|change| (family, change)))
        {
            let ours = update("kernel", "table", family, change);
            let what = format!("{family} {change} in the kernel: lpm_trie to ours");
            self.ratio_at_least(
                what,
                update("kernel", "lpm_trie", family, change),
                ours,
                1.0,
                1.0,
            );
        }
        for (world, change) in ["user", "kernel"]
            .iter()
            .flat_map(|world| CHANGES.map(|change| (world, change)))
        {
            let row = update(world, "table", "inet", change);
            let what = format!("inet {change}, {world}: 99th percentile to median");
            self.push(what, Measure::Tail { row }, "×", None, Some(10.0));
        }
    }

    fn whole_table(&mut self) {
        let row =
            |part: &str| format!("world=kernel boot=table part={part} what=table set=real family=");
        self.figure_at_most(
            "load of the full table through the device".into(),
            row("fill"),
            1.0,
            "s",
            1.5,
        );
        self.figure_at_most(
            "memory, both families, from slab".into(),
            row("memory"),
            1.0,
            "MiB",
            30.0,
        );
    }

    fn readers(&mut self) {
        for (family, name) in FAMILIES {
            let (one, two) = (
                beside_writer(family, 1, "full"),
                beside_writer(family, 2, "full"),
            );
            let what = format!("{name}: 2 readers to 1, beside a writer at full speed");
            self.ratio_at_least(what, one, two, 2.0, 1.9);
            for (than, writer) in [
                ("without", "none"),
                ("one that changes another table", "apart"),
            ] {
                self.ratio_at_most(
                    format!("{name}: 2 readers beside a writer at full speed to {than}"),
                    beside_writer(family, 2, "full"),
                    beside_writer(family, 2, writer),
                    1.1,
                );
            }
        }
        let read = |what: &str, readers: u32| {
            format!("world=kernel part=read what={what} readers={readers}")
        };
        self.ratio_at_most(
            "read side: ours to C's rcu_read_lock()".into(),
            read("rcu", 1),
            read("rcu_c", 1),
            1.05,
        );
        self.ratio_at_least(
            "read side, 2 readers: rwlock to ours".into(),
            read("rwlock", 2),
            read("rcu", 2),
            1.0,
            10.0,
        );
    }
}

/// All bars, and whether they hold.
pub fn judge(rows: &[Row]) -> Vec<Outcome> {
    let mut bars = Bars::default();
    bars.kernel_lookups();
    bars.user_lookups();
    bars.updates();
    bars.whole_table();
    bars.readers();
    bars.0.iter().map(|bar| bar.outcome(rows)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::read_lines;

    const ROWS: &str = r#"{"world":"kernel","boot":"peers","part":"lookup","what":"table","family":"inet","stream":"b","min":20,"median":20,"max":25}
{"world":"kernel","boot":"peers","part":"lookup","what":"fib_trie","family":"inet","stream":"b","min":240,"median":250,"max":250}
{"world":"kernel","boot":"peers","part":"lookup","what":"lpm_trie","family":"inet","stream":"b","median":900}
{"world":"kernel","boot":"table","part":"memory","what":"table","mib":33}
{"world":"kernel","boot":"table","part":"fill","what":"table","seconds":1.5}
{"world":"kernel","boot":"table","part":"lookup","what":"table","family":"inet","stream":"b","readers":1,"writer":"full","median":50}
{"world":"kernel","boot":"table","part":"lookup","what":"table","family":"inet","stream":"b","readers":2,"writer":"full","median":50}
{"world":"kernel","boot":"table","part":"lookup","what":"table","family":"inet","stream":"b","readers":2,"writer":"none","median":44}
{"world":"kernel","boot":"table","part":"lookup","what":"table","family":"inet","stream":"b","readers":2,"writer":"apart","median":50}
{"world":"user","part":"update","what":"table","family":"inet","change":"add","reclaim":"call","median":1100,"p99":11001}
"#;

    fn outcome(name: &str) -> Outcome {
        let rows = read_lines(ROWS).expect("rows");
        let outcomes = judge(&rows);
        let mut found = outcomes.iter().filter(|outcome| outcome.what == name);
        let outcome = found
            .next()
            .unwrap_or_else(|| panic!("no bar {name:?}"))
            .clone();
        assert!(found.next().is_none(), "{name} is there twice");
        outcome
    }

    #[test]
    fn a_bar_that_is_reached_holds() {
        let bar = outcome("inet lookup, stream b: fib_trie to ours");
        assert_eq!(
            (bar.value, bar.low, bar.high),
            (Some(12.5), Some(10.0), Some(12.5))
        );
        assert_eq!(
            (bar.target.as_str(), bar.verdict().as_str()),
            ("≥ 12", "holds")
        );
        assert_eq!(
            outcome("load of the full table through the device").verdict(),
            "holds"
        );
        assert_eq!(
            outcome("IPv4: 2 readers to 1, beside a writer at full speed").value,
            Some(2.0)
        );
        let beside =
            "IPv4: 2 readers beside a writer at full speed to one that changes another table";
        assert_eq!(outcome(beside).value, Some(1.0));
    }

    #[test]
    fn a_bar_that_is_missed_is_said_to_be() {
        for (name, verdict) in [
            ("inet lookup, stream b: lpm_trie to ours", "MISSED by 25 %"),
            ("memory, both families, from slab", "MISSED by 10 %"),
            ("inet add in user space, median", "MISSED by 10 %"),
            ("inet add, user: 99th percentile to median", "MISSED by 1 %"),
            (
                "IPv4: 2 readers beside a writer at full speed to without",
                "MISSED by 3 %",
            ),
        ] {
            assert_eq!(outcome(name).verdict(), verdict, "{name}");
            assert_eq!(outcome(name).holds, Some(false), "{name}");
        }
    }

    #[test]
    fn what_was_not_measured_does_not_hold() {
        let bar = outcome("inet6 lookup, stream c: fib6 to ours");
        assert_eq!((bar.holds, bar.verdict().as_str()), (None, "not measured"));
    }
}
