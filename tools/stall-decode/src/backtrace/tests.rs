// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::stack::{part, Part};

fn backtrace(lines: &[&str]) -> Backtrace {
    let mut dump = Dump::default();
    for line in lines {
        match part(line) {
            Some(Part::Frames(frame, caller)) => dump.push(frame, caller),
            other => panic!("{line:?} is {other:?}"),
        }
    }
    Backtrace::new(&dump, Origin::Interrupt)
}

#[test]
fn the_culprit_of_a_self_detected_stall_is_outside_of_the_interrupt() {
    let backtrace = backtrace(&[
        "dump_stack+0x57/0x6a",
        "nmi_cpu_backtrace.cold.5+0x13/0x4e",
        "rcu_dump_cpu_stacks+0xac/0xd4",
        "rcu_sched_clock_irq.cold.87+0x1e/0x3a4",
        "update_process_times+0x55/0x80",
        "unknown_tick_path+0x22/0x40",
        "asm_sysvec_apic_timer_interrupt+0x12/0x20",
        "RIP: 0010:native_queued_spin_lock_slowpath+0x5e/0x1d0",
        "_raw_spin_lock+0x1d/0x20",
        "evil_driver_work+0x44/0x90 [evil]",
        "process_one_work+0x1a7/0x3a0",
    ]);
    assert_eq!(backtrace.culprit.as_deref(), Some("evil_driver_work"));
    assert_eq!(backtrace.waits_for.as_deref(), Some("_raw_spin_lock"));
    assert_eq!(
        backtrace.frames,
        [
            "native_queued_spin_lock_slowpath",
            "_raw_spin_lock",
            "evil_driver_work",
            "process_one_work"
        ]
    );
}

#[test]
fn the_culprit_of_a_wait_is_the_caller_of_the_waiting_function() {
    let backtrace = backtrace(&[
        "__schedule+0x2e3/0x740",
        "schedule+0x42/0xb0",
        "schedule_timeout+0x10e/0x160",
        "wait_for_completion+0xb1/0x120",
        "__wait_rcu_gp+0x11c/0x130",
        "synchronize_rcu+0x67/0x70",
        "namespace_unlock+0x5d/0x80",
    ]);
    assert_eq!(backtrace.culprit.as_deref(), Some("namespace_unlock"));
    assert_eq!(backtrace.waits_for.as_deref(), Some("synchronize_rcu"));
}

#[test]
fn an_idle_cpu_has_no_culprit_frame() {
    let backtrace = backtrace(&[
        "RIP: 0010:native_safe_halt+0xe/0x10",
        "default_idle+0x20/0x140",
        "do_idle+0x1ee/0x210",
        "cpu_startup_entry+0x19/0x20",
    ]);
    assert!(backtrace.culprit.is_none() && backtrace.waits_for.is_none());
}

#[test]
fn unreliable_frames_are_dropped() {
    let backtrace = backtrace(&[
        "RIP: 0010:schedule+0x1/0x2",
        "? ghost+0x1/0x2",
        "real+0x1/0x2",
    ]);
    assert_eq!(backtrace.culprit.as_deref(), Some("real"));
    assert_eq!(backtrace.frames, ["schedule", "real"]);
}

#[test]
fn a_long_stack_is_cut() {
    let mut long = Dump::default();
    for number in 0..50 {
        let frame = Frame {
            symbol: format!("f{number}"),
            place: Place::Trace,
            module: None,
        };
        long.push(frame, None);
    }
    let backtrace = Backtrace::new(&long, Origin::Interrupt);
    assert_eq!(backtrace.frames.len(), MAX_FRAMES);
}

#[test]
fn unreliable_frames_are_kept_where_the_unwinder_failed() {
    let backtrace = backtrace(&[
        "__schedule+0x1/0x2",
        "irqentry_exit+0x1/0x2",
        "? lock_release+0x1/0x2",
        "? ktime_get+0x1/0x2",
        "? spin+0x1/0x2",
    ]);
    assert_eq!(backtrace.culprit.as_deref(), Some("spin"), "{backtrace:?}");
}

#[test]
fn a_clock_read_is_the_culprit_only_if_nothing_else_is_left() {
    let culprit = |lines: &[&str]| backtrace(lines).culprit;
    assert_eq!(
        culprit(&["RIP: 0010:ktime_get+0x1/0x2", "poll+0x1/0x2"]).as_deref(),
        Some("poll")
    );
    assert_eq!(
        culprit(&["RIP: 0010:ktime_get+0x1/0x2"]).as_deref(),
        Some("ktime_get")
    );
}

#[test]
fn the_caller_of_a_library_is_the_culprit_not_the_library() {
    let culprit = |lines: &[&str]| {
        let backtrace = backtrace(lines);
        (backtrace.culprit.unwrap_or_default(), backtrace.doubt)
    };
    assert_eq!(
        culprit(&[
            "RIP: 0010:xas_descend+0x1/0x2",
            "xas_load+0x1/0x2",
            "walk_blocks+0x1/0x2 [fs]"
        ]),
        ("walk_blocks".to_string(), None)
    );
    assert_eq!(
        culprit(&["RIP: 0010:xas_descend+0x1/0x2", "xas_load+0x1/0x2"]),
        ("xas_descend".to_string(), Some(ONLY_HELPERS))
    );
    // A work item, timer or notifier of the library itself is no helper of other code.
    assert_eq!(
        culprit(&[
            "RIP: 0010:memcpy+0x1/0x2",
            "rhashtable_expand+0x1/0x2",
            "regmap_irq_timer+0x1/0x2",
            "call_timer_fn+0x1/0x2",
            "run_some_loop+0x1/0x2",
        ]),
        ("regmap_irq_timer".to_string(), None)
    );
}

#[test]
fn a_clock_driver_is_not_the_culprit() {
    let backtrace = backtrace(&[
        "rcu_sched_clock_irq+0x1/0x2",
        "hrtimer_interrupt+0x1/0x2",
        "some_timer_isr+0x1/0x2",
        "some_percpu_isr+0x1/0x2",
        "spin+0x1/0x2",
    ]);
    assert_eq!(backtrace.culprit.as_deref(), Some("spin"), "{backtrace:?}");
}

#[test]
fn what_a_helper_calls_is_a_part_of_it() {
    for (lines, culprit) in [
        // Lockdep searches its graph.
        (
            &[
                "RIP: 0010:noop_count+0x1/0x2",
                "visit_dependencies+0x1/0x2",
                "validate_chain+0x1/0x2",
                "lock_acquire+0x1/0x2",
                "foo_poll+0x1/0x2",
            ][..],
            "foo_poll",
        ),
        // A sanitizer saves the stack of an object: no report.
        (
            &[
                "get_stack_info+0x1/0x2",
                "unwind_next_frame+0x1/0x2",
                "stack_trace_save+0x1/0x2",
                "kasan_save_stack+0x1/0x2",
                "__kasan_slab_free+0x1/0x2",
                "kmem_cache_free+0x1/0x2",
                "foo_beacon+0x1/0x2",
                "call_timer_fn+0x1/0x2",
                "asm_sysvec_apic_timer_interrupt+0x1/0x2",
                "RIP: 0010:bar_poll+0x1/0x2",
            ],
            "foo_beacon",
        ),
        // The log's ring buffer, behind printk().
        (
            &[
                "RIP: 0010:find_free_block+0x1/0x2",
                "prb_reserve+0x1/0x2",
                "vprintk_store+0x1/0x2",
                "foo_scan+0x1/0x2",
            ],
            "foo_scan",
        ),
        // Reclaim is no part of the allocator.
        (
            &[
                "RIP: 0010:shrink_foo+0x1/0x2",
                "__alloc_pages+0x1/0x2",
                "foo_scan+0x1/0x2",
            ],
            "shrink_foo",
        ),
        // Nor is the code of a module.
        (
            &[
                "RIP: 0010:bar_ctor+0x1/0x2 [bar]",
                "kmem_cache_alloc+0x1/0x2",
                "foo_scan+0x1/0x2",
            ],
            "bar_ctor",
        ),
        // An unlock before an interrupt is left over.
        (
            &[
                "RIP: 0010:foo_loop+0x1/0x2",
                "_raw_spin_unlock+0x1/0x2",
                "foo_scan+0x1/0x2",
            ],
            "foo_loop",
        ),
    ] {
        let backtrace = backtrace(lines);
        assert_eq!(backtrace.culprit.as_deref(), Some(culprit), "{backtrace:?}");
    }
}

#[test]
fn the_driver_of_an_idle_cpu_is_idle() {
    let culprit = |lines: &[&str]| backtrace(lines).culprit;
    let idle = [
        "cpuidle_enter_state+0x1/0x2",
        "cpuidle_enter+0x1/0x2",
        "do_idle+0x1/0x2",
    ];
    let with = |inner: &[&'static str]| culprit(&[inner, &idle].concat());
    assert_eq!(with(&["RIP: 0010:foo_enter_deep+0x1/0x2"]), None);
    let handler = with(&["foo_handler+0x1/0x2", "foo_entry+0x1/0x2"]);
    assert_eq!(handler.as_deref(), Some("foo_handler"));
}

#[test]
fn whatever_the_report_calls_belongs_to_the_report() {
    let backtrace = backtrace(&[
        "RIP: 0010:delay_tsc+0x1/0x2",
        "__const_udelay+0x1/0x2",
        "wait_for_the_apic+0x1/0x2",
        "arch_trigger_all_cpu_backtrace+0x1/0x2",
        "rcu_check_callbacks+0x1/0x2",
        "update_process_times+0x1/0x2",
        "apic_timer_interrupt+0x1/0x2",
        "foo_read+0x1/0x2 [foo]",
    ]);
    assert_eq!(backtrace.culprit.as_deref(), Some("foo_read"));
}

#[test]
fn a_softirq_after_the_clock_interrupt_is_no_report() {
    let backtrace = backtrace(&[
        "__queue_work+0x1/0x2",
        "call_timer_fn+0x1/0x2",
        "run_timer_softirq+0x1/0x2",
        "__do_softirq+0x1/0x2",
        "irq_exit+0x1/0x2",
        "timer_interrupt+0x1/0x2",
        "decrementer_common_virt+0x1/0x2",
        "bar_loop+0x1/0x2",
    ]);
    assert_eq!(backtrace.culprit.as_deref(), Some("__queue_work"));
}

#[test]
fn the_scheduler_is_the_culprit_if_nothing_else_is_left() {
    let backtrace = backtrace(&[
        "RIP: 0010:mm_get_cid+0x1/0x2",
        "__schedule+0x1/0x2",
        "schedule_idle+0x1/0x2",
        "do_idle+0x1/0x2",
    ]);
    assert_eq!(backtrace.culprit.as_deref(), Some("mm_get_cid"));
}
