// SPDX-License-Identifier: GPL-2.0

//! A timeline as positions, for programs that draw it themselves.

use std::collections::BTreeMap;

use super::scale::Scale;
use super::{Lane, Mark, Timeline, CLASSES};

/// Steps along the axis.
const STEPS: f64 = 5.0;

/// The timeline of a boot. Positions are from 0, the begin of the axis, to 1.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The boot within the input, from 1.
    pub boot: u64,
    /// The unit of the axis.
    pub unit: &'static str,
    /// Positions along the axis, with their labels.
    pub steps: Vec<(f64, String)>,
    /// CPUs, kthreads and tasks, in the order in which their conditions began.
    pub lanes: Vec<ChartLane>,
}

/// The spans of a CPU, a kthread or a task.
#[derive(Clone, Debug)]
pub struct ChartLane {
    /// Its name.
    pub name: String,
    /// The spans, in the order of their first reports.
    pub spans: Vec<Span>,
}

/// A condition from its begin to its end, with its reports.
#[derive(Clone, Debug)]
pub struct Span {
    /// The kind of condition: `stall`, `starved`, `hung`, `lockup`, `misuse` or `memory`.
    pub class: &'static str,
    /// The kind of condition, in words.
    pub meaning: &'static str,
    /// The position at which the condition began, or of the first report.
    pub from: f64,
    /// The position at which the condition ended, or of the last report.
    pub to: f64,
    /// Whether the log has the end.
    pub has_ended: bool,
    /// Whether the condition has a duration. Misuse and memory have none.
    pub lasts: bool,
    /// The condition's length in seconds, up to the last report or the end, if the log has times.
    pub seconds: Option<f64>,
    /// The position, the input line and the description of each report.
    pub reports: Vec<(f64, u64, String)>,
}

impl ChartLane {
    fn begin(&self) -> f64 {
        let begins = self.spans.iter().map(|span| span.from);
        begins.fold(f64::INFINITY, f64::min)
    }
}

impl Timeline {
    /// Arranges the events, with a chart for each boot.
    pub fn charts(&self) -> Vec<Chart> {
        let boots = self.boots();
        boots
            .iter()
            .map(|(&boot, marks)| chart(boot, marks))
            .collect()
    }
}

fn chart(boot: u64, marks: &[&Mark]) -> Chart {
    let scale = Scale::new(marks);
    let mut lanes: BTreeMap<&Lane, Vec<&Mark>> = BTreeMap::new();
    for mark in marks {
        for lane in &mark.lanes {
            lanes.entry(lane).or_default().push(mark);
        }
    }
    let mut lanes: Vec<_> = lanes
        .iter()
        .map(|(lane, marks)| ChartLane {
            name: lane.to_string(),
            spans: spans(marks, scale),
        })
        .collect();
    lanes.sort_by(|a, b| a.begin().total_cmp(&b.begin()));
    let steps = scale.steps(STEPS).into_iter();
    Chart {
        boot,
        unit: scale.unit(),
        steps: steps
            .map(|at| (scale.position(at), scale.label(at)))
            .collect(),
        lanes,
    }
}

/// Joins the reports of one condition to a span.
fn spans(marks: &[&Mark], scale: Scale) -> Vec<Span> {
    let mut groups: Vec<Vec<&Mark>> = Vec::new();
    for mark in marks {
        let is_same = |other: &&Mark| other.incident == mark.incident && other.class == mark.class;
        match groups
            .iter_mut()
            .find(|group| group.first().is_some_and(is_same))
        {
            Some(group) => group.push(mark),
            None => groups.push(vec![mark]),
        }
    }
    groups.iter().map(|group| span(group, scale)).collect()
}

fn span(group: &[&Mark], scale: Scale) -> Span {
    let from = group.iter().map(|mark| mark.at - mark.age);
    let from = from.fold(f64::INFINITY, f64::min);
    let ends = group.iter().filter_map(|mark| mark.end);
    let end = ends.fold(f64::NEG_INFINITY, f64::max);
    let last = group.iter().map(|mark| mark.at);
    let to = last.fold(end, f64::max);
    let class = group.first().map_or("misuse", |mark| mark.class);
    let has_time = group.iter().all(|mark| mark.has_time);
    let known = CLASSES.iter().find(|(known, _)| *known == class);
    Span {
        class,
        meaning: known.map_or(class, |(_, meaning)| meaning),
        from: scale.position(from),
        to: scale.position(to),
        has_ended: end.is_finite(),
        lasts: !matches!(class, "misuse" | "memory"),
        seconds: has_time.then_some(to - from),
        reports: group
            .iter()
            .map(|mark| (scale.position(mark.at), mark.line, mark.text.clone()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::decode;

    fn chart(log: &str) -> Chart {
        let mut timeline = Timeline::new();
        for event in decode(log) {
            timeline.add(&event);
        }
        let mut charts = timeline.charts();
        assert_eq!(charts.len(), 1);
        charts.remove(0)
    }

    const STALL: &str = "\
[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU
[  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3
[  100.000002] rcu: \t(t=5250 jiffies g=289 q=2)
";

    #[test]
    fn reports_of_one_stall_are_one_span_that_begins_before_the_first() {
        let again = STALL.replace("  100.", "  163.").replace("5250", "21003");
        let chart = chart(&format!("{STALL}{again}"));
        assert_eq!(chart.unit, "seconds since boot");
        let [lane] = &chart.lanes[..] else {
            panic!("one CPU: {chart:?}");
        };
        let [span] = &lane.spans[..] else {
            panic!("one stall: {lane:?}");
        };
        assert_eq!((lane.name.as_str(), span.class), ("CPU 1", "stall"));
        assert_eq!((span.reports.len(), span.has_ended), (2, false));
        assert_eq!((span.reports[0].1, span.reports[1].1), (1, 4));
        assert!(span.from < span.reports[0].0 && span.to == span.reports[1].0);
        let seconds = span.seconds.expect("the log has times");
        assert!((83.0..85.0).contains(&seconds), "{seconds}");
        assert!(chart.steps.len() >= 2, "{chart:?}");
    }

    #[test]
    fn lanes_are_in_the_order_in_which_their_conditions_began() {
        let chart = chart(&format!(
            "[   50.000000] watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [a:57]\n{STALL}"
        ));
        let names: Vec<_> = chart.lanes.iter().map(|lane| &lane.name[..]).collect();
        assert_eq!(names, ["CPU 3", "CPU 1"]);
    }

    #[test]
    fn times_since_the_previous_line_count_from_the_begin_of_the_log() {
        let chart = chart(
            "[Jul25 00:42] x\n[  +5.361027] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
             [  +0.000005] rcu: \t(detected by 9, t=15002 jiffies, g=1, q=1 ncpus=9)\n",
        );
        assert_eq!(chart.unit, "seconds since the first line");
    }

    #[test]
    fn a_span_ends_at_the_logged_end() {
        let end =
            "[  110.000000] rust_rcu_demo: stall: end cpu_preempt_off after 31000 ms: ended\n";
        let chart = chart(&format!("{STALL}{end}"));
        let span = &chart.lanes[0].spans[0];
        assert!(span.has_ended && span.to > span.reports[0].0, "{span:?}");
    }

    #[test]
    fn misuse_has_no_duration() {
        let chart = chart("[  363.000000] BUG: scheduling while atomic: sh/57/0x00000002\n");
        assert!(!chart.lanes[0].spans[0].lasts, "{chart:?}");
    }
}
