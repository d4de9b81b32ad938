// SPDX-License-Identifier: GPL-2.0

//! Rows: what was measured and what was found, a JSON object a line.

use anyhow::Result;
use serde::Serialize;

use crate::quantile::quantile;

/// A row. What is not there does not matter to it, or was not measured.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// Where.
    pub world: &'static str,
    /// What kind of figure.
    pub part: &'static str,
    /// Who was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<&'static str>,
    /// IPv4 or IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<&'static str>,
    /// Which addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<&'static str>,
    /// How many addresses a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<&'static str>,
    /// Which prefixes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<&'static str>,
    /// How many prefixes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<usize>,
    /// How many readers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readers: Option<usize>,
    /// How much the table changes meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writer: Option<&'static str>,
    /// What is done to a prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<&'static str>,
    /// How what was deleted is freed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reclaim: Option<&'static str>,
    /// How many KiB are walked through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kib: Option<usize>,
    /// Along how many chains at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chains: Option<usize>,
    /// The least, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median: Option<f64>,
    /// What 99 of 100 do not exceed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    /// The most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Pairs of a percentage and what so many of a hundred do not exceed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentiles: Option<Vec<(f64, f64)>>,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mib: Option<f64>,
}

impl Row {
    /// One about that part.
    pub fn new(part: &'static str) -> Self {
        Self {
            world: "user",
            part,
            ..Self::default()
        }
    }

    /// With the least, the median and the most of a figure a run.
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

    /// Prints it.
    pub fn print(&self) -> Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}

/// A figure without decimals that mean nothing.
pub fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_only_what_matters_to_it() {
        let row = Row {
            what: Some("table"),
            ..Row::new("lookup")
        };
        let row = row.with_runs(vec![3.0, 1.00049, 2.0]);
        let expected =
            r#"{"world":"user","part":"lookup","what":"table","min":1.0,"median":2.0,"max":3.0}"#;
        assert_eq!(serde_json::to_string(&row).expect("JSON"), expected);
    }
}
