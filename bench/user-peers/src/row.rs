// SPDX-License-Identifier: GPL-2.0

//! Rows of results, one JSON object per line. `bench-report` reads them.

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

use crate::quantile::quantile;

/// A row: labels, which identify it, and figures. `None` is not printed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// Always "user".
    pub world: &'static str,
    /// The kind of measurement.
    pub part: &'static str,
    /// The measured table or primitive.
    pub what: Option<&'static str>,
    pub family: Option<&'static str>,
    /// The stream of addresses.
    pub stream: Option<&'static str>,
    /// "one" or "bulk": the addresses per call.
    pub way: Option<&'static str>,
    /// The set of prefixes.
    pub set: Option<&'static str>,
    /// The number of prefixes.
    pub routes: Option<usize>,
    /// The number of readers.
    pub readers: Option<usize>,
    /// Always "none".
    pub writer: Option<&'static str>,
    /// "add" or "delete".
    pub change: Option<&'static str>,
    /// The reclaim mode.
    pub reclaim: Option<&'static str>,
    /// The size of the memory of a pointer chase.
    pub kib: Option<usize>,
    /// The number of chains of a pointer chase.
    pub chains: Option<usize>,
    /// The minimum, in nanoseconds, as all times.
    pub min: Option<f64>,
    pub median: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    pub max: Option<f64>,
    /// Percentiles: pairs of percent and time.
    pub percentiles: Option<Vec<(f64, f64)>>,
    /// The memory in MiB.
    pub mib: Option<f64>,
}

impl Row {
    pub fn new(part: &'static str) -> Self {
        Self {
            world: "user",
            part,
            ..Self::default()
        }
    }

    /// Sets minimum, median and maximum of the figures of runs.
    pub fn with_runs(self, mut runs: Vec<f64>) -> Self {
        runs.sort_by(f64::total_cmp);
        let at = |percent| quantile(&runs, percent, 100).map(rounded);
        Self {
            min: at(0),
            median: at(50),
            max: at(100),
            ..self
        }
    }

    pub fn print(&self) -> Result<()> {
        println!("{}", self.json()?);
        Ok(())
    }

    fn json(&self) -> Result<Value> {
        let mut json = serde_json::to_value(self)?;
        if let Some(object) = json.as_object_mut() {
            object.retain(|_, value| !value.is_null());
        }
        Ok(json)
    }
}

/// Rounds a figure to three decimals.
pub fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_are_not_printed() {
        let row = Row {
            what: Some("table"),
            ..Row::new("lookup")
        };
        let row = row.with_runs(vec![3.0, 1.00049, 2.0]);
        let expected =
            r#"{"max":3.0,"median":2.0,"min":1.0,"part":"lookup","what":"table","world":"user"}"#;
        assert_eq!(row.json().expect("JSON").to_string(), expected);
    }
}
