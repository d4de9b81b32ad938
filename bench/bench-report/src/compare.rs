// SPDX-License-Identifier: GPL-2.0

//! Whether two runs came to the same ratios.

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

/// What agrees and what does not. A ratio of both runs agrees if some value is within the spread of both; those to
/// oneself do not count. Of those without a spread, which were measured once, it is told how far apart they are.
pub fn compare(old: &Bench, new: &Bench) -> String {
    let (mut same, mut all) = (0, 0);
    let mut apart = String::new();
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
            same += 1;
        } else {
            let _ = writeln!(
                apart,
                "  {}: {} before, {} now",
                name(row),
                spread(before),
                spread(now)
            );
        }
    }
    let mut text = format!("{same} of {all} ratios agree within their spread.\n");
    if !apart.is_empty() {
        text += &format!("Those that do not:\n{apart}");
    }
    if let Some(apart) = Spread::of(&once) {
        let _ = writeln!(
            text,
            "{} more were measured once: half of them are at most {:.0} % apart, all at most {:.0} %.",
            once.len(),
            apart.value,
            apart.high
        );
    }
    for bar in &new.bars {
        let before = old.bars.iter().find(|other| other.what == bar.what);
        if let Some(before) = before.filter(|before| before.holds != bar.holds) {
            let _ = writeln!(
                text,
                "Bar {:?}: {} before, {} now",
                bar.what,
                before.verdict(),
                bar.verdict()
            );
        }
    }
    text
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
    fn a_run_agrees_with_itself() {
        assert_eq!(
            compare(&example(), &example()),
            "2 of 2 ratios agree within their spread.\n\
             1 more were measured once: half of them are at most 0 % apart, all at most 0 %.\n"
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
    fn what_was_measured_once_cannot_agree() {
        let mut old = example();
        set_times(&mut old, [10.0; 3]);
        let mut new = old.clone();
        set_times(&mut new, [12.0; 3]);
        let text = compare(&old, &new);
        assert!(text.starts_with("1 of 1 "), "{text}");
        assert!(
            text.contains(
                "2 more were measured once: half of them are at most 0 % apart, all at most 20 %"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_bar_that_held_is_missed_aloud() {
        let mut old = example();
        old.bars[0].holds = Some(true);
        assert!(compare(&old, &example()).contains("holds before, MISSED by 8 % now"));
    }
}
