// SPDX-License-Identifier: GPL-2.0

//! Names what a task waits for, from the innermost frames of its stack.

use crate::functions::Class;

/// Functions in which a task waits for a grace period.
const GRACE_PERIOD: [&str; 11] = [
    "synchronize_rcu",
    "synchronize_net",
    "synchronize_sched",
    "synchronize_srcu",
    "synchronize_shrinkers",
    "cond_synchronize_",
    "rcu_barrier",
    "srcu_barrier",
    "kvfree_rcu_barrier",
    "wait_rcu",
    "exp_funnel_lock",
];

/// Parts of the name of a function that waits, if the frames inside of it are general helpers.
const WAITING: [&str; 10] = [
    "wait", "flush", "sync", "drain", "freeze", "lock", "barrier", "throttle", "park", "suspend",
];

/// Returns whether a function waits for a grace period.
pub(crate) fn is_for_grace_period(function: &str) -> bool {
    let name = function.trim_start_matches('_');
    GRACE_PERIOD.iter().any(|start| name.starts_with(start))
}

/// Returns the function that names what is waited for.
///
/// The innermost helper that is specific decides: a grace period, a lock, or what a helper names. Of
/// several nested helpers of one kind, the outermost has the most telling name.
pub(crate) fn of(inner: &[(String, Class)], culprit: Option<&str>) -> Option<String> {
    let is_specific = |(function, class): &(String, Class)| match class {
        // A lock that was just released is left over.
        Class::Locking => !function.contains("unlock"),
        Class::Wait | Class::Ipi => true,
        Class::Rcu => is_for_grace_period(function),
        _ => false,
    };
    let Some(at) = inner.iter().position(is_specific) else {
        let general = inner
            .iter()
            .rfind(|(_, class)| *class == Class::Scheduler)?;
        // A completion is what the task waits for, whatever the name of its caller.
        let is_completion = |name: &str| name.trim_start_matches('_').starts_with("wait_for_");
        let caller = culprit.filter(|name| {
            if is_completion(&general.0) {
                return false;
            }
            // A block is no lock.
            let name = name.to_ascii_lowercase().replace("block", "");
            WAITING.iter().any(|part| name.contains(part))
        });
        let found = caller.unwrap_or(&general.0);
        let is_bare = culprit.is_none() && found.trim_start_matches('_').starts_with("schedule");
        return (!is_bare).then(|| found.to_string());
    };
    let outside = inner.get(at..)?;
    let (_, class) = outside.first()?;
    let of_class = |wanted: Class| {
        let run = outside
            .iter()
            .take_while(|(_, class)| *class == wanted || *class == Class::Scheduler);
        run.filter(|frame| is_specific(frame)).last()
    };
    // RCU's functions acquire mutexes of their own.
    let behind = outside.iter().find(|(_, other)| other != class);
    let is_in_rcu = behind.is_some_and(|frame| frame.1 == Class::Rcu && is_specific(frame));
    let found = match is_in_rcu {
        true => behind,
        false => of_class(*class),
    };
    found.map(|(function, _)| function.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(functions: &str, culprit: &str) -> String {
        let inner: Vec<_> = functions
            .split(' ')
            .map(|name| (name.to_string(), Class::of(name)))
            .collect();
        of(&inner, Some(culprit)).unwrap_or_default()
    }

    #[test]
    fn a_wait_is_named_by_what_is_waited_for() {
        for (functions, culprit, expected) in [
            ("__schedule schedule schedule_preempt_disabled __mutex_lock mutex_lock_nested rtnl_lock", "linkwatch_event", "rtnl_lock"),
            ("__schedule schedule schedule_timeout wait_for_completion __flush_work flush_work", "stop_all", "flush_work"),
            ("schedule dma_fence_default_wait dma_fence_wait_timeout", "evict", "dma_fence_wait_timeout"),
            ("schedule io_schedule folio_wait_bit_common folio_wait_writeback", "write_cache", "folio_wait_writeback"),
            ("schedule wait_for_completion __wait_rcu_gp synchronize_rcu rcu_sync_enter percpu_down_write", "cgroup_write", "synchronize_rcu"),
            ("schedule __mutex_lock mutex_lock rcu_barrier", "exit_net", "rcu_barrier"),
            ("schedule io_schedule", "rq_qos_wait", "rq_qos_wait"),
            ("schedule io_schedule", "__block_write_begin", "io_schedule"),
            ("io_schedule sleep_on_buffer __wait_on_bit", "__block_write_begin", "sleep_on_buffer"),
            ("schedule cv_wait_common", "txg_quiesce_thread", "cv_wait_common"),
            ("schedule schedule_timeout", "my_thread", "schedule_timeout"),
            ("schedule schedule_timeout __wait_for_common", "usb_sg_wait", "__wait_for_common"),
        ] {
            assert_eq!(wait(functions, culprit), expected, "{functions}");
        }
    }
}
