// SPDX-License-Identifier: GPL-2.0

//! A run as JSON: the module's keys and rows, and figures computed from them.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{json, Value};

use super::report::{passes_per_second, Report, Row};

pub struct Document<'a> {
    report: &'a Report,
    notes: &'a [String],
}

impl<'a> Document<'a> {
    pub fn of(report: &'a Report, notes: &'a [String]) -> Self {
        Self { report, notes }
    }
}

/// A value of the module, as a number if it is one.
struct Word<'a>(&'a str);

impl Serialize for Word<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.parse::<u64>() {
            Ok(number) => serializer.serialize_u64(number),
            Err(_) => serializer.serialize_str(self.0),
        }
    }
}

/// A figure of the module. Counts are integers.
fn figure(name: &str, value: Option<f64>) -> Value {
    match value {
        Some(value) if ["count", "dropped", "changes", "behind", "per_second"].contains(&name) => {
            json!(value as u64)
        }
        value => json!(value),
    }
}

/// A row of a report.
struct Cells<'a> {
    report: &'a Report,
    row: &'a Row,
}

impl Serialize for Cells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.row.labels {
            map.serialize_entry(name, &Word(value))?;
        }
        if self.row.is_absent {
            map.serialize_entry("absent", &true)?;
            return map.end();
        }
        for (name, value) in &self.row.figures {
            map.serialize_entry(name, &figure(name, *value))?;
        }
        if let Some(rate) = passes_per_second(self.row) {
            map.serialize_entry("per_second", &figure("per_second", Some(rate)))?;
        }
        map.serialize_entry("ratio", &self.report.ratio(self.row))?;
        map.end()
    }
}

/// A stream of lookups. Its labels are hashes, which stay strings if all their digits are decimal.
struct Stream<'a>(&'a Row);

impl Serialize for Stream<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.0.labels {
            map.serialize_entry(name, value)?;
        }
        for (name, value) in &self.0.figures {
            map.serialize_entry(name, &figure(name, *value))?;
        }
        map.end()
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.report;
        let rows: Vec<_> = report
            .rows
            .iter()
            .map(|row| Cells { report, row })
            .collect();
        let streams: Vec<_> = report.streams.iter().map(Stream).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("state", &report.state)?;
        map.serialize_entry("result", &report.result)?;
        map.serialize_entry("runs", &report.runs)?;
        map.serialize_entry("kind", &report.kind)?;
        map.serialize_entry("passed", &report.passed)?;
        map.serialize_entry("nruns", &report.wanted)?;
        for (name, value) in &report.settings {
            map.serialize_entry(name, &Word(value))?;
        }
        map.serialize_entry("rows", &rows)?;
        map.serialize_entry("streams", &streams)?;
        map.serialize_entry("notes", self.notes)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Report as _;

    #[test]
    fn rows_have_numbers_and_ratios() {
        let report = Report::parse(
            "state idle\nresult done\nruns 1\nkind lookup\npassed 1\nnruns 1\nseed 7\nwriter none\n\
             stream family=inet stream=b count=4096 addresses=0000000000000012 answers=00ab\n\
             row family=inet stream=b writer=none readers=2 min=9.50 median=10.00 max=- wall=11 dropped=0\n\
             row family=inet stream=b writer=none readers=1 absent=1",
        )
        .expect("a report");
        assert_eq!(
            serde_json::to_value(Document::of(&report, &[])).expect("JSON"),
            json!({
                "state": "idle", "result": "done", "runs": 1, "kind": "lookup", "passed": 1, "nruns": 1,
                "seed": 7, "writer": "none",
                "rows": [
                    {
                        "family": "inet", "stream": "b", "writer": "none", "readers": 2, "min": 9.5, "median": 10.0,
                        "max": null, "wall": 11.0, "dropped": 0, "per_second": 200_000_000_u64, "ratio": null
                    },
                    { "family": "inet", "stream": "b", "writer": "none", "readers": 1, "absent": true }
                ],
                "streams": [
                    {
                        "family": "inet", "stream": "b", "addresses": "0000000000000012", "answers": "00ab",
                        "count": 4096
                    }
                ],
                "notes": []
            })
        );
    }
}
