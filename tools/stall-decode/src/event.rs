// SPDX-License-Identifier: GPL-2.0

//! Decoded events, as `rcuctl decode --json` prints them. `docs/decode.md` lists the fields.

use serde::Serialize;

mod blame;
mod detail;
mod evidence;
mod kind;

pub use blame::{Blame, Culprit};
pub use detail::{CpuDetail, CpuTime, Field, Kthread, Stack, Task, Time};
pub(crate) use evidence::{Evidence, Zone};
pub use kind::EventKind;

/// CPUs, and tasks, kept per report.
pub(crate) const MAX_CULPRITS: usize = 64;

const MAX_FIELDS: usize = 256;

/// A decoded kernel report.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Event {
    /// The kind of report.
    pub kind: EventKind,
    /// The time of the report's first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// The input line of the report's first line, from 1.
    pub line: u64,
    /// The input line of the report's last line.
    pub last_line: u64,
    /// The incident. Reports of one stall and of its consequences share a number.
    pub incident: u64,
    /// Earlier reports of the same condition in this incident.
    pub repeats: u64,
    /// The boot within the input, from 1.
    pub boot: u64,
    /// What happened and the culprit, in a sentence.
    pub summary: String,
    /// The summary, the culprit with its certainty, and the reason.
    pub story: String,

    /// The RCU flavor: `rcu_preempt`, `rcu_sched`, `rcu_tasks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flavor: Option<String>,
    /// Whether the stalled CPU reported itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_detected: Option<bool>,
    /// The CPU that reported the stall of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detected_by: Option<u32>,
    /// The culprit CPUs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<u32>,
    /// The culprit tasks; for a hung task, the task that hangs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Jiffies since the grace period began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t_jiffies: Option<u64>,
    /// `t_jiffies` in seconds, or the seconds printed for a lockup or hung task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Jiffies per second, if the log reveals it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hz: Option<u32>,
    /// The grace-period number; for an expedited stall, the expedited sequence number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gp_seq: Option<i64>,
    /// Callbacks queued on all CPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callbacks: Option<u64>,
    /// CPUs online.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ncpus: Option<u32>,
    /// The report's line on each stalled CPU.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpu_details: Vec<CpuDetail>,
    /// The grace-period kthread, if reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kthread: Option<Kthread>,

    /// The innermost function that is no helper: no reporting, interrupt entry, scheduler, lock, RCU,
    /// allocator, or general library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub culprit_frame: Option<String>,
    /// The module of that function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub culprit_module: Option<String>,
    /// Why that function may not be the culprit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub culprit_doubt: Option<&'static str>,
    /// The innermost function that is in all stacks of the culprit task in this incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_frame: Option<String>,
    /// The function of the work item that the culprit, a kernel worker, runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<String>,
    /// The task that holds the lock for which a hung task waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<Task>,
    /// The culprit's stack without the reporting code, innermost function first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<String>,
    /// Every stack of the report, with its owner.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<Stack>,
    /// The function of RCU, lock or wait in which a hung task waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// The function that the report names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The source file and line that the report names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The kernel's own description of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Locks held by the task.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// The kernel release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The kernel taint, as printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taint: Option<String>,
    /// The reason of the panic that the kernel was configured to cause after this report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panic: Option<String>,
    /// Whether the stall ended while it was being reported.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
    /// When the stall lab or rcutorture logged the end of the stall that it provoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// Whether the report's first line is missing from the input.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub header_missing: bool,

    /// The report's fields with their meanings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// The culprit, and the certainty of that.
    pub blame: Blame,
    /// Likely causes, the likeliest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// Next steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<String>,

    /// Facts for the diagnosis that have no field of their own.
    #[serde(skip)]
    pub(crate) evidence: Evidence,
}

impl Event {
    pub(crate) fn new(kind: EventKind) -> Self {
        Self {
            kind,
            boot: 1,
            ..Self::default()
        }
    }

    /// Adds a CPU, once.
    pub(crate) fn add_cpu(&mut self, cpu: u32) {
        if self.cpus.len() < MAX_CULPRITS && !self.cpus.contains(&cpu) {
            self.cpus.push(cpu);
        }
    }

    /// Adds a task, or completes the known task with the same pid.
    pub(crate) fn add_task(&mut self, task: Task) {
        let has_pid = !matches!(task.pid, None | Some(0));
        for known in &mut self.tasks {
            if has_pid && known.pid == task.pid {
                known.comm = known.comm.take().or(task.comm);
                known.state = known.state.take().or(task.state);
                known.nesting = known.nesting.or(task.nesting);
                if known.flags.is_empty() {
                    known.flags = task.flags;
                }
                return;
            }
        }
        if self.tasks.len() < MAX_CULPRITS && !self.tasks.contains(&task) {
            self.tasks.push(task);
        }
    }

    /// Adds a field with its meaning.
    pub(crate) fn add_field(
        &mut self,
        name: impl Into<String>,
        value: impl Into<String>,
        meaning: impl Into<String>,
    ) {
        if self.fields.len() < MAX_FIELDS {
            self.fields.push(Field {
                name: name.into(),
                value: value.into(),
                meaning: meaning.into(),
                normal: false,
            });
        }
    }

    /// Returns the first field with this name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_with_a_known_pid_is_completed_not_repeated() {
        let mut event = Event::new(EventKind::RcuCpuStall);
        let task = |comm: Option<&str>| Task {
            pid: Some(7),
            comm: comm.map(str::to_string),
            ..Task::default()
        };
        event.add_task(task(None));
        event.add_task(task(Some("reader")));
        assert_eq!(event.tasks, [task(Some("reader"))]);
    }

    #[test]
    fn cpus_tasks_and_fields_have_limits() {
        let mut event = Event::new(EventKind::RcuCpuStall);
        for number in 0..1000 {
            event.add_field("name", number.to_string(), "meaning");
            event.add_cpu(number);
            event.add_task(Task {
                pid: Some(number),
                ..Task::default()
            });
        }
        assert_eq!(event.fields.len(), MAX_FIELDS);
        assert_eq!(
            (event.cpus.len(), event.tasks.len()),
            (MAX_CULPRITS, MAX_CULPRITS)
        );
    }
}
