// SPDX-License-Identifier: GPL-2.0

//! Which functions of a stack say nothing about the trouble: those that report it, the way into interrupts,
//! the scheduler, locks, RCU itself. The first that is none of these is the telling frame.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::stack::{base, Dump, Frame, Place};

/// What a function is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Prints the report, or is the clock interrupt that notices.
    Reporting,
    /// The way into an interrupt or exception: what was interrupted stands below.
    Entry,
    /// The idle loop.
    Idle,
    /// Gives up the CPU, and waits.
    Scheduler,
    /// Takes a lock.
    Locking,
    /// RCU.
    Rcu,
    /// The allocators.
    Memory,
    /// Checks memory accesses, or copies memory.
    Access,
    /// Reads a clock, spins for a while, or is called every few lines on behalf of the compiler: whatever loops
    /// is found there.
    Probe,
    /// Anything else.
    Other,
}

/// Which classes are passed over when the telling frame is looked for, beside reporting and entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed(&'static [Class]);

impl Passed {
    /// For what runs or waits.
    pub(crate) const USUAL: Self = Self(&[
        Class::Idle,
        Class::Scheduler,
        Class::Locking,
        Class::Rcu,
        Class::Probe,
    ]);
    /// For RCU's own threads.
    pub(crate) const OF_RCU: Self = Self(&[Class::Scheduler, Class::Locking]);
    /// For allocations: who wanted the memory.
    pub(crate) const ALLOCATION: Self =
        Self(&[Class::Scheduler, Class::Locking, Class::Rcu, Class::Memory]);
    /// For wrong accesses: whose they were.
    pub(crate) const ACCESS: Self = Self(&[Class::Access]);
}

const REPORTING: &[&str] = &[
    "account_process_tick",
    "account_system_time",
    "bad_area_nosemaphore",
    "check_cpu_stall",
    "check_hung_task",
    "check_hung_uninterruptible_tasks",
    "debug_print_object",
    "delay_tsc_report",
    "die",
    "die_addr",
    "do_error_trap",
    "do_trap",
    "event_handler",
    "exc_invalid_op",
    "handle_bug",
    "invalid_op",
    "lockdep_rcu_suspicious",
    "lockdep_sys_exit",
    "nmi_cpu_backtrace",
    "nmi_cpu_backtrace_handler",
    "nmi_raise_cpu_backtrace",
    "nmi_trigger_cpumask_backtrace",
    "panic",
    "perf_event_overflow",
    "print_address_description",
    "print_cpu_stall",
    "print_held_locks_bug",
    "print_other_cpu_stall",
    "print_report",
    "report_bug",
    "run_local_timers",
    "sched_show_task",
    "scheduler_tick",
    "sched_tick",
    "show_regs",
    "show_stack",
    "show_stack_log_lvl",
    "show_trace_log_lvl",
    "task_tick_fair",
    "trigger_load_balance",
    "unwind_backtrace",
    "update_process_times",
    "walk_stackframe",
    "warn_slowpath_common",
    "warn_slowpath_fmt",
    "warn_slowpath_null",
    "watchdog",
    "watchdog_hardlockup_check",
    "watchdog_overflow_callback",
    "watchdog_timer_fn",
    "xmon",
];

const REPORTING_STARTS: &[&str] = &[
    "__dump_stack",
    "__kasan_report",
    "__report_bug",
    "__rcu_pending",
    "__warn",
    "arch_irq_work",
    "arch_stack_walk",
    "arch_trigger_",
    "debug_object_",
    "dump_backtrace",
    "dump_cpu_task",
    "dump_stack",
    "end_report",
    "hrtimer_",
    "__hrtimer_",
    "intel_pmu_handle_irq",
    "kasan_object_err",
    "kasan_report",
    "kasan_start_report",
    "kasan_end_report",
    "kasan_save_stack",
    "kasan_print_",
    "perf_event_nmi_handler",
    "print_circular",
    "print_lock",
    "print_unlock",
    "profile_tick",
    "rcu_check_callbacks",
    "rcu_check_gp_kthread",
    "rcu_dump_cpu_stacks",
    "rcu_pending",
    "rcu_sched_clock_irq",
    "sched_clock_",
    "tick_handle_",
    "tick_nohz_highres_handler",
    "tick_nohz_handler",
    "tick_periodic",
    "tick_sched_",
    "watchdog_timer",
    "__perf_event_",
    "x86_pmu_handle_irq",
];

/// The lowest of the functions that lead into an interrupt: below it stands what was interrupted.
const ENTRY: &[&str] = &[
    "__irq_svc",
    "__irq_usr",
    "apic_timer_interrupt",
    "call_on_irq_stack",
    "call_on_stack",
    "common_interrupt",
    "do_interrupt_handler",
    "do_IRQ",
    "el0_irq",
    "el1_interrupt",
    "el1_irq",
    "end_repeat_nmi",
    "error_entry",
    "ext_int_handler",
    "handle_IRQ",
    "handle_exception",
    "handle_int",
    "io_int_handler",
    "nmi",
    "nmi_restore",
    "page_fault",
    "reschedule_interrupt",
    "ret_from_exception",
    "ret_from_intr",
    "retint_kernel",
    "rollback_handle_int",
    "xen_hvm_callback_vector",
];

const ENTRY_STARTS: &[&str] = &[
    "asm_exc_nmi",
    "asm_exc_page_fault",
    "asm_common_interrupt",
    "asm_sysvec_",
    "decrementer_common",
    "el1h_64_irq",
    "el1t_64_irq",
    "el0t_64_irq",
    "hardware_interrupt_common",
    "smp_apic_timer_interrupt",
    "timer_interrupt",
];

/// On the way from the entry to the clock's handler.
const INTERRUPT: &[&str] = &[
    "__common_interrupt",
    "__do_irq",
    "__handle_domain_irq",
    "__handle_irq_event_percpu",
    "__sysvec_apic_timer_interrupt",
    "__sysvec_irq_work",
    "__timer_interrupt",
    "aic_handle_irq",
    "arch_timer_handler_phys",
    "arch_timer_handler_virt",
    "c0_compare_interrupt",
    "constant_timer_interrupt",
    "default_do_nmi",
    "default_handle_irq",
    "do_IRQ",
    "do_extint",
    "do_interrupt_handler",
    "do_irq_async",
    "do_nmi",
    "exc_nmi",
    "generic_handle_domain_irq",
    "generic_handle_irq",
    "generic_handle_irq_desc",
    "gic_handle_irq",
    "handle_domain_irq",
    "handle_fasteoi_irq",
    "handle_irq_desc",
    "handle_irq_event",
    "handle_irq_event_percpu",
    "handle_percpu_devid_irq",
    "handle_percpu_irq",
    "local_apic_timer_interrupt",
    "lvt_timer_interrupt",
    "native_apic_mem_eoi",
    "native_apic_msr_eoi",
    "nmi_handle",
    "retrigger_next_event",
    "riscv_intc_irq",
    "riscv_timer_interrupt",
    "sysvec_apic_timer_interrupt",
    "tick_receive_broadcast",
    "twd_handler",
    "xen_evtchn_do_upcall",
    "xen_timer_interrupt",
];

const IDLE: &[&str] = &[
    "__cpuidle_text_start",
    "acpi_idle_do_entry",
    "acpi_idle_enter",
    "acpi_safe_halt",
    "amd_e400_idle",
    "arch_cpu_idle",
    "arch_local_irq_enable",
    "arch_safe_halt",
    "call_cpuidle",
    "cpu_do_idle",
    "cpu_idle",
    "cpu_idle_loop",
    "cpu_idle_poll",
    "cpu_startup_entry",
    "cpuidle_enter",
    "cpuidle_enter_state",
    "cpuidle_idle_call",
    "default_idle",
    "default_idle_call",
    "default_enter_idle",
    "do_idle",
    "intel_idle",
    "intel_idle_irq",
    "intel_idle_ibrs",
    "mwait_idle",
    "mwait_idle_with_hints",
    "native_safe_halt",
    "pv_native_safe_halt",
    "poll_idle",
    "psci_enter_idle_state",
    "pseries_dedicated_idle",
    "power7_idle",
    "power9_idle",
    "haltpoll",
    "start_secondary",
    "rest_init",
    "start_kernel",
    "secondary_start_kernel",
    "secondary_startup_64",
    "secondary_startup_64_no_verify",
    "secondary_startup",
    "start_secondary_prolog",
    "x86_64_start_kernel",
    "x86_64_start_reservations",
    "xen_safe_halt",
    "smp_callin",
    "__xen_hypercall_sched_op",
    "xen_hypercall_sched_op",
    "HYPERVISOR_sched_op",
];

const SCHEDULER: &[&str] = &[
    "__cond_resched",
    "__schedule",
    "__schedule_bug",
    "__switch_to",
    "__switch_to_asm",
    "__might_resched",
    "__might_sleep",
    "__might_fault",
    "___might_sleep",
    "__wait_for_common",
    "__wait_on_bit",
    "__wait_on_bit_lock",
    "__resched_curr",
    "_cond_resched",
    "bit_wait",
    "bit_wait_io",
    "out_of_line_wait_on_bit",
    "out_of_line_wait_on_bit_lock",
    "wait_on_bit",
    "cond_resched",
    "context_switch",
    "dequeue_task",
    "do_sched_yield",
    "do_wait_for_common",
    "__wait_for_completion",
    "finish_task_switch",
    "io_schedule",
    "io_schedule_timeout",
    "msleep",
    "usleep_range",
    "preempt_schedule",
    "preempt_schedule_common",
    "preempt_schedule_irq",
    "preempt_schedule_notrace",
    "raw_irqentry_exit_cond_resched",
    "irqentry_exit",
    "irqentry_exit_cond_resched",
    "retint_careful",
    "sched_yield",
    "schedule",
    "schedule_bug",
    "schedule_debug",
    "schedule_hrtimeout",
    "schedule_hrtimeout_range",
    "schedule_hrtimeout_range_clock",
    "schedule_idle",
    "schedule_preempt_disabled",
    "schedule_timeout",
    "schedule_timeout_idle",
    "schedule_timeout_interruptible",
    "schedule_timeout_killable",
    "schedule_timeout_uninterruptible",
    "wait_for_common",
    "wait_for_completion",
    "wait_for_completion_interruptible",
    "wait_for_completion_io",
    "wait_for_completion_io_timeout",
    "wait_for_completion_killable",
    "wait_for_completion_state",
    "wait_for_completion_timeout",
    "work_resched",
    "yield",
];

const LOCKING: &[&str] = &[
    "__ww_mutex_lock",
    "arch_mutex_lock",
    "arch_spin_lock",
    "arch_write_lock",
    "do_raw_spin_lock",
    "do_raw_spin_trylock",
    "do_raw_read_lock",
    "do_raw_write_lock",
    "do_raw_spin_unlock",
    "_raw_spin_unlock",
    "_raw_spin_unlock_irq",
    "_raw_spin_unlock_irqrestore",
    "__raw_spin_unlock_irqrestore",
    "__raw_spin_unlock_irq",
    "_raw_spin_unlock_bh",
    "__local_bh_enable_ip",
    "kvm_wait",
    "kvm_lock_spinning",
    "osq_lock",
    "pv_wait_head_or_lock",
    "queued_read_lock_slowpath",
    "queued_spin_lock_slowpath",
    "queued_write_lock_slowpath",
    "rt_spin_lock",
    "rt_spin_lock_slowlock",
    "rtlock_slowlock",
    "rtlock_slowlock_locked",
    "spin_lock",
    "spin_lock_irqsave",
    "ticket_spin_lock",
    "__ticket_spin_lock",
    "__pv_queued_spin_lock_slowpath",
    "xen_poll_irq_timeout",
    "xen_qlock_wait",
    "csd_lock_wait_toolong",
    "paravirt_spin_lock",
    "percpu_down_write",
    "percpu_rwsem_wait",
    "__percpu_down_read",
    "percpu_down_read",
    "lock_acquire",
    "lock_release",
    "lock_is_held_type",
    "__lock_acquire",
    "check_prev_add",
    "hlock_class",
    "mark_held_locks",
    "mark_lock",
    "mark_usage",
    "rwsem_wake",
    "validate_chain",
];

const LOCKING_STARTS: &[&str] = &[
    "__down",
    "__mutex_",
    "__raw_read_lock",
    "__raw_spin_lock",
    "__raw_write_lock",
    "__rt_mutex_",
    "_raw_read_lock",
    "_raw_spin_lock",
    "_raw_write_lock",
    "call_rwsem_",
    "down_interruptible",
    "down_killable",
    "down_read",
    "down_timeout",
    "down_write",
    "lockdep_",
    "mutex_lock",
    "mutex_optimistic_spin",
    "native_queued_",
    "rt_mutex_",
    "rwsem_down_",
    "rwsem_optimistic_spin",
    "rwsem_read_trylock",
    "trace_hardirqs_",
    "ww_mutex_lock",
];

const RCU: &[&str] = &[
    "__call_rcu",
    "__call_rcu_common",
    "__wait_rcu_gp",
    "__synchronize_srcu",
    "_synchronize_rcu_expedited",
    "call_rcu",
    "call_rcu_hurry",
    "call_rcu_sched",
    "call_rcu_tasks",
    "call_srcu",
    "cond_synchronize_rcu",
    "do_sync_work",
    "exp_funnel_lock",
    "invoke_rcu_core",
    "kfree_call_rcu",
    "kvfree_call_rcu",
    "kvfree_rcu_barrier",
    "note_gp_changes",
    "schedule_delayed_rcu",
    "srcu_barrier",
    "synchronize_net",
    "wait_rcu_exp_gp",
    "wait_rcu_gp",
    "_rcu_barrier",
    "__synchronize_hardirq",
];

const RCU_STARTS: &[&str] = &[
    "__rcu_",
    "__srcu_read",
    "rcu_",
    "rcu_barrier",
    "srcu_read",
    "sync_rcu_exp",
    "synchronize_rcu",
    "synchronize_sched",
    "synchronize_srcu",
];

const MEMORY: &[&str] = &[
    "___slab_alloc",
    "__alloc_frozen_pages_noprof",
    "__get_free_pages",
    "__slab_alloc",
    "alloc_slab_page",
    "allocate_slab",
    "cache_alloc_refill",
    "cache_grow_begin",
    "dump_header",
    "fallback_alloc",
    "fs_reclaim_acquire",
    "get_free_pages_noprof",
    "get_zeroed_page",
    "mem_cgroup_oom",
    "mem_cgroup_out_of_memory",
    "might_alloc",
    "new_slab",
    "oom_kill_process",
    "out_of_memory",
    "page_frag_alloc",
    "slab_alloc_node",
    "slab_pre_alloc_hook",
    "try_charge",
    "try_charge_memcg",
    "warn_alloc",
    "warn_alloc_failed",
];

const MEMORY_STARTS: &[&str] = &[
    "__alloc_pages",
    "__do_kmalloc",
    "__kmalloc",
    "__kvmalloc",
    "__vmalloc",
    "_alloc_pages",
    "alloc_frozen_pages",
    "alloc_pages",
    "kmalloc",
    "kmem_cache_alloc",
    "krealloc",
    "kvmalloc",
    "vmalloc",
    "vzalloc",
];

const ACCESS: &[&str] = &[
    "__kasan_check_read",
    "__kasan_check_write",
    "__memcpy",
    "__memmove",
    "__memset",
    "kasan_check_range",
    "check_memory_region",
    "memcmp",
    "memcpy",
    "memmove",
    "memset",
    "strcmp",
    "strlen",
    "strnlen",
    "strncpy",
    "print_trailer",
    "object_err",
    "slab_err",
    "check_bytes_and_report",
    "check_object",
    "check_poison",
    "instrument_atomic_read",
    "instrument_atomic_write",
    "instrument_atomic_read_write",
];

const ACCESS_STARTS: &[&str] = &[
    "__asan_",
    "__hwasan_",
    "__kasan_",
    "kasan_",
    "check_region_",
];

const PROBE: &[&str] = &[
    "__const_udelay",
    "__delay",
    "__loop_const_udelay",
    "__loop_delay",
    "__loop_udelay",
    "__ndelay",
    "__timer_delay",
    "__udelay",
    "check_kcov_mode",
    "delay_halt",
    "delay_halt_mwaitx",
    "delay_loop",
    "delay_mwaitx",
    "delay_tsc",
    "get_cycles",
    "local_clock",
    "native_sched_clock",
    "pvclock_clocksource_read",
    "rdtsc_ordered",
    "read_hpet",
    "read_tsc",
    "sched_clock",
    "udelay",
    "write_comp_data",
];

const PROBE_STARTS: &[&str] = &[
    "__sanitizer_cov_",
    "__tsan_",
    "arch_counter_get_",
    "kvm_clock_",
    "ktime_get",
];

/// The lists, with whole names and with the starts of names.
const LISTS: [(Class, &[&str], &[&str]); 10] = [
    (Class::Entry, ENTRY, ENTRY_STARTS),
    (Class::Reporting, REPORTING, REPORTING_STARTS),
    (Class::Reporting, INTERRUPT, &[]),
    (Class::Idle, IDLE, &["intel_idle", "cpuidle_"]),
    (Class::Scheduler, SCHEDULER, &["preempt_schedule"]),
    (Class::Locking, LOCKING, LOCKING_STARTS),
    (Class::Rcu, RCU, RCU_STARTS),
    (Class::Memory, MEMORY, MEMORY_STARTS),
    (Class::Access, ACCESS, ACCESS_STARTS),
    (Class::Probe, PROBE, PROBE_STARTS),
];

/// All whole names; in a name of two lists, the first counts.
static NAMES: LazyLock<HashMap<&str, Class>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for (class, exact, _) in LISTS.iter().rev() {
        names.extend(exact.iter().map(|name| (*name, *class)));
    }
    names
});

/// What a symbol is for. Functions of modules are never machinery by accident: the lists have the core
/// kernel's names only.
pub(crate) fn class(symbol: &str) -> Class {
    let name = base(symbol);
    // What Rust calls where C has a macro.
    let name = name.strip_prefix("rust_helper_").unwrap_or(name);
    if let Some(class) = NAMES.get(name) {
        return *class;
    }
    let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    let found = LISTS.iter().find(|(_, _, starts)| begins(starts));
    match found {
        Some((Class::Rcu, ..)) if is_rcu_test(name) => Class::Other,
        Some((class, ..)) => *class,
        None => Class::Other,
    }
}

/// RCU's own torture tests are culprits like any other.
fn is_rcu_test(name: &str) -> bool {
    name.starts_with("rcu_torture") || name.starts_with("rcu_scale") || name.starts_with("rcu_ref_")
}

/// A stack without what reported it, and its telling frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    /// Functions, innermost first.
    pub(crate) frames: Vec<String>,
    pub(crate) telling: Option<String>,
    /// What the telling frame called: a function of RCU, of a lock, or that waits.
    pub(crate) in_call: Option<String>,
    /// Nothing but the idle loop.
    pub(crate) idle: bool,
}

/// Frames of a story at most.
const MAX_SHOWN: usize = 32;

pub(crate) fn story(dump: &Dump, passed: Passed) -> Story {
    let mut frames: Vec<_> = dump
        .frames
        .iter()
        .map(|frame| (frame, class(&frame.symbol)))
        .collect();
    clock_drivers(&mut frames);
    let frames = reliable(frames);
    let frames = interrupted(&frames);
    let mut story = Story::default();
    let mut all_idle = !frames.is_empty();
    for &(frame, class) in frames {
        if matches!(class, Class::Reporting | Class::Entry) {
            continue;
        }
        all_idle &= class == Class::Idle;
        let is_passed = passed.0.contains(&class);
        if story.telling.is_none() {
            if !is_passed {
                story.telling = Some(frame.function());
            } else if class != Class::Idle {
                // The outermost of these is what the culprit called.
                story.in_call = Some(frame.function());
            }
        }
        if story.frames.len() < MAX_SHOWN {
            let function = frame.function();
            if story.frames.last() != Some(&function) {
                story.frames.push(function);
            }
        }
    }
    // A clock that stands still may be the trouble itself.
    if story.telling.is_none() {
        let probe = frames.iter().find(|(_, class)| *class == Class::Probe);
        story.telling = probe.map(|(frame, _)| frame.function());
    }
    story.idle = (all_idle && !story.frames.is_empty()) || dump.idle_at.is_some();
    if story.frames.is_empty() {
        story
            .frames
            .extend(dump.idle_at.as_deref().map(crate::stack::function));
    }
    story
}

/// A frame, and what its function is for.
type Classed<'a> = (&'a Frame, Class);

/// What calls the clock's handler is the driver of the clock, whatever its name, and no more to blame.
fn clock_drivers(frames: &mut [Classed<'_>]) {
    let is_handler = |frame: &Frame| {
        let name = base(&frame.symbol);
        name == "hrtimer_interrupt" || name == "tick_handle_periodic"
    };
    let mut called_by: Option<&Frame> = None;
    let traced = frames
        .iter_mut()
        .filter(|(frame, _)| frame.place == Place::Trace);
    for (frame, class) in traced {
        // Some drivers are of two functions, such as hv_stimer0_percpu_isr() and hv_stimer0_isr().
        let is_driver = called_by
            .is_some_and(|inner| is_handler(inner) || base(&frame.symbol).ends_with("_isr"));
        if is_driver && *class == Class::Other {
            *class = Class::Reporting;
        }
        called_by = Some(*frame).filter(|frame| is_handler(frame) || is_driver);
    }
}

/// Without the frames that may be left over, unless there are no others. Where the unwinder lost its way, on the
/// way into an interrupt, they are all that there is.
fn reliable(frames: Vec<Classed<'_>>) -> Vec<Classed<'_>> {
    let is_reliable = |frame: &Frame| frame.place != Place::Unreliable;
    let mut reliable = frames.iter().filter(|(frame, _)| is_reliable(frame));
    if !reliable.any(|(_, class)| *class != Class::Reporting) {
        return frames;
    }
    let last = frames.iter().rposition(|(frame, _)| is_reliable(frame));
    let lost = last
        .and_then(|last| frames.get(last))
        .is_some_and(|(_, class)| *class == Class::Scheduler);
    let from = if lost { last } else { None };
    let kept = |at: usize, frame: &Frame| is_reliable(frame) || from.is_some_and(|from| at > from);
    let frames = frames.into_iter().enumerate();
    let frames = frames.filter(|(at, (frame, _))| kept(*at, frame));
    frames.map(|(_, frame)| frame).collect()
}

/// What was interrupted: behind the entry into the interrupt in which the report was made.
fn interrupted<'a, 'b>(frames: &'b [Classed<'a>]) -> &'b [Classed<'a>] {
    let is_report = |(_, class): &Classed<'_>| *class == Class::Reporting;
    // Registers at the top: somebody else asked for this dump, and they tell where the CPU was.
    let first = frames.first();
    if first.is_some_and(|first| first.0.place == Place::Registers && !is_report(first)) {
        return frames;
    }
    // A report begins with its own machinery; what comes later is of somebody else who printed in between.
    let mut ours = frames
        .iter()
        .take_while(|(_, class)| *class != Class::Other);
    let Some(report) = ours.position(is_report) else {
        return frames;
    };
    let behind = frames
        .iter()
        .skip(report)
        .position(|(frame, class)| frame.place == Place::Registers || *class == Class::Entry);
    match behind {
        Some(behind) => frames.get(report + behind..).unwrap_or(frames),
        None => frames,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{part, Part};

    fn dump(lines: &[&str]) -> Dump {
        let mut dump = Dump::default();
        for line in lines {
            match part(line) {
                Some(Part::Frame(frame)) => dump.push(frame),
                other => panic!("{line:?} is {other:?}"),
            }
        }
        dump
    }

    #[test]
    fn a_cpu_that_reports_itself_is_told_below_the_interrupt() {
        let story = story(
            &dump(&[
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
            ]),
            Passed::USUAL,
        );
        assert_eq!(story.telling.as_deref(), Some("evil_driver_work"));
        assert_eq!(story.in_call.as_deref(), Some("_raw_spin_lock"));
        assert_eq!(
            story.frames,
            [
                "native_queued_spin_lock_slowpath",
                "_raw_spin_lock",
                "evil_driver_work",
                "process_one_work"
            ]
        );
    }

    #[test]
    fn a_waiter_is_told_below_what_it_waits_in() {
        let story = story(
            &dump(&[
                "__schedule+0x2e3/0x740",
                "schedule+0x42/0xb0",
                "schedule_timeout+0x10e/0x160",
                "wait_for_completion+0xb1/0x120",
                "__wait_rcu_gp+0x11c/0x130",
                "synchronize_rcu+0x67/0x70",
                "namespace_unlock+0x5d/0x80",
            ]),
            Passed::USUAL,
        );
        assert_eq!(story.telling.as_deref(), Some("namespace_unlock"));
        assert_eq!(story.in_call.as_deref(), Some("synchronize_rcu"));
    }

    #[test]
    fn an_idle_cpu_has_no_telling_frame() {
        let story = story(
            &dump(&[
                "RIP: 0010:native_safe_halt+0xe/0x10",
                "default_idle+0x20/0x140",
                "do_idle+0x1ee/0x210",
                "cpu_startup_entry+0x19/0x20",
            ]),
            Passed::USUAL,
        );
        assert!(story.idle && story.telling.is_none());
    }

    #[test]
    fn leftovers_are_passed_over() {
        let story = story(
            &dump(&[
                "RIP: 0010:schedule+0x1/0x2",
                "? ghost+0x1/0x2",
                "real+0x1/0x2",
            ]),
            Passed::USUAL,
        );
        assert_eq!(story.telling.as_deref(), Some("real"));
        assert_eq!(story.frames, ["schedule", "real"]);
    }

    #[test]
    fn a_stack_is_cut() {
        let mut long = Dump::default();
        for number in 0..50 {
            long.push(Frame {
                symbol: format!("f{number}"),
                place: Place::Trace,
            });
        }
        assert_eq!(story(&long, Passed::USUAL).frames.len(), MAX_SHOWN);
    }

    #[test]
    fn where_the_unwinder_gave_up_the_rest_counts() {
        let lost = dump(&[
            "__schedule+0x1/0x2",
            "irqentry_exit+0x1/0x2",
            "? lock_release+0x1/0x2",
            "? ktime_get+0x1/0x2",
            "? spin+0x1/0x2",
        ]);
        let story = story(&lost, Passed::USUAL);
        assert_eq!(story.telling.as_deref(), Some("spin"), "{story:?}");
    }

    #[test]
    fn a_clock_tells_only_if_nothing_else_does() {
        let telling = |lines: &[&str]| story(&dump(lines), Passed::USUAL).telling;
        assert_eq!(
            telling(&["RIP: 0010:ktime_get+0x1/0x2", "poll+0x1/0x2"]).as_deref(),
            Some("poll")
        );
        assert_eq!(
            telling(&["RIP: 0010:ktime_get+0x1/0x2"]).as_deref(),
            Some("ktime_get")
        );
    }

    #[test]
    fn the_driver_of_the_clock_is_no_culprit() {
        let story = story(
            &dump(&[
                "rcu_sched_clock_irq+0x1/0x2",
                "hrtimer_interrupt+0x1/0x2",
                "some_timer_isr+0x1/0x2",
                "some_percpu_isr+0x1/0x2",
                "spin+0x1/0x2",
            ]),
            Passed::USUAL,
        );
        assert_eq!(story.telling.as_deref(), Some("spin"), "{story:?}");
    }

    #[test]
    fn the_torture_test_is_no_machinery() {
        assert_eq!(class("rcu_torture_reader"), Class::Other);
        assert_eq!(class("rcu_gp_kthread"), Class::Rcu);
    }
}
