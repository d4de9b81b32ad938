// SPDX-License-Identifier: GPL-2.0

//! Ratios of rows.

use crate::row::{Row, Spread};

/// Divides `over` by `under`: round by round if both have equally many rounds, because a
/// disturbance of the machine affects all rows of a round. Otherwise divides median by median,
/// minimum by minimum and maximum by maximum.
pub fn ratio(over: &Row, under: &Row) -> Option<Spread> {
    let (rounds, others) = (over.rounds(), under.rounds());
    let ratios: Vec<f64> = match rounds.len() > 1 && rounds.len() == others.len() {
        true => rounds
            .iter()
            .zip(&others)
            .map(|(over, under)| over / under)
            .collect(),
        false => {
            let (over, under) = (over.spread()?, under.spread()?);
            let value = over.value / under.value;
            let ends = [over.low / under.low, value, over.high / under.high];
            let spread = Spread::of(&ends)?;
            return Some(Spread { value, ..spread });
        }
    };
    Spread::of(&ratios)
}

/// The row that all rows of a part are compared with.
fn reference(part: &str, world: &str) -> Option<&'static str> {
    match (part, world) {
        ("lookup" | "update" | "memory" | "fill", _) => Some("what=table"),
        ("latency", "user") => Some("what=table"),
        ("read", "kernel") => Some("what=rcu"),
        ("read", "user") => Some("what=urcu-memb"),
        _ => None,
    }
}

/// The labels that a row and its reference must share.
const SHARED: [&str; 9] = [
    "world", "boot", "part", "set", "family", "stream", "change", "readers", "writer",
];

/// Ranks possible references: the same `way` or `reclaim` first, then the default one.
fn rank(row: &Row, other: &Row) -> usize {
    let same = |key| row.label(key).is_some() && row.label(key) == other.label(key);
    let is_default = other.matches("way=one") || other.matches("reclaim=call");
    4 * usize::from(same("way")) + 2 * usize::from(same("reclaim")) + usize::from(is_default)
}

/// Finds the reference of `row`.
fn find<'a>(row: &Row, rows: &'a [Row]) -> Option<&'a Row> {
    let what = reference(&row.label("part")?, &row.label("world")?)?;
    let is_random_or_sample = !row.matches("set=real");
    let fits = |other: &&Row| {
        other.matches(what)
            && SHARED.iter().all(|key| row.label(key) == other.label(key))
            && (!is_random_or_sample || row.label("routes") == other.label("routes"))
    };
    // max_by_key() returns the last of equals; rev() makes it the first.
    rows.iter()
        .filter(fits)
        .rev()
        .max_by_key(|other| rank(row, other))
}

/// Sets each row's ratio to its reference: `times`, `times_low` and `times_high`.
pub fn compare_all(rows: &mut [Row]) {
    let all = rows.to_vec();
    for row in rows {
        let Some(times) = find(row, &all).and_then(|reference| ratio(row, reference)) else {
            continue;
        };
        row.set("times", times.value);
        row.set("times_low", times.low);
        row.set("times_high", times.high);
    }
}

/// The ratio that [`compare_all`] has set.
pub fn times(row: &Row) -> Option<Spread> {
    Some(Spread {
        low: row.number("times_low")?,
        value: row.number("times")?,
        high: row.number("times_high")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::read_lines;

    const ROWS: &str = r#"{"world":"user","part":"lookup","what":"table","family":"inet","stream":"b","min":10,"median":20,"max":40}
{"world":"user","part":"lookup","what":"table","family":"inet","stream":"b","way":"bulk","min":8,"median":10,"max":16}
{"world":"user","part":"lookup","what":"rte_fib","family":"inet","stream":"b","min":30,"median":40,"max":60}
{"world":"user","part":"lookup","what":"rte_fib","family":"inet","stream":"b","way":"bulk","min":4,"median":5,"max":8}
{"world":"user","part":"lookup","what":"rte_fib","family":"inet","stream":"c","median":5}
{"world":"user","part":"update","what":"table","family":"inet","change":"add","reclaim":"kvfree","median":300}
{"world":"user","part":"update","what":"table","family":"inet","change":"add","reclaim":"call","median":200}
{"world":"user","part":"update","what":"rte_fib","family":"inet","change":"add","median":800,"max":1000000}
{"world":"user","part":"lookup","what":"table","family":"inet","stream":"b","set":"sample","routes":1000,"median":4}
{"world":"user","part":"lookup","what":"rte_fib","family":"inet","stream":"b","set":"sample","routes":10000,"median":4}
{"world":"user","part":"read","what":"urcu-memb","readers":2,"median":4}
{"world":"user","part":"read","what":"pthread_rwlock","readers":2,"median":100}
"#;

    fn compared() -> Vec<Option<(f64, f64, f64)>> {
        let mut rows = read_lines(ROWS).expect("rows");
        compare_all(&mut rows);
        let times = |row| times(row).map(|it| (it.low, it.value, it.high));
        rows.iter().map(times).collect()
    }

    #[test]
    fn each_row_is_compared_with_its_reference() {
        let all = compared();
        let value = |number: usize| all[number].map(|times| times.1);
        assert_eq!(all[0], Some((1.0, 1.0, 1.0)));
        assert_eq!(all[2], Some((1.5, 2.0, 3.0)));
        assert_eq!(value(3), Some(0.5));
        assert_eq!(value(4), None);
        assert_eq!((value(5), value(6)), (Some(1.0), Some(1.0)));
        assert_eq!(all[7], Some((4.0, 4.0, 4.0)));
        assert_eq!((value(8), value(9)), (Some(1.0), None));
        assert_eq!(value(11), Some(25.0));
    }

    #[test]
    fn equal_numbers_of_rounds_are_divided_one_by_one() {
        let row = |rounds: &str| {
            let text =
                format!(r#"{{"world":"kernel","part":"lookup","median":1,"rounds":{rounds}}}"#);
            read_lines(&text).expect("a row").remove(0)
        };
        let table = row("[10, 20, 12]");
        let both = ratio(&row("[100, 200, 132]"), &table).expect("figures");
        assert_eq!((both.low, both.value, both.high), (10.0, 10.0, 11.0));
        let fewer = ratio(&row("[100, 300]"), &table).expect("figures");
        assert_eq!(
            (fewer.low, fewer.value, fewer.high),
            (100.0 / 12.0, 100.0 / 12.0, 15.0)
        );
    }
}
