// SPDX-License-Identifier: GPL-2.0

//! Finds the fields of a report in its lines.

use std::ops::Range;

use stall_decode::Field;

use crate::excerpt::Line;

/// The least length of a value or name that is searched for alone.
const MIN_ALONE: usize = 6;

/// The least length of a name that is searched for beside its value without a sign between them.
const MIN_SPACED: usize = 3;

/// A field in a line.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) range: Range<usize>,
    pub(crate) meaning: String,
}

/// Marks each field where it first occurs.
pub(crate) fn add(lines: &mut [Line], fields: &[Field]) {
    for field in fields {
        let (cpu, name) = of_cpu(&field.name);
        let patterns = patterns(name, &field.value, cpu);
        let found = patterns.iter().find_map(|pattern| {
            lines.iter().enumerate().find_map(|(at, line)| {
                let is_of_cpu = cpu.is_none_or(|cpu| line.text.contains(&format!("{cpu}-")));
                find(line, pattern)
                    .filter(|_| is_of_cpu)
                    .map(|range| (at, range))
            })
        });
        if let Some((line, range)) = found.and_then(|(at, range)| Some((lines.get_mut(at)?, range)))
        {
            line.marks.push(Mark {
                range,
                meaning: field.meaning.clone(),
            });
        }
    }
    for line in lines {
        line.marks.sort_by_key(|mark| mark.range.start);
    }
}

/// Splits `CPU 4 fqs` into the CPU and the field's own name.
fn of_cpu(name: &str) -> (Option<&str>, &str) {
    name.strip_prefix("CPU ")
        .and_then(|rest| rest.split_once(' '))
        .filter(|(cpu, _)| cpu.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or((None, name), |(cpu, name)| (Some(cpu), name))
}

/// Returns the forms in which the kernel may print a field, the surest first.
fn patterns(name: &str, value: &str, cpu: Option<&str>) -> Vec<String> {
    let number = value.strip_prefix("CPU ").unwrap_or(value);
    let mut patterns = vec![
        format!("{name}={value}"),
        format!("{name}:{value}"),
        format!("{name}: {value}"),
    ];
    // Short names such as `t` are also parts of lists: `q=5 t=9`.
    if name.len() >= MIN_SPACED {
        patterns.push(format!("{name} {number}"));
        patterns.push(format!("{value} {name}"));
    }
    if let Some(cpu) = cpu.filter(|_| name == "marks") {
        patterns.push(format!("{cpu}-{value}"));
    }
    // A blocked task: the value begins with `/` and a depth or flags, and words follow.
    if let Some(flags) = value.strip_prefix('/') {
        let depth = flags.split(':').next().unwrap_or_default();
        patterns.push(format!("{name}/{depth}"));
    }
    if value.len() >= MIN_ALONE {
        patterns.push(value.to_string());
    }
    if name.len() >= MIN_ALONE {
        patterns.push(name.to_string());
    }
    patterns
}

/// Finds a pattern that is no part of a longer word, and that overlaps no other mark.
fn find(line: &Line, pattern: &str) -> Option<Range<usize>> {
    let is_free = |range: &Range<usize>| {
        line.marks
            .iter()
            .all(|mark| range.end <= mark.range.start || mark.range.end <= range.start)
    };
    let is_word = |range: &Range<usize>| {
        let before = line
            .text
            .get(..range.start)
            .and_then(|text| text.chars().next_back());
        let after = line
            .text
            .get(range.end..)
            .and_then(|text| text.chars().next());
        let joins = |other: Option<char>| {
            other.is_some_and(|other| other.is_alphanumeric() || other == '_')
        };
        !joins(before) && !joins(after)
    };
    line.text
        .match_indices(pattern)
        .map(|(start, found)| start..start + found.len())
        .find(|range| is_word(range) && is_free(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, fields: &[(&str, &str)]) -> Vec<String> {
        let mut lines = [Line {
            number: 1,
            text: text.to_string(),
            marks: Vec::new(),
            is_telling: false,
        }];
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| Field {
                name: name.to_string(),
                value: value.to_string(),
                meaning: String::new(),
                normal: false,
            })
            .collect();
        add(&mut lines, &fields);
        let marks = lines[0].marks.iter();
        marks
            .map(|mark| text[mark.range.clone()].to_string())
            .collect()
    }

    #[test]
    fn fields_of_a_stall_are_found_in_its_lines() {
        assert_eq!(
            marked(
                "rcu: \t4-...!: (5249 ticks this GP) idle=21c/1/0x4 softirq=1/1 fqs=9",
                &[
                    ("CPU 4 ticks this GP", "5249"),
                    ("CPU 4 marks", "...!"),
                    ("CPU 4 fqs", "9"),
                    ("CPU 5 idle", "21c/1/0x4"),
                ],
            ),
            ["4-...!", "5249 ticks this GP", "fqs=9"]
        );
        assert_eq!(
            marked(
                "(detected by 95, t=15002 jiffies, g=122497, q=1257526 ncpus=96)",
                &[
                    ("t", "15002"),
                    ("g", "122497"),
                    ("q", "1257526"),
                    ("ncpus", "96"),
                    ("detected by", "CPU 95")
                ],
            ),
            [
                "detected by 95",
                "t=15002",
                "g=122497",
                "q=1257526",
                "ncpus=96"
            ]
        );
        assert_eq!(
            marked("P1010/3:bl", &[("P1010", "/3:blocked in a reader")]),
            ["P1010/3"]
        );
    }

    #[test]
    fn part_of_a_word_or_of_a_mark_is_no_field() {
        assert!(marked("xt=5 t=55", &[("t", "5")]).is_empty());
        assert_eq!(marked("t=5 t=5", &[("t", "5"), ("t", "5")]), ["t=5", "t=5"]);
    }
}
