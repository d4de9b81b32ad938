// SPDX-License-Identifier: GPL-2.0

//! Facts that the parsers and the incidents collect for the diagnosis.

use super::Task;

/// Facts for the diagnosis. They are not part of the JSON.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// The log has only the part of the stack that made the report.
    pub(crate) is_stack_cut: bool,
    /// The CPU was in user mode when it was interrupted.
    pub(crate) is_in_user_mode: bool,
    /// The culprit was interrupted while it wrote the log to a console.
    pub(crate) is_printing: bool,
    /// The CPU spent nearly all time in the kernel, outside of interrupts.
    pub(crate) is_busy_in_kernel: bool,
    /// The list of CPUs and tasks continues on the next line.
    pub(crate) is_list_open: bool,
    /// CPUs to which an NMI was sent, without an answer in the log.
    pub(crate) silent_cpus: Vec<u32>,
    /// Seconds between an NMI and the next line of the log, if many.
    pub(crate) nmi_wait: Option<f64>,
    /// The CPU whose clock is furthest behind that of the reporting CPU, and the seconds.
    pub(crate) clock_behind: Option<(u32, f64)>,
    /// Jiffies for which the grace-period kthread is overdue, for a stall that it causes.
    pub(crate) kthread_overdue: Option<i64>,
    /// The report says that tasks block the grace period, whether it lists them or not.
    pub(crate) is_blocked_by_tasks: bool,
    /// The lines that follow are on the pool that makes no progress.
    pub(crate) is_own_pool: bool,
    /// The kernel is PREEMPT_RT.
    pub(crate) is_realtime: bool,
    /// The culprit is a kernel worker without a work item.
    pub(crate) is_idle_worker: bool,
    /// Whether the log names a virtual machine.
    pub(crate) is_guest: bool,
    /// A line before the report on a device or server that does not respond, and its number.
    pub(crate) trouble: Option<(String, u64)>,
    /// A line before the report on a crash of the kernel, and its number.
    pub(crate) crash: Option<(String, u64)>,
    /// The state of memory in a report on memory.
    pub(crate) memory: Memory,
    /// Whether `hz` was guessed.
    pub(crate) is_hz_guessed: bool,
    /// A network device that cannot be removed: its name, its references, and the line.
    pub(crate) net_device: Option<(String, u64, u64)>,
    /// The nesting of the task's readers in an earlier report of the same grace period.
    pub(crate) earlier_nesting: Option<i64>,
    /// Stacks of the culprit task in this incident, if they have a function in common.
    pub(crate) common_stacks: u64,
    /// What earlier events of the incident mean for this one, in sentences.
    pub(crate) story: Vec<String>,
}

/// The state of memory in a report on memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// 2^order pages were requested.
    pub(crate) order: u64,
    /// The flags of the allocation.
    pub(crate) flags: String,
    /// A memory policy restricts the nodes.
    pub(crate) has_nodemask: bool,
    pub(crate) zones: Vec<Zone>,
    pub(crate) ram_kb: Option<u64>,
    /// A process was killed, not only selected.
    pub(crate) is_killed: bool,
    /// The score of the process that the OOM killer chose.
    pub(crate) score: u64,
    /// The process that the OOM killer chose, if it killed a child in its place.
    pub(crate) chosen: Option<Task>,
    /// The largest cache of objects of the kernel, and its size in kB.
    pub(crate) largest_slab: Option<(String, u64)>,
    /// Anonymous memory of the killed process.
    pub(crate) victim_kb: Option<u64>,
}

/// Free memory of a zone, and its watermarks.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    /// Node and name: `0 Normal`.
    pub(crate) name: String,
    pub(crate) free_kb: u64,
    pub(crate) min_kb: u64,
    pub(crate) high_kb: u64,
    /// Whether a free block is large enough for the request, if the report shows it.
    pub(crate) has_block: Option<bool>,
}
