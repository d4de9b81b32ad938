// SPDX-License-Identifier: GPL-2.0

//! A run as JSON: the report, and figures computed from it.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::report::Report;
use super::summary::rates;
use super::Ended;

#[derive(Serialize)]
pub struct Document<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// Some counters per second.
    rates: Rates<'a>,
    #[serde(flatten)]
    end: Option<End>,
}

#[derive(Serialize)]
struct End {
    /// Seconds from the start of the run to the first error.
    caught_after: Option<f64>,
    interrupted: bool,
}

impl<'a> Document<'a> {
    pub fn of(report: &'a Report) -> Self {
        Self {
            report,
            rates: Rates(report),
            end: None,
        }
    }

    pub fn of_ended(ended: &'a Ended) -> Self {
        Self {
            end: Some(End {
                caught_after: ended.caught_after.map(|time| time.as_secs_f64()),
                interrupted: ended.interrupted,
            }),
            ..Self::of(&ended.report)
        }
    }
}

struct Rates<'a>(&'a Report);

impl Serialize for Rates<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, rate) in rates(self.0) {
            map.serialize_entry(name, &rate)?;
        }
        map.end()
    }
}
