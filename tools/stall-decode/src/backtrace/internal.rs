// SPDX-License-Identifier: GPL-2.0

//! Finds the internal functions of helpers by their callers.
//!
//! The tables of functions list the entry points of locks, allocators, sanitizers, and printing.
//! These call only functions of their own, so whatever they call is a part of them, however it is
//! named in the kernel at hand.

use super::Classed;
use crate::functions::Class;
use crate::stack::{base, Frame, Place};

/// Starts of the names of functions that print or unwind, and call no callbacks.
const PRINTS: [&str; 14] = [
    "arch_stack_walk",
    "console_",
    "dump_trace",
    "msg_print",
    "prb_",
    "printk",
    "pr_flush",
    "record_print",
    "save_stack_trace",
    "stack_trace_save",
    "unwind",
    "vprintk",
    "walk_stack",
    "wake_up_klogd",
];

/// Parts of the names of functions of locks that run what waited for the lock.
const RUNS_WAITERS: [&str; 4] = ["bh_enable", "cgroup_lock", "console_lock", "lock_sock"];

/// Parts of the names of functions that an allocator calls, but that do work of their own.
const RECLAIM: [&str; 12] = [
    "compact",
    "drain",
    "flush",
    "iommu",
    "kswapd",
    "migrate",
    "oom",
    "purge",
    "reclaim",
    "shrink",
    "swap",
    "try_to_free",
];

/// Starts of the names of allocators that a driver or file system implements.
const IMPLEMENTED_BY_OTHERS: [&str; 4] = ["dma_", "iommu_", "mempool_", "shmem_"];

/// Starts of the names of functions that save a stack, for a report or for a helper.
const SAVES_STACK: [&str; 14] = [
    "arch_stack_walk",
    "dump_trace",
    "get_stack_info",
    "kasan_record",
    "kasan_save",
    "kasan_set_track",
    "kunwind",
    "orc_find",
    "print_context_stack",
    "save_stack",
    "stack_access_ok",
    "stack_trace",
    "unwind",
    "walk_stack",
];

/// Starts of the names of functions that switch tasks.
const SWITCHES: [&str; 5] = [
    "__schedule",
    "context_switch",
    "finish_task_switch",
    "pick_next_task",
    "put_prev_",
];

/// Starts of the names of functions of [`Class::Library`] that call only functions of their own.
const CLOSED: [&str; 16] = [
    "add_timer",
    "create_object",
    "csum_",
    "debug_",
    "insert_work",
    "kmemleak",
    "mod_timer",
    "page_owner",
    "queue_delayed_work",
    "queue_work",
    "save_stack",
    "scnprintf",
    "snprintf",
    "stack_depot",
    "vscnprintf",
    "vsnprintf",
];

/// Gives each unknown function the class of the helper that calls it.
///
/// Returns the innermost of these functions, unless the CPU is idle in it.
pub(super) fn classify(frames: &mut [Classed<'_>]) -> Option<String> {
    let is_guessed = |&(frame, _): &Classed<'_>| frame.place == Place::Unreliable;
    if frames.iter().any(is_guessed) {
        return None;
    }
    let mut innermost = None;
    // Whether the frame outside of the current one is a part of its own caller.
    let mut is_outer_part = false;
    // The outermost frame is last.
    for at in (1..frames.len()).rev() {
        let Some([inner, outer]) = frames.get_mut(at - 1..=at) else {
            continue;
        };
        // An idle driver calls the hardware; code further in is that of an interrupt.
        let is_closed = match outer.1 {
            Class::Idle => !is_outer_part,
            class => is_outer_part || is_closed(&outer.0.symbol, class, inner.0),
        };
        let is_part = match inner.1 {
            Class::Other => is_closed && inner.0.module.is_none(),
            // Sanitizers and lockdep save the stack of each object: nothing is reported.
            Class::Reporting => is_helper(outer.1) && saves_stack(&inner.0.symbol),
            _ => false,
        };
        if is_part {
            inner.1 = outer.1;
            let counts = matches!(inner.1, Class::Scheduler | Class::Locking | Class::Memory);
            innermost = counts.then(|| inner.0.function());
        }
        is_outer_part = is_part;
    }
    innermost
}

/// Returns whether functions of a class work for their caller, whatever it does.
fn is_helper(class: Class) -> bool {
    matches!(
        class,
        Class::Access | Class::Library | Class::Locking | Class::Memory
    )
}

fn saves_stack(symbol: &str) -> bool {
    let name = base(symbol).trim_start_matches('_');
    SAVES_STACK.iter().any(|start| name.starts_with(start))
}

/// Returns whether all that a helper calls is a part of it.
fn is_closed(outer: &str, class: Class, inner: &Frame) -> bool {
    let outer = base(outer);
    let name = outer.trim_start_matches('_');
    let starts = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    let has = |name: &str, parts: &[&str]| parts.iter().any(|part| name.contains(part));
    match class {
        // A lock released just before an interrupt may be left over behind the registers.
        Class::Locking if inner.place == Place::Registers => !name.contains("unlock"),
        Class::Locking => !has(name, &RUNS_WAITERS),
        Class::Reporting => starts(&PRINTS),
        Class::Access => !name.contains("populate"),
        Class::Memory => !starts(&IMPLEMENTED_BY_OTHERS) && !has(&inner.symbol, &RECLAIM),
        Class::Scheduler => SWITCHES.iter().any(|start| outer.starts_with(start)),
        Class::Library => starts(&CLOSED),
        _ => false,
    }
}
