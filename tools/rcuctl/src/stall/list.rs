// SPDX-License-Identifier: GPL-2.0

//! `list`: the kinds of stall, how long they take, and whether this kernel supports them.

use std::io::Write;

use serde::Serialize;

use super::explain;
use super::report::{Has, Offer, Report};
use crate::error::{Result, Status};
use crate::layout::{table, terminal_width};
use crate::output::Output;
use crate::parameters::Parameters;
use crate::run::Report as _;

/// A kind, as JSON and in the table.
#[derive(Serialize)]
struct Row<'a> {
    kind: &'a str,
    /// `yes`, `unsafe` or `no`.
    has: &'static str,
    /// The configuration that this kernel lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<&'a str>,
    /// How long it takes.
    seconds: f64,
    shows: &'a str,
    /// A part of the kernel's line that reports it.
    expects: &'a str,
}

impl<'a> Row<'a> {
    fn of(offer: &'a Offer) -> Self {
        let (has, needs) = match &offer.has {
            Has::Yes => ("yes", None),
            Has::Unsafe => ("unsafe", None),
            Has::No(config) => ("no", Some(config.as_str())),
        };
        Self {
            kind: &offer.name,
            has,
            needs,
            seconds: f64::from(offer.hold_ms) / 1000.0,
            shows: explain::title(&offer.name).unwrap_or_default(),
            expects: &offer.expects,
        }
    }

    fn cells(&self) -> Vec<String> {
        let has = match self.has {
            "unsafe" => "--unsafe",
            has => has,
        };
        let lacks = match self.needs {
            Some(config) => format!("lacks {config}; "),
            None => String::new(),
        };
        vec![
            self.kind.to_string(),
            has.to_string(),
            format!("{:.1}", self.seconds),
            format!("{lacks}{}: {:?}", self.shows, self.expects),
        ]
    }
}

pub fn list(parameters: &impl Parameters, out: &mut Output<impl Write>) -> Result<Status> {
    let report = Report::read(parameters)?;
    let rows: Vec<_> = report.kinds.iter().map(Row::of).collect();
    if out.json() {
        out.document(&rows)?;
        return Ok(Status::Done);
    }
    let what = "WHAT HAPPENS: A PART OF THE REPORT";
    let header = ["KIND", "HERE", "SECS", what].map(str::to_string);
    let rows = std::iter::once(header.to_vec()).chain(rows.iter().map(Row::cells));
    out.line(&table(rows, |column| column == 2, terminal_width()))?;
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use crate::output::printed;

    fn listed(json: bool) -> String {
        printed(json, |out| list(&Fake::new(), out)).1
    }

    #[test]
    fn the_table_has_the_support_of_this_kernel() {
        let text = listed(false);
        let line = |kind: &str| {
            let line = text.lines().find(|line| line.starts_with(kind));
            line.expect("a line").to_string()
        };
        assert!(line("cpu_preempt_off").contains(" yes "), "{text}");
        assert!(line("cpu_preempt_off").contains(" 7.0 "), "{text}");
        assert!(
            line("cpu_preempt_off").ends_with(": \"detected stall\""),
            "{text}"
        );
        assert!(line("use_after_free").contains(" --unsafe "), "{text}");
        assert!(line("might_sleep").contains(" no "), "{text}");
        assert!(line("might_sleep").contains(" lacks CONFIG_X; "), "{text}");
        let at = text.find("HERE").expect("a heading");
        assert!(
            text.lines().all(|line| line.as_bytes()[at - 1] == b' '),
            "{text}"
        );
    }

    #[test]
    fn json_is_one_array() {
        let document: serde_json::Value = serde_json::from_str(&listed(true)).expect("valid JSON");
        let find = |kind: &str| {
            let mut kinds = document.as_array().expect("an array").iter();
            kinds
                .find(|row| row["kind"] == kind)
                .expect("a kind")
                .clone()
        };
        assert_eq!(find("cpu_preempt_off")["has"], "yes");
        assert_eq!(find("cpu_preempt_off")["seconds"], 7.0);
        assert_eq!(find("might_sleep")["has"], "no");
        assert_eq!(find("might_sleep")["needs"], "CONFIG_X");
        assert_eq!(find("use_after_free")["has"], "unsafe");
    }
}
