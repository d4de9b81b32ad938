// SPDX-License-Identifier: GPL-2.0

//! Culprits of a stall: the lists of CPUs and tasks in normal and expedited reports.

use crate::event::{CpuDetail, Event, Task, MAX_CULPRITS};
use crate::scan::Scan;

/// Tasks parsed per line.
const MAX_LISTED: usize = 64;

/// Returns the flavor at the end of `rcu: INFO: rcu_preempt`.
pub(super) fn flavor(before: &str) -> Option<String> {
    let word = before.rsplit([' ', '\t']).next()?;
    let is_word = word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (word.contains("rcu") && is_word).then(|| word.to_string())
}

/// Parses `{ 1 2-... P57}` of expedited reports, and of all reports before 4.1.
pub(super) fn in_braces(event: &mut Event, text: &str) -> bool {
    let Some(mut scan) = Scan::after(text, "{") else {
        return false;
    };
    loop {
        match scan.spaces().peek() {
            Some(b'P') => {
                let word = scan.word().trim_end_matches('}');
                if let Some(task) = blocked_task(word) {
                    event.add_task(task);
                }
            }
            Some(b'0'..=b'9') => {
                let Some(cpu) = scan.small() else {
                    return true;
                };
                event.add_cpu(cpu);
                if scan.eat("-") {
                    let flags = scan.run(|byte| b".OoNDd!?".contains(&byte));
                    set_flags(event, cpu, flags);
                }
            }
            _ => return true,
        }
    }
}

fn set_flags(event: &mut Event, cpu: u32, flags: &str) {
    let detail = detail_of(event, cpu);
    detail.flags = flags.to_string();
    detail.offline = flags.starts_with('O');
}

/// Parses a further line of a list that was broken: ` 2-... P57 }`, `-... 2-...`.
///
/// Returns whether the line continues the list.
pub(super) fn continue_braces(event: &mut Event, text: &str) -> bool {
    let mut scan = Scan::new(text.trim_start());
    // A terminal may break the line between a CPU and its flags.
    let mut ahead = scan;
    if ahead.eat("-") {
        let flags = ahead.run(|byte| b".OoNDd!?".contains(&byte));
        if let (Some(&cpu), 3..) = (event.cpus.last(), flags.len()) {
            set_flags(event, cpu, flags);
            scan = ahead;
        }
    }
    let list = scan.rest().split('}').next().unwrap_or_default();
    let mut words = list.split_ascii_whitespace();
    let is_list = words.all(|word| {
        let word = word.trim_start_matches('P');
        word.bytes()
            .next()
            .is_some_and(|first| first.is_ascii_digit())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"-.OoNDd!?".contains(&byte))
    });
    let is_something = text.contains('}') || !list.trim().is_empty();
    is_list && is_something && in_braces(event, &format!("{{ {}", scan.rest()))
}

/// Parses `Tasks blocked on level-0 rcu_node (CPUs 0-3): P57/1:b..l`.
pub(super) fn blocked_tasks(event: &mut Event, text: &str) {
    let list = text.split_once("):").map_or("", |(_, list)| list);
    let words = list.split_ascii_whitespace().take(MAX_LISTED);
    for task in words.map_while(blocked_task) {
        event.add_task(task);
    }
}

/// Parses `P57/1:b..l`, or `P57` of a task that is running.
fn blocked_task(word: &str) -> Option<Task> {
    let mut scan = Scan::new(word);
    let mut task = Task {
        pid: Some(scan.expect("P")?.small()?),
        ..Task::default()
    };
    if scan.eat("/") {
        task.nesting = scan.signed();
        if scan.eat(":") {
            for (mark, meaning) in [
                ('b', "blocked in a reader"),
                ('q', "quiescent state needed"),
                ('e', "blocks an expedited grace period"),
                ('l', "on the list of blocked readers"),
            ] {
                if scan.rest().contains(mark) {
                    task.flags.push(meaning);
                }
            }
        }
    }
    Some(task)
}

/// Returns the detail of a CPU, adding it if missing.
pub(super) fn detail_of(event: &mut Event, cpu: u32) -> &mut CpuDetail {
    let known = event
        .cpu_details
        .iter()
        .position(|detail| detail.cpu == cpu);
    let at = known.unwrap_or_else(|| {
        if event.cpu_details.len() >= MAX_CULPRITS {
            event.cpu_details.pop();
        }
        event.cpu_details.push(CpuDetail {
            cpu,
            ..CpuDetail::default()
        });
        event.cpu_details.len() - 1
    });
    &mut event.cpu_details[at]
}
