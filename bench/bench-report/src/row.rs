// SPDX-License-Identifier: GPL-2.0

//! Rows of results. A row is a flat JSON object: labels, which identify it, and figures.

use std::collections::BTreeMap;

use anyhow::{bail, Context, Result};
use serde::{de::DeserializeOwned, Deserialize, Serialize};
use serde_json::Value;

use crate::quantile::quantile;

/// The keys of labels, in the order of table columns.
pub const LABELS: [&str; 16] = [
    "world", "boot", "part", "set", "routes", "family", "stream", "load", "kib", "chains", "what",
    "way", "change", "reclaim", "readers", "writer",
];

/// The main figure of a row is the first of these keys that it has.
const FIGURES: [&str; 3] = ["median", "mib", "seconds"];

/// A value and the range of its runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub low: f64,
    pub value: f64,
    pub high: f64,
}

impl Spread {
    /// The median, minimum and maximum of figures; `None` if there are none.
    pub fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |percent| quantile(&sorted, percent, 100);
        Some(Self {
            low: at(0)?,
            value: at(50)?,
            high: at(100)?,
        })
    }

    pub fn scaled(self, factor: f64) -> Self {
        Self {
            low: self.low * factor,
            value: self.value * factor,
            high: self.high * factor,
        }
    }

    /// Whether the ranges have a common value.
    pub fn overlaps(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(BTreeMap<String, Value>);

impl Row {
    /// A value as text.
    pub fn label(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.as_f64()
    }

    /// A list; empty if the row has none.
    fn list<T: DeserializeOwned>(&self, key: &str) -> Vec<T> {
        let list = self.0.get(key).cloned();
        list.and_then(|list| serde_json::from_value(list).ok())
            .unwrap_or_default()
    }

    pub fn pairs(&self, key: &str) -> Vec<(f64, f64)> {
        self.list(key)
    }

    /// The main figure of each round, if there were several.
    pub fn rounds(&self) -> Vec<f64> {
        self.list("rounds")
    }

    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.into(), value.into());
    }

    /// Sets a key to a number if `text` is one, else to the text.
    pub fn set_text(&mut self, key: &str, text: &str) {
        match text.parse::<serde_json::Number>() {
            Ok(number) => self.set(key, number),
            Err(_) => self.set(key, text),
        }
    }

    fn set_default(&mut self, key: &str, value: impl Into<Value>) {
        self.0.entry(key.into()).or_insert_with(|| value.into());
    }

    /// Adds labels with default values.
    ///
    /// Errors: a label without default is missing.
    pub fn complete(&mut self) -> Result<()> {
        self.set_default("set", "real");
        match self.label("part").as_deref() {
            Some("lookup") => {
                self.set_default("way", "one");
                self.set_default("readers", 1);
                self.set_default("writer", "none");
            }
            Some("read") => self.set_default("readers", 1),
            _ => {}
        }
        for key in ["world", "part"] {
            if self.label(key).is_none() {
                bail!("a row without {key}: {}", serde_json::to_string(self)?);
            }
        }
        Ok(())
    }

    /// The labels that the row has.
    pub fn labels(&self) -> Vec<(&'static str, String)> {
        let label = |&key: &&'static str| Some((key, self.label(key)?));
        LABELS.iter().filter_map(label).collect()
    }

    /// Whether the row has these labels, given as `key=value key=value`; `key=` is a missing label.
    pub fn matches(&self, labels: &str) -> bool {
        labels.split_whitespace().all(|label| {
            let (key, value) = label.split_once('=').unwrap_or((label, ""));
            self.label(key).unwrap_or_default() == value
        })
    }

    /// The main figure.
    pub fn figure(&self) -> Option<f64> {
        FIGURES.iter().find_map(|key| self.number(key))
    }

    /// The main figure and the range of its runs. Only in the parts `lookup` and `read` are `min`
    /// and `max` of runs; elsewhere they are of single operations.
    pub fn spread(&self) -> Option<Spread> {
        if let Some(spread) = Spread::of(&self.rounds()) {
            return Some(spread);
        }
        let value = self.figure()?;
        let has_runs = matches!(self.label("part").as_deref(), Some("lookup" | "read"));
        let end = |key| self.number(key).filter(|_| has_runs).unwrap_or(value);
        Some(Spread {
            low: end("min"),
            value,
            high: end("max"),
        })
    }

    /// Merges the rows of several rounds.
    fn merged(rounds: &[Row]) -> Option<Row> {
        let mut row = rounds.first()?.clone();
        let of =
            |key: &str| -> Vec<f64> { rounds.iter().filter_map(|row| row.number(key)).collect() };
        for key in row.0.keys().cloned().collect::<Vec<_>>() {
            let Some(spread) = Spread::of(&of(&key)) else {
                continue;
            };
            match key.as_str() {
                label if LABELS.contains(&label) => {}
                "min" => row.set("min", spread.low),
                "max" => row.set("max", spread.high),
                "count" | "dropped" => row.set(&key, of(&key).iter().sum::<f64>()),
                _ => row.set(&key, spread.value),
            }
        }
        let figures: Vec<f64> = rounds.iter().filter_map(Row::figure).collect();
        row.set("rounds", figures);
        Some(row)
    }
}

/// Merges rows with the same labels: each is a round.
pub fn merge(rows: Vec<Row>) -> Vec<Row> {
    let mut order = Vec::new();
    let mut groups: BTreeMap<_, Vec<Row>> = BTreeMap::new();
    for row in rows {
        let labels = row.labels();
        if !groups.contains_key(&labels) {
            order.push(labels.clone());
        }
        groups.entry(labels).or_default().push(row);
    }
    let merged = |labels| match groups.get(labels)?.as_slice() {
        [row] => Some(row.clone()),
        rounds => Row::merged(rounds),
    };
    order.iter().filter_map(merged).collect()
}

/// Reads rows, one JSON object per line.
pub fn read_lines(text: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = || format!("line {}", number + 1);
        if line.trim().is_empty() {
            continue;
        }
        let mut row: Row = serde_json::from_str(line).with_context(place)?;
        row.complete().with_context(place)?;
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = r#"{"world":"user","part":"lookup","what":"table","family":"inet","stream":"b","readers":1,"min":14.0,"median":15.5,"max":17.5}
{"world":"user","part":"latency","what":"table","family":"inet","percentiles":[[50,20.5],[99,80]]}

{"world":"user","part":"update","what":"table","family":"inet","change":"add","min":90,"median":400,"p99":900,"max":80000}
"#;

    fn user() -> Vec<Row> {
        read_lines(USER).expect("rows")
    }

    #[test]
    fn missing_labels_get_their_defaults() {
        let rows = user();
        assert!(rows[0].matches("set=real way=one writer=none readers=1"));
        assert!(rows[1].matches("set=real writer="));
        assert!(!rows[0].matches("writer=full"));
    }

    #[test]
    fn an_invalid_row_is_named_by_its_line() {
        for bad in ["{\"world\":\"user\"}", "what", "{\"part\":\"lookup\"}"] {
            let error = read_lines(&format!("\n{bad}\n")).expect_err(bad);
            assert!(format!("{error:#}").starts_with("line 2: "), "{error:#}");
        }
    }

    #[test]
    fn only_parts_with_runs_have_a_spread() {
        let rows = user();
        let spread = |row: &Row| row.spread().map(|it| (it.low, it.value, it.high));
        assert_eq!(spread(&rows[0]), Some((14.0, 15.5, 17.5)));
        assert_eq!(spread(&rows[1]), None);
        assert_eq!(spread(&rows[2]), Some((400.0, 400.0, 400.0)));
        assert_eq!(rows[1].pairs("percentiles"), [(50.0, 20.5), (99.0, 80.0)]);
    }

    #[test]
    fn rows_with_equal_labels_are_merged() {
        let round = |min: f64, median: f64, max: f64| {
            let mut row = user().remove(0);
            row.set("min", min);
            row.set("median", median);
            row.set("max", max);
            row.set("dropped", 2);
            row
        };
        let other = user().remove(2);
        let rows = vec![
            round(10.0, 12.0, 15.0),
            other.clone(),
            round(11.0, 19.0, 21.0),
            round(9.0, 11.0, 12.0),
        ];
        let merged = merge(rows);
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[1], other);
        let all = &merged[0];
        let figures = ["min", "median", "max", "dropped", "readers"].map(|key| all.number(key));
        assert_eq!(figures, [9.0, 12.0, 21.0, 6.0, 1.0].map(Some));
        assert_eq!(all.rounds(), [12.0, 19.0, 11.0]);
        let spread = all.spread().expect("rounds");
        assert_eq!((spread.low, spread.value, spread.high), (11.0, 12.0, 19.0));
    }

    #[test]
    fn the_median_of_an_even_number_is_the_lower_of_the_middle_two() {
        let spread = Spread::of(&[40.0, 10.0, 30.0, 20.0]).expect("figures");
        assert_eq!((spread.low, spread.value, spread.high), (10.0, 20.0, 40.0));
        assert_eq!(Spread::of(&[7.0]).map(|it| it.value), Some(7.0));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn spreads_with_a_common_value_overlap() {
        let spread = |low, high| Spread {
            low,
            value: low,
            high,
        };
        assert!(spread(1.0, 2.0).overlaps(spread(2.0, 3.0)));
        assert!(spread(1.0, 9.0).overlaps(spread(2.0, 3.0)));
        assert!(!spread(1.0, 2.0).overlaps(spread(2.1, 3.0)));
        assert!(!spread(2.1, 3.0).overlaps(spread(1.0, 2.0)));
    }
}
