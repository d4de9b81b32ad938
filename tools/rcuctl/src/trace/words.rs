// SPDX-License-Identifier: GPL-2.0

//! Describes events in plain words.

use super::event::{Event, Node, SEGMENTS};
use super::record::Record;

/// The part of RCU that an event concerns. It selects the colour of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    GracePeriod,
    Quiescent,
    Reader,
    Expedited,
    Callback,
    /// Shown by `--verbose`: activities of each CPU, and minor steps.
    Detail,
}

/// Returns the topic of an event, and a phrase with a verb whose subject is the task or CPU.
///
/// Nodes of `leaf_level` have CPUs below them, nodes of other levels have nodes.
pub fn describe(record: &Record, leaf_level: u32) -> (Topic, String) {
    match &record.event {
        Event::RcuGracePeriod { gp_seq, what } => grace_period(*gp_seq, what),
        Event::RcuFutureGracePeriod {
            wanted, node, what, ..
        } => (Topic::Detail, future(*wanted, *node, what)),
        Event::RcuGracePeriodInit { gp_seq, node, mask } => (
            Topic::GracePeriod,
            format!(
                "grace period {gp_seq}: {} waits for {}",
                node_name(*node),
                waited(*node, *mask, leaf_level)
            ),
        ),
        Event::RcuQuiescentStateReport { .. } => report(&record.event, leaf_level),
        Event::RcuFqs { of_cpu, what, .. } => (
            Topic::Quiescent,
            match what.as_str() {
                "dti" => format!("finds CPU {of_cpu} idle or in user mode: a quiescent state"),
                _ => format!("asks CPU {of_cpu} for a quiescent state ({what})"),
            },
        ),
        Event::RcuPreemptTask { reader, .. } => (
            Topic::Reader,
            format!("task {reader} loses the CPU inside a critical section"),
        ),
        Event::RcuUnlockPreemptedTask {
            reader,
            at_start: true,
            ..
        } => (
            Topic::Reader,
            format!(
                "task {reader} is on the list of blocked tasks that this grace period waits for"
            ),
        ),
        Event::RcuUnlockPreemptedTask { reader, .. } => (
            Topic::Reader,
            format!("task {reader} ends the critical section in which it had lost the CPU"),
        ),
        Event::RcuStallWarning { what } => {
            (Topic::GracePeriod, format!("reports a stall ({what})"))
        }
        Event::RcuExpGracePeriod { .. } | Event::RcuExpFunnelLock { .. } => {
            expedited(&record.event)
        }
        Event::RcuWatching { what } => (Topic::Detail, watching(what)),
        Event::RcuUtilization { what } => (Topic::Detail, what.clone()),
        Event::RcuNocbWake { of_cpu, what } => (
            Topic::Detail,
            format!("offloaded callbacks of CPU {of_cpu}: {what}"),
        ),
        Event::Function { name } => function(name),
        Event::Other { name, text } => (Topic::Detail, format!("{name}: {text}")),
        event => (Topic::Callback, callback(event)),
    }
}

/// Describes the start and the end of an extended quiescent state.
fn watching(what: &str) -> String {
    match what {
        "Start" => "this CPU leaves its extended quiescent state".to_string(),
        "End" => "this CPU enters an extended quiescent state".to_string(),
        "Startirq" => "an interrupt ends the extended quiescent state".to_string(),
        "Endirq" => "the interrupt returns to an extended quiescent state".to_string(),
        _ => format!("nested interrupt, RCU already watches this CPU ({what})"),
    }
}

/// Functions of RCU whose calls show grace periods in kernels without RCU_TRACE.
pub const FUNCTIONS: [&str; 10] = [
    "call_rcu",
    "rcu_barrier",
    "rcu_do_batch",
    "rcu_gp_cleanup",
    "rcu_gp_fqs_loop",
    "rcu_gp_init",
    "rcu_report_qs_rdp",
    "synchronize_rcu",
    "synchronize_rcu_expedited",
    "synchronize_rcu_normal",
];

/// Describes a call of one of [`FUNCTIONS`].
fn function(name: &str) -> (Topic, String) {
    let (topic, meaning) = match name {
        "call_rcu" => (Topic::Callback, "queues a callback"),
        "rcu_barrier" => (Topic::Callback, "waits for queued callbacks"),
        "rcu_do_batch" => (Topic::Callback, "begins to invoke callbacks"),
        "rcu_gp_init" => (Topic::GracePeriod, "starts a grace period"),
        "rcu_gp_cleanup" => (Topic::GracePeriod, "ends the grace period"),
        "rcu_gp_fqs_loop" => (Topic::GracePeriod, "waits and scans for quiescent states"),
        "rcu_report_qs_rdp" => (Topic::Quiescent, "this CPU reports a quiescent state"),
        "synchronize_rcu" => (Topic::Callback, "waits for a grace period"),
        "synchronize_rcu_normal" => (Topic::Callback, "waits for a normal grace period"),
        "synchronize_rcu_expedited" => (Topic::Expedited, "waits for an expedited grace period"),
        _ => (Topic::Detail, "runs"),
    };
    (topic, format!("{meaning}: {name}()"))
}

fn grace_period(number: i64, what: &str) -> (Topic, String) {
    let topic = match what {
        "cpuqs" | "cpustart" | "cpuend" => Topic::Quiescent,
        "AccWaitCB" | "AccReadyCB" => Topic::Callback,
        "reqwait" | "fqswait" => Topic::Detail,
        _ => Topic::GracePeriod,
    };
    let text = match what {
        "newreq" if number & 3 == 0 => "requests a grace period".to_string(),
        "newreq" => format!("requests a grace period after {number}"),
        "start" => format!("starts grace period {number}"),
        "end" => format!("ends grace period {number}"),
        "cpustart" => format!("this CPU notices the start of grace period {number}"),
        "cpuqs" => format!("this CPU is in a quiescent state of grace period {number}"),
        "cpuend" => format!("this CPU notices the end of grace period {number}"),
        "cpuonl" => "this CPU comes online".to_string(),
        "cpuofl" | "cpuofl-bgp" => "this CPU goes offline".to_string(),
        "reqwait" => "sleeps until a request arrives".to_string(),
        "fqswait" => "waits for quiescent states".to_string(),
        "fqsstart" => "begins a scan for quiescent states".to_string(),
        "fqsend" => "ends the scan for quiescent states".to_string(),
        "AccWaitCB" => format!("moves its new callbacks to WAIT, with the end {number}"),
        "AccReadyCB" => format!("moves its new callbacks to NEXT_READY, with the end {number}"),
        _ => format!("grace period {number}: {what}"),
    };
    (topic, text)
}

fn future(wanted: i64, node: Node, what: &str) -> String {
    let node = node_name(node);
    match what {
        "Startleaf" => format!("requests the end {wanted} at {node}"),
        "Startedleaf" | "Startedleafroot" => {
            format!("{node} records the request for the end {wanted}; a grace period runs")
        }
        "Startedroot" => format!("{node} records the request for the end {wanted}"),
        "Prestarted" => format!("{node} needs no new request for the end {wanted}"),
        "Cleanup" => format!("{node} needs no further grace period"),
        "CleanupMore" => format!("{node} needs a further grace period"),
        _ => format!("{node}: {what}, end {wanted}"),
    }
}

fn report(event: &Event, leaf_level: u32) -> (Topic, String) {
    let Event::RcuQuiescentStateReport {
        mask,
        left,
        node,
        has_tasks,
        ..
    } = event
    else {
        return (Topic::Detail, String::new());
    };
    let who = match *mask {
        0 => "the last blocked task".to_string(),
        mask => waited(*node, mask, leaf_level),
    };
    let rest = match (*left, *has_tasks) {
        (0, false) => "it waits for nothing more".to_string(),
        (0, true) => "it waits for blocked tasks".to_string(),
        (left, false) => format!("it waits for {}", waited(*node, left, leaf_level)),
        (left, true) => format!(
            "it waits for {} and blocked tasks",
            waited(*node, left, leaf_level)
        ),
    };
    (
        Topic::Quiescent,
        format!("reports {who} to {}; {rest}", node_name(*node)),
    )
}

fn expedited(event: &Event) -> (Topic, String) {
    let (number, what) = match event {
        Event::RcuExpGracePeriod { exp_seq, what } => (*exp_seq, what.as_str()),
        Event::RcuExpFunnelLock { node, what } => {
            return (
                Topic::Detail,
                format!("expedited: {what} at {}", node_name(*node)),
            )
        }
        _ => (0, ""),
    };
    let text = match what {
        "snap" => format!("requests an expedited grace period with the end {number:#x}"),
        "start" => format!("starts the expedited grace period with the end {number:#x}"),
        "reset" => "expedited: resets the tree".to_string(),
        "select" => "expedited: selects CPUs and interrupts those that are not idle".to_string(),
        "selectofl" => "expedited: finds a CPU that goes online or offline".to_string(),
        "startwait" => "expedited: waits for the selected CPUs and tasks".to_string(),
        "end" => "ends the expedited grace period".to_string(),
        "endwake" => "expedited: has woken the waiters".to_string(),
        "done" => "expedited: finds that its grace period has ended".to_string(),
        _ => format!("expedited {number:#x}: {what}"),
    };
    (Topic::Expedited, text)
}

fn callback(event: &Event) -> String {
    match event {
        Event::RcuSrNormal { what } if what == "request" => "begins synchronize_rcu()".to_string(),
        Event::RcuSrNormal { what } if what == "complete" => {
            "returns from synchronize_rcu()".to_string()
        }
        Event::RcuSrNormal { what } => format!("synchronize_rcu(): {what}"),
        Event::RcuCallback {
            function, queued, ..
        } => {
            format!("queues callback {function}; {queued} on this CPU")
        }
        Event::RcuSegcbStats { what, lengths, .. } => {
            format!("callbacks ({what}): {}", by_segment(lengths))
        }
        Event::RcuBatchStart { queued, limit } => {
            format!("begins to invoke callbacks: {queued} on this CPU, at most {limit} at once")
        }
        Event::RcuInvokeCallback { function, .. } => format!("invokes callback {function}"),
        Event::RcuBatchEnd { invoked: 1 } => "has invoked 1 callback".to_string(),
        Event::RcuBatchEnd { invoked } => format!("has invoked {invoked} callbacks"),
        Event::RcuBarrier {
            what,
            of_cpu,
            remaining,
        } => {
            format!("rcu_barrier(): {what}, CPU {of_cpu}, {remaining} callbacks remain")
        }
        _ => String::new(),
    }
}

/// Formats the lengths of the segments that are not empty.
pub fn by_segment(lengths: &[i64; 4]) -> String {
    let parts: Vec<_> = SEGMENTS
        .iter()
        .zip(lengths)
        .filter(|(_, length)| **length != 0)
        .map(|(name, length)| format!("{name} {length}"))
        .collect();
    match parts.is_empty() {
        true => "none".to_string(),
        false => parts.join(", "),
    }
}

/// Names a node by its CPUs, since a tree of one level has a root that is a leaf.
pub fn node_name(node: Node) -> String {
    match node.level {
        0 => format!("the root (CPUs {}-{})", node.first_cpu, node.last_cpu),
        level => format!(
            "the level-{level} node (CPUs {}-{})",
            node.first_cpu, node.last_cpu
        ),
    }
}

/// Lists the CPUs or nodes below a node whose bits are in a mask.
pub fn waited(node: Node, mask: u64, leaf_level: u32) -> String {
    let (noun, first) = match node.level < leaf_level {
        true => ("node", 0),
        false => ("CPU", u64::from(node.first_cpu)),
    };
    let bits = (0..u64::from(u64::BITS)).filter(|bit| mask & (1 << bit) != 0);
    let names: Vec<_> = bits.map(|bit| (first + bit).to_string()).collect();
    match names.len() {
        0 => "nothing".to_string(),
        1 => format!("{noun} {}", names[0]),
        _ => format!("{noun}s {}", names.join(", ")),
    }
}
