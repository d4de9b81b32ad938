// SPDX-License-Identifier: GPL-2.0

//! Hints from the innermost functions of a stack.

use crate::event::Event;
use crate::functions::Class;

/// A cause suggested by functions with one of these prefixes.
struct Hint {
    starts: &'static [&'static str],
    cause: &'static str,
    advice: &'static str,
}

/// The words of a cause that is a spinlock.
pub(super) const SPINLOCK: &str = "waits for a spinlock";

/// Innermost frames searched for a hint.
const MAX_FRAMES: usize = 6;

const HINTS: &[Hint] = &[
    Hint {
        starts: &["serial8250_", "uart_", "console_", "univ8250", "wait_for_xmitr", "pl011_", "vt_console", "fbcon_", "printk", "vprintk", "__serial8250", "io_serial_", "mem_serial_", "netconsole", "write_msg", "bit_putcs", "sys_imageblit", "cfb_imageblit", "drm_fb_helper", "soft_cursor"],
        cause: "printing to a slow console: the CPU waits while the log is written out",
        advice: "Print less (loglevel=, ratelimit), or use a faster console. 115200 baud is 11 KB/s.",
    },
    Hint {
        starts: &["native_queued_spin_lock_slowpath", "queued_spin_lock_slowpath", "__pv_queued_spin_lock", "_raw_spin_lock", "_raw_read_lock", "_raw_write_lock", "queued_write_lock", "queued_read_lock", "do_raw_spin_lock", "arch_spin_lock", "arch_write_lock", "arch_read_lock", "__arch_", "osq_lock", "rt_spin_lock", "rtlock_slowlock"],
        cause: "the CPU waits for a spinlock: its holder is stuck, was interrupted by code that needs the same lock, or many CPUs contend",
        advice: "Look for the holder of the lock in the other backtraces. CONFIG_PROVE_LOCKING finds deadlocks before they happen.",
    },
    Hint {
        starts: &["smp_call_function", "csd_lock", "on_each_cpu", "flush_tlb_", "native_flush_tlb", "kvm_flush_tlb", "text_poke", "__flush_tlb", "arch_tlbbatch", "generic_exec_single"],
        cause: "the CPU waits for another CPU to answer an interrupt: the other CPU is the culprit",
        advice: "Find the CPU that does not answer: csdlock_debug=1 names it. Its interrupts are disabled, or it does not run.",
    },
    Hint {
        starts: &["multi_cpu_stop", "stop_machine", "stop_one_cpu", "cpu_stopper"],
        cause: "stop_machine(): all CPUs spin with interrupts disabled until the last one arrives",
        advice: "Find the CPU that has not arrived: a task or an interrupt occupies it.",
    },
    Hint {
        starts: &["delay_tsc", "__delay", "__udelay", "__const_udelay", "udelay", "__ndelay", "delay_halt", "delay_mwaitx", "__loop_udelay", "arch_timer_evt", "__timer_delay", "ioread", "iowrite", "inb", "outb", "pci_read", "pci_write", "pci_mmcfg", "pci_conf1", "readl", "writel", "raw_pci"],
        cause: "the CPU polls hardware in a busy loop",
        advice: "Check whether the device responds. Sleep instead of udelay() where the context allows.",
    },
    Hint {
        starts: &["kvm_wait", "kvm_async_pf", "kvm_kick", "pv_wait", "__pv_", "plpar_", "xen_", "hv_", "hypercall", "hyperv_", "__xen", "vmware_", "HYPERVISOR"],
        cause: "the guest waits for its hypervisor",
        advice: "Check the host: steal time, overcommitted CPUs, paused or migrated guests.",
    },
    Hint {
        starts: &["shrink_", "zap_", "unmap_", "free_pgd", "try_to_free", "compact_", "isolate_", "clear_huge_page", "copy_huge", "exit_mmap", "invalidate_", "truncate_inode", "remove_vm", "ttm_", "swap_", "free_unref", "release_pages", "__free_pages"],
        cause: "a long loop over memory without rescheduling",
        advice: "Add cond_resched() to the loop. A newer kernel may have it.",
    },
    Hint {
        starts: &["rcu_do_batch", "rcu_core", "rcu_process_callbacks", "rcu_nocb_cb_kthread"],
        cause: "an RCU callback runs for long, or too many callbacks are queued",
        advice: "Callbacks should only free memory: pass long work to queue_rcu_work(). rcu_nocbs= moves callbacks to kthreads.",
    },
    Hint {
        starts: &["net_rx_action", "napi_", "__napi_", "__netif_receive", "nf_", "ip_rcv", "process_backlog", "tcp_v4_rcv", "__do_softirq", "handle_softirqs", "ksoftirqd", "run_ksoftirqd", "tasklet_"],
        cause: "softirq work that does not end, such as a flood of packets, or slow firewall rules",
        advice: "Check the load (softnet_stat, /proc/softirqs). Spread the interrupts, or simplify the rules.",
    },
    Hint {
        starts: &["handle_irq_event", "__handle_irq_event", "handle_edge_irq", "handle_fasteoi", "generic_handle_irq", "irq_thread"],
        cause: "interrupts arrive faster than they are handled",
        advice: "Look in /proc/interrupts for a count that grows fast.",
    },
];

/// Functions that wait until another CPU has run a call.
const WAITS_FOR_CPU: [&str; 5] = [
    "multi_cpu_stop",
    "smp_call_function",
    "csd_lock_wait",
    "on_each_cpu",
    "generic_exec_single",
];

/// Returns the innermost function that is no check of a sanitizer and no clock read.
fn innermost(event: &Event) -> Option<&String> {
    let mut frames = event.frames.iter();
    frames.find(|frame| !matches!(Class::of(frame), Class::Access | Class::Probe))
}

/// Returns whether the culprit waits for another CPU: such a function is its innermost one.
pub(super) fn waits_for_cpu(event: &Event) -> bool {
    innermost(event).is_some_and(|frame| {
        let mut starts = WAITS_FOR_CPU.iter();
        starts.any(|start| frame.starts_with(start))
    })
}

/// Parts of the names of functions that spin until a lock is free.
const SPINS: [&str; 6] = [
    "spin_lock",
    "read_lock",
    "write_lock",
    "queued_",
    "lock_spinning",
    "osq_lock",
];

/// Returns whether a CPU spins for a lock: such a function is its innermost one.
pub(super) fn spins_for_lock(event: &Event) -> bool {
    innermost(event).is_some_and(|frame| {
        Class::of(frame) == Class::Locking
            && !frame.contains("unlock")
            && SPINS.iter().any(|part| frame.contains(part))
    })
}

/// Returns whether a CPU runs the handler of an interrupt.
pub(super) fn is_in_interrupt(event: &Event) -> bool {
    let starts = [
        "handle_irq_event",
        "__handle_irq_event",
        "generic_handle_",
        "handle_IRQ",
        "irq_work_run",
    ];
    let mut frames = event.frames.iter();
    frames.any(|frame| starts.iter().any(|start| frame.starts_with(start)))
}

/// Returns whether a CPU runs a softirq.
pub(super) fn is_in_softirq(event: &Event) -> bool {
    let starts = [
        "handle_softirqs",
        "__do_softirq",
        "run_ksoftirqd",
        "do_softirq",
        "net_rx_action",
    ];
    let runs_softirqs = |frame: &String| starts.iter().any(|start| frame.starts_with(start));
    let mut tasks = event.tasks.iter().filter_map(|task| task.comm.as_deref());
    event.frames.iter().any(runs_softirqs) || tasks.any(|comm| comm.starts_with("ksoftirqd/"))
}

/// Returns whether a CPU is in a call of the firmware.
pub(super) fn is_in_firmware(event: &Event) -> bool {
    let starts = [
        "efi_call",
        "__efi_",
        "virt_efi_",
        "efi_rts",
        "uv_bios_call",
        "rtas_call",
        "__psci_",
        "arm_smccc_",
    ];
    let inner = event.frames.iter().take(3);
    let mut names = inner.chain(&event.culprit_frame).chain(&event.work);
    names.any(|name| starts.iter().any(|start| name.starts_with(start)))
}

/// Returns cause and advice for the innermost function with a hint.
pub(super) fn of(event: &Event) -> Option<(&'static str, &'static str)> {
    // The stack of an event has no frames that print.
    if event.evidence.is_printing {
        return HINTS.first().map(|hint| (hint.cause, hint.advice));
    }
    let frames = event.frames.iter().take(MAX_FRAMES);
    for frame in frames.chain(&event.culprit_frame) {
        let hint = HINTS
            .iter()
            .find(|hint| hint.starts.iter().any(|start| frame.starts_with(start)));
        if let Some(hint) = hint {
            return Some((hint.cause, hint.advice));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;

    #[test]
    fn the_innermost_function_selects_the_hint() {
        let mut event = Event::new(EventKind::RcuCpuStall);
        event.frames = ["io_serial_in", "vprintk_emit", "my_loop"]
            .map(str::to_string)
            .to_vec();
        assert!(of(&event).is_some_and(|(cause, _)| cause.contains("console")));
        event.frames = vec!["my_loop".to_string()];
        assert_eq!(of(&event), None);
    }
}
