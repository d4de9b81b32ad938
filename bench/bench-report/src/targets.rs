// SPDX-License-Identifier: GPL-2.0

//! The performance targets of the table, and whether a run meets them.

use serde::{Deserialize, Serialize};

use self::Bound::{AtLeast, AtMost};
use crate::ratio::ratio;
use crate::row::{Row, Spread};

/// The quantity that a target bounds. Rows are given by their labels, as for [`Row::matches`].
#[derive(Debug)]
enum Measure {
    /// The figure of row `over` divided by that of row `under`, times `factor`.
    Ratio {
        over: String,
        under: String,
        factor: f64,
    },
    /// The figure of a row, times `factor`.
    Figure { row: String, factor: f64 },
    /// The 99th percentile of a row divided by its median.
    Tail { row: String },
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

#[derive(Debug)]
struct Target {
    what: String,
    measure: Measure,
    unit: &'static str,
    bound: Bound,
}

/// A target and its measured value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub what: String,
    pub target: String,
    pub unit: String,
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// `None` if it was not measured.
    pub holds: Option<bool>,
    /// The distance to the target, as a fraction of the target.
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

impl Target {
    fn ratio(what: String, over: &str, under: &str, bound: Bound) -> Self {
        let measure = Measure::Ratio {
            over: over.into(),
            under: under.into(),
            factor: 1.0,
        };
        Self {
            what,
            measure,
            unit: "×",
            bound,
        }
    }

    fn figure(what: String, row: &str, factor: f64, unit: &'static str, bound: Bound) -> Self {
        let measure = Measure::Figure {
            row: row.into(),
            factor,
        };
        Self {
            what,
            measure,
            unit,
            bound,
        }
    }

    fn outcome(&self, rows: &[Row]) -> Outcome {
        let spread = self.measure.spread(rows);
        let spread = spread.filter(|spread| spread.value.is_finite());
        let value = spread.map(|spread| spread.value);
        let missed_by = value.map(|value| match self.bound {
            AtLeast(least) => 1.0 - value / least,
            AtMost(most) => value / most - 1.0,
        });
        Outcome {
            what: self.what.clone(),
            target: match self.bound {
                AtLeast(least) => format!("≥ {least}"),
                AtMost(most) => format!("≤ {most}"),
            },
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
    pub fn verdict(&self) -> String {
        match (self.holds, self.missed_by) {
            (Some(true), _) => "holds".into(),
            (_, Some(part)) => format!("MISSED by {:.0} %", (part * 100.0).max(1.0)),
            _ => "not measured".into(),
        }
    }
}

/// The row of lookups one by one, by one reader, without a writer.
fn lookup(world: &str, what: &str, family: &str, stream: &str) -> String {
    let boot = if world == "kernel" { "boot=peers" } else { "" };
    format!(
        "world={world} part=lookup what={what} family={family} stream={stream} way=one readers=1 writer=none set=real {boot}"
    )
}

/// The row of lookups on stream b beside a writer.
fn lookup_beside(writer: &str, family: &str, readers: u32) -> String {
    format!(
        "world=kernel boot=table part=lookup what=table family={family} stream=b readers={readers} writer={writer} set=real"
    )
}

fn update(world: &str, what: &str, family: &str, change: &str) -> String {
    let boot = if world == "kernel" { "boot=peers" } else { "" };
    let reclaim = if what == "table" { "reclaim=call" } else { "" };
    format!("world={world} part=update what={what} family={family} change={change} set=real {boot} {reclaim}")
}

fn section(what: &str, readers: u32) -> String {
    format!("world=kernel part=read what={what} readers={readers}")
}

const FAMILIES: [&str; 2] = ["inet", "inet6"];
const CHANGES: [&str; 2] = ["add", "delete"];

fn kernel_lookups(targets: &mut Vec<Target>) {
    for (family, stream, peer, least) in [
        ("inet", "b", "fib_trie", 16.0),
        ("inet", "b", "lpm_trie", 90.0),
        ("inet", "c", "fib_trie", 13.0),
        ("inet6", "b", "fib6", 16.0),
        ("inet6", "c", "fib6", 12.0),
        ("inet6", "b", "lpm_trie", 15.0),
    ] {
        targets.push(Target::ratio(
            format!("{family} lookup, stream {stream}: {peer} / table"),
            &lookup("kernel", peer, family, stream),
            &lookup("kernel", "table", family, stream),
            AtLeast(least),
        ));
    }
}

/// Batches of 1000 addresses through the ioctl, which answers with whole routes.
fn device_lookups(targets: &mut Vec<Target>) {
    for family in FAMILIES {
        let one = lookup("kernel", "table", family, "b");
        targets.push(Target::ratio(
            format!("{family} lookup, stream b: whole routes by ioctl / next hops in the kernel"),
            &one.replace("way=one", "way=ioctl"),
            &one,
            AtMost(3.0),
        ));
    }
}

fn user_lookups(targets: &mut Vec<Target>) {
    for (family, way, peer, most) in [
        ("inet", "one", "rte_fib", 1.0),
        ("inet", "bulk", "rte_fib", 1.5),
        ("inet6", "bulk", "rte_fib6", 2.0),
    ] {
        let row =
            |what| lookup("user", what, family, "b").replace("way=one", &format!("way={way}"));
        targets.push(Target::ratio(
            format!("{family} lookup, stream b, {way}: table / {peer}"),
            &row("table"),
            &row(peer),
            AtMost(most),
        ));
    }
    for peer in ["rte_lpm", "rte_fib"] {
        targets.push(Target::ratio(
            format!("inet lookup, stream c: table / {peer}"),
            &lookup("user", "table", "inet", "c"),
            &lookup("user", peer, "inet", "c"),
            AtMost(1.0),
        ));
    }
}

fn updates(targets: &mut Vec<Target>) {
    let mut ratio = |family: &str, [peer_change, change]: [&str; 2], peer: &str, least| {
        targets.push(Target::ratio(
            format!("{family} {change} in the kernel: {peer_change} of {peer} / table"),
            &update("kernel", peer, family, peer_change),
            &update("kernel", "table", family, change),
            AtLeast(least),
        ));
    };
    ratio("inet", ["add", "replace"], "fib_trie", 4.0);
    for change in CHANGES {
        ratio("inet", ["add", change], "fib_trie", 4.0);
        for family in FAMILIES {
            ratio(family, [change, change], "lpm_trie", 1.0);
        }
    }
    for (change, kernel_change) in [("add", "add"), ("change", "replace"), ("delete", "delete")] {
        for family in FAMILIES {
            targets.push(Target::figure(
                format!("{family} {change} in user space: median"),
                &update("user", "table", family, change),
                0.001,
                "µs",
                AtMost(0.8),
            ));
        }
        for (world, place, change) in [
            ("user", "user space", change),
            ("kernel", "the kernel", kernel_change),
        ] {
            targets.push(Target {
                what: format!("inet {change} in {place}: 99th percentile / median"),
                measure: Measure::Tail {
                    row: update(world, "table", "inet", change),
                },
                unit: "×",
                bound: AtMost(8.0),
            });
        }
    }
}

fn full_table(targets: &mut Vec<Target>) {
    for (what, part, unit, most) in [
        ("load through the device", "fill", "s", 0.8),
        ("memory of both families", "memory", "MiB", 24.0),
    ] {
        targets.push(Target::figure(
            format!("full table: {what}"),
            &format!("world=kernel boot=table part={part} what=table set=real family="),
            1.0,
            unit,
            AtMost(most),
        ));
    }
}

fn concurrent_readers(targets: &mut Vec<Target>) {
    for family in FAMILIES {
        targets.push(Target {
            what: format!("{family} lookups a second beside a full-speed writer: 2 readers / 1"),
            measure: Measure::Ratio {
                over: lookup_beside("full", family, 1),
                under: lookup_beside("full", family, 2),
                factor: 2.0,
            },
            unit: "×",
            bound: AtLeast(1.9),
        });
        for (other, writer) in [
            ("no writer", "none"),
            ("full-speed writer of another table", "apart"),
        ] {
            targets.push(Target::ratio(
                format!("{family} lookup, 2 readers: full-speed writer / {other}"),
                &lookup_beside("full", family, 2),
                &lookup_beside(writer, family, 2),
                AtMost(1.1),
            ));
        }
    }
}

fn sections(targets: &mut Vec<Target>) {
    targets.push(Target::ratio(
        "read-side section: RCU in Rust / in C".into(),
        &section("rcu", 1),
        &section("rcu_c", 1),
        AtMost(1.05),
    ));
    targets.push(Target::ratio(
        "read-side section, 2 readers: rwlock / RCU".into(),
        &section("rwlock", 2),
        &section("rcu", 2),
        AtLeast(10.0),
    ));
}

/// Compares rows with all targets.
pub fn judge(rows: &[Row]) -> Vec<Outcome> {
    let mut targets = Vec::new();
    kernel_lookups(&mut targets);
    device_lookups(&mut targets);
    user_lookups(&mut targets);
    updates(&mut targets);
    full_table(&mut targets);
    concurrent_readers(&mut targets);
    sections(&mut targets);
    targets.iter().map(|target| target.outcome(rows)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::read_lines;

    const ROWS: &str = r#"{"world":"kernel","boot":"peers","part":"lookup","what":"table","family":"inet","stream":"b","min":20,"median":20,"max":25}
{"world":"kernel","boot":"peers","part":"lookup","what":"fib_trie","family":"inet","stream":"b","min":330,"median":340,"max":340}
{"world":"kernel","boot":"peers","part":"lookup","what":"lpm_trie","family":"inet","stream":"b","median":900}
{"world":"kernel","boot":"table","part":"memory","what":"table","mib":30}
{"world":"kernel","boot":"table","part":"fill","what":"table","seconds":0.8}
{"world":"kernel","boot":"table","part":"lookup","what":"table","family":"inet","stream":"b","readers":1,"writer":"full","median":50}
{"world":"kernel","boot":"table","part":"lookup","what":"table","family":"inet","stream":"b","readers":2,"writer":"full","median":50}
{"world":"kernel","boot":"table","part":"lookup","what":"table","family":"inet","stream":"b","readers":2,"writer":"none","median":44}
{"world":"kernel","boot":"table","part":"lookup","what":"table","family":"inet","stream":"b","readers":2,"writer":"apart","median":50}
{"world":"user","part":"update","what":"table","family":"inet","change":"add","reclaim":"call","median":1000,"p99":8001}
"#;

    fn find(name: &str) -> Outcome {
        let rows = read_lines(ROWS).expect("rows");
        let outcomes = judge(&rows);
        let mut found = outcomes.iter().filter(|outcome| outcome.what == name);
        let outcome = found
            .next()
            .unwrap_or_else(|| panic!("no target {name:?}"))
            .clone();
        assert!(found.next().is_none(), "{name} is not unique");
        outcome
    }

    #[test]
    fn a_met_target_holds() {
        let outcome = find("inet lookup, stream b: fib_trie / table");
        assert_eq!(
            (outcome.value, outcome.low, outcome.high),
            (Some(17.0), Some(13.6), Some(17.0))
        );
        assert_eq!(
            (outcome.target.as_str(), outcome.verdict().as_str()),
            ("≥ 16", "holds")
        );
        assert_eq!(
            find("full table: load through the device").verdict(),
            "holds"
        );
        assert_eq!(
            find("inet lookups a second beside a full-speed writer: 2 readers / 1").value,
            Some(2.0)
        );
        let beside =
            "inet lookup, 2 readers: full-speed writer / full-speed writer of another table";
        assert_eq!(find(beside).value, Some(1.0));
    }

    #[test]
    fn a_missed_target_says_by_how_much() {
        for (name, verdict) in [
            ("inet lookup, stream b: lpm_trie / table", "MISSED by 50 %"),
            ("full table: memory of both families", "MISSED by 25 %"),
            ("inet add in user space: median", "MISSED by 25 %"),
            (
                "inet add in user space: 99th percentile / median",
                "MISSED by 1 %",
            ),
            (
                "inet lookup, 2 readers: full-speed writer / no writer",
                "MISSED by 3 %",
            ),
        ] {
            assert_eq!(find(name).verdict(), verdict, "{name}");
            assert_eq!(find(name).holds, Some(false), "{name}");
        }
    }

    #[test]
    fn a_target_without_rows_is_not_measured() {
        let outcome = find("inet6 lookup, stream c: fib6 / table");
        assert_eq!(
            (outcome.holds, outcome.verdict().as_str()),
            (None, "not measured")
        );
    }
}
