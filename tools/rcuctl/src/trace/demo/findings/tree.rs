// SPDX-License-Identifier: GPL-2.0

//! The scene `tree`: CPUs report to leaves, and leaves to their parents.

use super::{finding, Finding};
use crate::trace::event::Node;
use crate::trace::grace_period::{GracePeriod, Report};

/// The reports to the nodes of a level.
fn reports_to(period: &GracePeriod, level: u32) -> impl Iterator<Item = &Report> {
    let reports = period.reports.iter();
    reports.filter(move |report| report.node.level == level)
}

/// Whether the leaf waited for nothing more at a time.
fn is_done(period: &GracePeriod, leaf: &Node, us: u64) -> bool {
    let mut reports = period.reports.iter().rev();
    let last = reports.find(|report| report.node == *leaf && report.us <= us);
    last.is_some_and(|report| report.left == 0 && !report.has_tasks)
}

/// Whether each report to a parent of leaves has a leaf below that waits for nothing more.
fn leaves_are_done(period: &GracePeriod, leaves: &[Node]) -> bool {
    let Some(parents) = period.leaf_level().checked_sub(1) else {
        return false;
    };
    let below = |report: &Report, leaf: &&Node| {
        (report.node.first_cpu..=report.node.last_cpu).contains(&leaf.first_cpu)
    };
    reports_to(period, parents).enumerate().all(|(at, report)| {
        let done = leaves.iter().filter(|leaf| below(report, leaf));
        // One leaf more with each report to the parent.
        let of_parent = reports_to(period, parents).take(at + 1);
        let reports = of_parent.filter(|other| other.node == report.node).count();
        done.filter(|leaf| is_done(period, leaf, report.us)).count() >= reports
    })
}

pub fn findings(period: &GracePeriod) -> Vec<Finding> {
    let waits = period.waits.iter().filter(|wait| wait.mask != 0);
    let mut nodes: Vec<Node> = waits.map(|wait| wait.node).collect();
    nodes.sort();
    nodes.dedup();
    let leaf_level = period.leaf_level();
    let is_leaf = |node: &&Node| node.level == leaf_level && leaf_level > 0;
    let leaves: Vec<Node> = nodes.iter().filter(is_leaf).copied().collect();
    let cpus = period.cpus.len();
    let to_root = reports_to(period, 0).count();
    vec![
        finding(
            leaves.len() > 1,
            match leaves.len() {
                0 => "the root is the only node; boot with rcutree.rcu_fanout_leaf=2 and 4 CPUs"
                    .into(),
                count => format!("the tree has {} nodes, {count} of them leaves", nodes.len()),
            },
        ),
        finding(
            !leaves.is_empty() && period.cpus.values().all(|cpu| cpu.reported_us.is_some()),
            format!("each of the {cpus} CPUs reports to its leaf"),
        ),
        finding(
            leaves_are_done(period, &leaves),
            "a leaf reports to its parent when it waits for nothing more",
        ),
        finding(
            to_root > 0 && to_root < cpus,
            format!("the root gets {to_root} reports, fewer than there are CPUs"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::recording::Recording;

    /// A grace period of four CPUs in two leaves. The second leaf reports at `second_us`, and its
    /// last CPU at 80 us.
    fn period(second_us: u64) -> GracePeriod {
        let mut lines = vec![
            (10, "rcu_grace_period: rcu_preempt 61 start"),
            (11, "rcu_grace_period_init: rcu_preempt 61 0 0 3 3"),
            (12, "rcu_grace_period_init: rcu_preempt 61 1 0 1 3"),
            (13, "rcu_grace_period_init: rcu_preempt 61 1 2 3 3"),
            (20, "rcu_quiescent_state_report: rcu_preempt 61 1>2 1 0 1 0"),
            (40, "rcu_quiescent_state_report: rcu_preempt 61 2>0 1 0 1 0"),
            (41, "rcu_quiescent_state_report: rcu_preempt 61 1>2 0 0 3 0"),
            (60, "rcu_quiescent_state_report: rcu_preempt 61 1>2 1 2 3 0"),
            (80, "rcu_quiescent_state_report: rcu_preempt 61 2>0 1 2 3 0"),
            (
                second_us,
                "rcu_quiescent_state_report: rcu_preempt 61 2>0 0 0 3 0",
            ),
            (90, "rcu_grace_period: rcu_preempt 61 end"),
        ];
        lines.sort();
        let mut recording = Recording::new(true);
        for (us, text) in lines {
            recording.add(&format!("  a-1      [000] d..1.     9.{us:06}: {text}"));
        }
        recording.periods()[0].clone()
    }

    #[test]
    fn each_leaf_reports_to_the_root_after_its_cpus() {
        let findings = findings(&period(81));
        assert!(
            findings.iter().all(|finding| finding.is_seen),
            "{findings:?}"
        );
        assert_eq!(findings[0].text, "the tree has 3 nodes, 2 of them leaves");
    }

    #[test]
    fn a_leaf_that_reports_too_early_is_noticed() {
        let findings = findings(&period(70));
        let seen: Vec<_> = findings.iter().map(|finding| finding.is_seen).collect();
        assert_eq!(seen, [true, true, false, true], "{findings:?}");
    }
}
