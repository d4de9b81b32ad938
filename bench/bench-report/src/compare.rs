// SPDX-License-Identifier: GPL-2.0

//! Compares the ratios of two documents.

use std::fmt::Write;

use crate::bench::Bench;
use crate::ratio::times;
use crate::row::{Row, Spread};
use crate::table::spread;

fn name(row: &Row) -> String {
    let labels = row.labels();
    let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
    labels.collect::<Vec<_>>().join(" ")
}

/// Describes which ratios agree. Two ratios agree if their spreads overlap. Skips ratios of a row
/// to itself. For ratios without a spread, which were measured once, describes the relative
/// differences.
pub fn compare(old: &Bench, new: &Bench) -> String {
    let (mut agreeing, mut all) = (0, 0);
    let mut disagreeing = String::new();
    let mut once = Vec::new();
    for row in &new.rows {
        let before = old
            .rows
            .iter()
            .find(|other| other.labels() == row.labels())
            .and_then(times);
        let (Some(before), Some(now)) = (before, times(row)) else {
            continue;
        };
        if before.value == 1.0 && now.value == 1.0 {
            continue;
        }
        if before.low == before.high && now.low == now.high {
            once.push(100.0 * (now.value / before.value - 1.0).abs());
            continue;
        }
        all += 1;
        if before.overlaps(now) {
            agreeing += 1;
        } else {
            let (name, before, now) = (name(row), spread(before), spread(now));
            let _ = writeln!(disagreeing, "  {name}: {before} before, {now} now");
        }
    }
    let mut text = format!("{agreeing} of {all} ratios agree within their spread.\n");
    if !disagreeing.is_empty() {
        text += &format!("The others:\n{disagreeing}");
    }
    describe_once(&once, &mut text);
    describe_outcomes(old, new, &mut text);
    text
}

/// Describes the relative differences, in percent, of ratios measured once.
fn describe_once(differences: &[f64], text: &mut String) {
    if let Some(spread) = Spread::of(differences) {
        let _ = writeln!(
            text,
            "{} ratios were measured once: half differ by at most {:.0} %, all by at most {:.0} %.",
            differences.len(),
            spread.value,
            spread.high
        );
    }
}

/// Describes the targets that only one of the runs meets.
fn describe_outcomes(old: &Bench, new: &Bench, text: &mut String) {
    for now in &new.outcomes {
        let before = old.outcomes.iter().find(|other| other.what == now.what);
        if let Some(before) = before.filter(|before| before.holds != now.holds) {
            let (before, verdict) = (before.verdict(), now.verdict());
            let _ = writeln!(
                text,
                "Target {:?}: {before} before, {verdict} now",
                now.what
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tests::example;

    fn set_times(bench: &mut Bench, times: [f64; 3]) {
        let mut rows = bench.rows.iter_mut();
        let row = rows.find(|row| row.matches("what=fib_trie stream=b readers=1"));
        let row = row.expect("a row");
        for (key, value) in ["times_low", "times", "times_high"].into_iter().zip(times) {
            row.set(key, value);
        }
    }

    fn changed(times: [f64; 3]) -> String {
        let mut new = example();
        set_times(&mut new, times);
        compare(&example(), &new)
    }

    #[test]
    fn a_document_agrees_with_itself() {
        assert_eq!(
            compare(&example(), &example()),
            "2 of 2 ratios agree within their spread.\n\
             1 ratios were measured once: half differ by at most 0 %, all by at most 0 %.\n"
        );
    }

    #[test]
    fn ratios_agree_where_their_spreads_overlap() {
        assert!(changed([12.5, 14.0, 15.0]).starts_with("2 of 2 "));
        let text = changed([13.5, 14.0, 15.0]);
        assert!(text.starts_with("1 of 2 "), "{text}");
        assert!(text.contains("what=fib_trie"), "{text}");
        assert!(
            text.contains("11 (11–13) before, 14 (13.5–15) now"),
            "{text}"
        );
    }

    #[test]
    fn ratios_measured_once_are_counted_apart() {
        let mut old = example();
        set_times(&mut old, [10.0; 3]);
        let mut new = old.clone();
        set_times(&mut new, [12.0; 3]);
        let text = compare(&old, &new);
        assert!(text.starts_with("1 of 1 "), "{text}");
        assert!(
            text.contains(
                "2 ratios were measured once: half differ by at most 0 %, all by at most 20 %"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_target_met_before_and_missed_now_is_described() {
        let mut old = example();
        old.outcomes[0].holds = Some(true);
        assert!(compare(&old, &example()).contains("holds before, MISSED by 31 % now"));
    }
}
