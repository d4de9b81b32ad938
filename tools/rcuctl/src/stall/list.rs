// SPDX-License-Identifier: GPL-2.0

//! `list`: the kinds of stall, what they show, how long they take, and whether this kernel has them.

use std::io::Write;

use serde::Serialize;

use super::explain;
use super::report::{Has, Offer, Report};
use crate::error::{Result, Status};
use crate::output::Output;
use crate::parameters::Parameters;

/// A kind, as JSON and in the table.
#[derive(Serialize)]
struct Row<'a> {
    kind: &'a str,
    /// `yes`, `unsafe` or `no`.
    has: &'static str,
    /// The configuration that this kernel lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<&'a str>,
    /// Seconds that it takes.
    seconds: f64,
    /// What goes wrong.
    shows: &'a str,
    /// A part of the line by which the kernel tells of it.
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

    fn has_in_words(&self) -> String {
        match (self.has, self.needs) {
            ("unsafe", _) => "with --unsafe".to_string(),
            (_, Some(config)) => format!("lacks {config}"),
            (has, _) => has.to_string(),
        }
    }
}

pub fn list(parameters: &impl Parameters, out: &mut Output<impl Write>) -> Result<Status> {
    let report = Report::read(parameters)?;
    let rows: Vec<_> = report.kinds.iter().map(Row::of).collect();
    if out.json() {
        out.document(&rows)?;
        return Ok(Status::Done);
    }
    let mut table = vec![["KIND", "HERE", "SECS", "SHOWS", "THE KERNEL SAYS"].map(str::to_string)];
    table.extend(rows.iter().map(|row| {
        [
            row.kind.to_string(),
            row.has_in_words(),
            format!("{:.1}", row.seconds),
            row.shows.to_string(),
            row.expects.to_string(),
        ]
    }));
    print(&table, out)?;
    Ok(Status::Done)
}

/// Columns as wide as their widest field; the last has no end.
fn print<const N: usize>(table: &[[String; N]], out: &mut Output<impl Write>) -> Result<()> {
    let width = |column: usize| table.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..N).map(width).collect();
    for row in table {
        let fields = row.iter().zip(&widths);
        let fields: Vec<_> = fields
            .map(|(field, width)| format!("{field:width$}"))
            .collect();
        out.line(fields.join("  ").trim_end())?;
    }
    Ok(())
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
    fn a_table_says_what_this_kernel_has() {
        let text = listed(false);
        let line = |kind: &str| {
            let line = text.lines().find(|line| line.starts_with(kind));
            line.expect("a line").to_string()
        };
        assert!(line("cpu_preempt_off").contains(" yes "), "{text}");
        assert!(line("cpu_preempt_off").contains(" 7.0 "), "{text}");
        assert!(
            line("cpu_preempt_off").ends_with(" detected stall"),
            "{text}"
        );
        assert!(line("use_after_free").contains(" with --unsafe "), "{text}");
        assert!(line("might_sleep").contains(" lacks CONFIG_X "), "{text}");
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
