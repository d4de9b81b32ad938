// SPDX-License-Identifier: GPL-2.0

//! Selects the rows of each plot.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::row::Row;
use bench_report::plot::{draw, Axis, Panel, Series};

const FAMILIES: [&str; 2] = ["inet", "inet6"];

/// Makes one series per name, sorted by name, with this table's series first.
fn series<'a>(
    rows: impl Iterator<Item = &'a Row>,
    name: impl Fn(&Row) -> Option<String>,
    point: impl Fn(&Row) -> Option<(f64, f64)>,
) -> Vec<Series> {
    let mut lines: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for row in rows {
        if let (Some(name), Some(point)) = (name(row), point(row)) {
            lines.entry(name).or_default().push(point);
        }
    }
    let mut series: Vec<Series> = lines
        .into_iter()
        .map(|(name, mut points)| {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Series { name, points }
        })
        .collect();
    series.sort_by_key(|line| !line.name.starts_with("table"));
    series
}

/// Joins the values of these labels, without default values.
fn name(row: &Row, labels: &[&str]) -> Option<String> {
    let mut values: Vec<String> = labels.iter().filter_map(|key| row.label(key)).collect();
    values.retain(|value| !matches!(value.as_str(), "one" | "real"));
    Some(values.join(" "))
}

fn matching<'a>(rows: &'a [Row], labels: &'a str) -> impl Iterator<Item = &'a Row> {
    rows.iter().filter(move |row| row.matches(labels))
}

/// Returns the number of readers, and the lookups per second of all of them, in millions.
fn per_second(row: &Row) -> Option<(f64, f64)> {
    let readers = row.number("readers")?;
    Some((readers, readers * 1000.0 / row.figure()?))
}

fn lookups_by_readers(rows: &[Row]) -> Vec<Panel> {
    let panel = |family: &&str| {
        let labels = format!(
            "world=kernel boot=peers part=lookup set=real stream=b writer=none family={family}"
        );
        Panel {
            title: format!("Lookups in the kernel, {family}, stream b"),
            x: Axis::count("readers, one per CPU"),
            y: Axis::log("million lookups a second"),
            is_falling: false,
            series: series(
                matching(rows, &labels),
                |row| name(row, &["what"]),
                per_second,
            ),
        }
    };
    FAMILIES.iter().map(panel).collect()
}

fn lookup_latency(rows: &[Row]) -> Vec<Panel> {
    let panel = |family: &&str| {
        let labels = format!("world=user part=latency set=real family={family}");
        // Plots the distance to 100 %, which gives space to the highest percentiles.
        let curve = |row: &Row| Series {
            name: name(row, &["what", "way"]).unwrap_or_default(),
            points: row
                .pairs("percentiles")
                .into_iter()
                .filter(|(percent, ns)| *percent < 100.0 && *ns > 0.0)
                .map(|(percent, ns)| (ns, 100.0 - percent))
                .collect(),
        };
        Panel {
            title: format!("Single lookups in user space, {family}, stream b"),
            x: Axis::log("ns"),
            y: Axis::log("% of lookups that took longer"),
            is_falling: true,
            series: matching(rows, &labels)
                .map(curve)
                .filter(|line| !line.points.is_empty())
                .collect(),
        }
    };
    FAMILIES.iter().map(panel).collect()
}

fn update_latency(rows: &[Row]) -> Vec<Panel> {
    let panel = |(world, family): (&str, &str)| {
        let labels = format!("world={world} part=update set=real family={family}");
        let is_shown = |row: &&Row| {
            is_default_reclaim(row) && !row.matches("boot=table") && !row.matches("change=replace")
        };
        let curve = |row: &Row| Series {
            name: name(row, &["what", "change"]).unwrap_or_default(),
            points: [(50.0, "median"), (90.0, "p90"), (99.0, "p99")]
                .iter()
                .filter_map(|(percent, key)| Some((*percent, row.number(key)?)))
                .collect(),
        };
        let mut lines: Vec<Series> = matching(rows, &labels)
            .filter(is_shown)
            .map(curve)
            .collect();
        lines.retain(|line| !line.points.is_empty());
        Panel {
            title: format!("Updates of the full table, {world}, {family}"),
            x: Axis::linear("percentile of the updates"),
            y: Axis::log("ns"),
            is_falling: false,
            series: lines,
        }
    };
    let all = [("kernel", "inet"), ("kernel", "inet6"), ("user", "inet")];
    all.into_iter().map(panel).collect()
}

fn memory_by_routes(rows: &[Row]) -> Vec<Panel> {
    let panel = |world: &&str| {
        let labels = format!("world={world} part=memory");
        let point = |row: &Row| Some((row.number("routes")?, row.number("mib")?));
        let is_drawn = |row: &&Row| row.number("mib").is_some_and(|mib| mib > 0.0);
        let lines = series(
            matching(rows, &labels).filter(is_drawn),
            |row| name(row, &["what", "family", "set"]),
            point,
        );
        Panel {
            title: format!("Memory, {world}"),
            x: Axis::log("routes"),
            y: Axis::log("MiB"),
            is_falling: false,
            series: lines,
        }
    };
    ["kernel", "user"].iter().map(panel).collect()
}

fn is_default_reclaim(row: &Row) -> bool {
    row.label("reclaim").is_none_or(|mode| mode == "call")
}

/// The time of a lookup or an update, by the number of routes.
fn by_routes(rows: &[Row], title: &str, labels: &str, names: &[&str]) -> Vec<Panel> {
    let panel = |(world, set, prefixes): (&str, &str, &str)| {
        let labels = format!("world={world} set={set} family=inet {labels}");
        let point = |row: &Row| Some((row.number("routes")?, row.figure()?));
        Panel {
            title: format!("{title}, {world}, {prefixes}"),
            x: Axis::log("routes"),
            y: Axis::linear("ns"),
            is_falling: false,
            series: series(
                matching(rows, &labels).filter(|row| is_default_reclaim(row)),
                |row| name(row, names),
                point,
            ),
        }
    };
    let mut panels = Vec::new();
    for world in ["kernel", "user"] {
        panels.push(panel((world, "sample", "real prefixes")));
        panels.push(panel((world, "random", "random prefixes")));
    }
    panels
}

/// Draws all plots into a folder. Returns the names of the plots that are not empty.
pub fn draw_all(rows: &[Row], folder: &Path) -> Result<Vec<&'static str>> {
    let lookups = |stream: &str| {
        let labels = format!("part=lookup readers=1 writer=none stream={stream}");
        by_routes(
            rows,
            &format!("Lookups, stream {stream}"),
            &labels,
            &["what", "way"],
        )
    };
    let plots = [
        ("lookups-by-readers.svg", lookups_by_readers(rows)),
        ("lookup-latency.svg", lookup_latency(rows)),
        ("update-latency.svg", update_latency(rows)),
        ("memory-by-routes.svg", memory_by_routes(rows)),
        ("lookups-by-routes.svg", lookups("b")),
        ("chained-lookups-by-routes.svg", lookups("c")),
        (
            "updates-by-routes.svg",
            by_routes(rows, "Updates", "part=update", &["what", "change"]),
        ),
    ];
    let mut drawn = Vec::new();
    for (name, panels) in plots {
        if draw(&folder.join(name), &panels)? {
            drawn.push(name);
        }
    }
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tests::example;

    fn lines(panel: &Panel) -> Vec<(&str, &[(f64, f64)])> {
        panel
            .series
            .iter()
            .map(|line| (line.name.as_str(), line.points.as_slice()))
            .collect()
    }

    #[test]
    fn the_lookups_of_all_readers_are_added() {
        let panels = lookups_by_readers(&example().rows);
        let expected: [(&str, &[_]); 2] = [
            ("table", &[(1.0, 50.0), (2.0, 2000.0 / 22.0)]),
            ("fib_trie", &[(1.0, 1000.0 / 242.0), (2.0, 2000.0 / 251.0)]),
        ];
        assert_eq!(lines(&panels[0]), expected);
        assert!(panels[1].series.is_empty());
    }

    #[test]
    fn latency_is_plotted_as_the_distance_to_100_percent() {
        let panels = lookup_latency(&example().rows);
        let points = lines(&panels[0]);
        assert_eq!(points[0].0, "table");
        assert_eq!(points[0].1[..2], [(20.5, 50.0), (80.0, 1.0)]);
    }

    #[test]
    fn updates_are_plotted_by_percentile() {
        let panels = update_latency(&example().rows);
        let expected: [(&str, &[_]); 2] = [
            (
                "fib_trie add",
                &[(50.0, 4400.0), (90.0, 7000.0), (99.0, 21000.0)],
            ),
            (
                "table add",
                &[(50.0, 700.0), (90.0, 1100.0), (99.0, 5100.0)],
            ),
        ];
        assert_eq!(lines(&panels[0]), expected);
    }

    #[test]
    fn lookups_and_memory_are_plotted_by_routes() {
        let rows = example().rows;
        let memory = memory_by_routes(&rows);
        let expected: [(&str, &[_]); 1] = [("table sample", &[(1000.0, 0.4), (100_000.0, 3.4)])];
        assert_eq!(lines(&memory[0]), expected);
        let lookups = by_routes(&rows, "Lookups", "part=lookup stream=b", &["what", "way"]);
        let expected: [(&str, &[_]); 1] = [("table", &[(1000.0, 5.0), (100_000.0, 10.0)])];
        assert_eq!(lines(&lookups[0]), expected);
        let expected: [(&str, &[_]); 1] = [("rte_fib bulk", &[(1000.0, 4.0)])];
        assert_eq!(lines(&lookups[2]), expected);
    }

    #[test]
    fn empty_plots_are_not_drawn() {
        let folder = tempfile::tempdir().expect("a folder");
        let drawn = draw_all(&example().rows, folder.path()).expect("drawings");
        let files = std::fs::read_dir(&folder).expect("the folder").count();
        assert_eq!(files, drawn.len());
        assert!(drawn.contains(&"update-latency.svg"), "{drawn:?}");
        assert!(
            !drawn.contains(&"chained-lookups-by-routes.svg"),
            "{drawn:?}"
        );
    }
}
