// SPDX-License-Identifier: GPL-2.0

//! Parts of an event: time, tasks, CPUs, kthread, fields.

use serde::{Serialize, Serializer};

/// The time of a log line.
#[derive(Clone, Debug, PartialEq)]
pub struct Time {
    /// Seconds since boot, or of a calendar without time zones. Compare only within one log.
    pub clock: f64,
    /// The time as the log prints it, if the log prints time of day.
    pub text: Option<String>,
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.text {
            Some(text) => serializer.serialize_str(text),
            None => serializer.serialize_f64(self.clock),
        }
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.text {
            Some(text) => f.write_str(text),
            None => write!(f, "{:.6} s", self.clock),
        }
    }
}

/// A task named by a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Task {
    /// The process ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comm: Option<String>,
    /// The state letter, as in `ps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The nesting depth of its RCU readers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nesting: Option<i64>,
    /// RCU's flags on the task, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<&'static str>,
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.comm, self.pid) {
            (Some(comm), Some(pid)) => write!(f, "{comm} (pid {pid})"),
            (Some(comm), None) => f.write_str(comm),
            (None, Some(pid)) => write!(f, "pid {pid}"),
            (None, None) => f.write_str("a task"),
        }
    }
}

/// The line of a stall report on one CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CpuDetail {
    /// The CPU.
    pub cpu: u32,
    /// Its flags as printed: offline states and irq_work.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub flags: String,
    /// Whether it is offline.
    pub offline: bool,
    /// State of the irq_work that RCU queued to it halfway: `ran`, `not run`, `pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub irq_work: Option<&'static str>,
    /// Scheduling-clock interrupts handled in this grace period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticks_this_gp: Option<u64>,
    /// Grace periods that the CPU has not noticed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gps_behind: Option<u64>,
    /// Idle state as printed: counter, nesting, interrupt nesting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<String>,
    /// RCU softirqs run when the CPU noticed the grace period, and now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub softirq: Option<[u64; 2]>,
    /// Force-quiescent-state scans in this grace period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fqs: Option<u64>,
    /// Jiffies since its `rcuc` kthread last ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rcuc_starved_jiffies: Option<i64>,
    /// Whether RCU itself suspects a false positive.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub false_positive: bool,
    /// CPU time in the second half of the stall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cputime: Option<CpuTime>,
}

/// The table added by `rcupdate.rcu_cpu_stall_cputime`: activity since half of the time-out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CpuTime {
    /// Interrupts, softirqs, context switches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<[i64; 3]>,
    /// Milliseconds in interrupts, softirqs, and kernel tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<[i64; 3]>,
    /// The period counted, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<i64>,
}

/// The grace-period kthread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kthread {
    /// Its name, equal to the flavor's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comm: Option<String>,
    /// Jiffies since it last ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starved_jiffies: Option<i64>,
    /// Jiffies since its timer was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer_overdue_jiffies: Option<i64>,
    /// Its grace period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gp_seq: Option<i64>,
    /// Its requests as printed: `0x1` start a grace period, `0x2` force quiescent states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<String>,
    /// Its step as printed: `RCU_GP_WAIT_FQS(5)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_state: Option<String>,
    /// Its task state as printed: `0x0` is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_state: Option<String>,
    /// The CPU on which it last ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<i64>,
    /// The CPU whose timers are suspected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer_cpu: Option<i64>,
    /// Timer softirqs of that CPU since boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer_softirqs: Option<u64>,
}

impl Kthread {
    /// Returns the jiffies for which its timer or the kthread itself is overdue.
    pub(crate) fn overdue(&self) -> Option<i64> {
        self.timer_overdue_jiffies.or(self.starved_jiffies)
    }
}

/// A stack that a report prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stack {
    /// The owner: a CPU, a task, and its part in the report.
    pub of: String,
    /// Functions, innermost first, without the reporting code.
    pub frames: Vec<String>,
}

/// A field of a report with its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The name, as the kernel prints it.
    pub name: String,
    /// The value, as the kernel prints it.
    pub value: String,
    /// The meaning of this value.
    pub meaning: String,
    /// Whether a reader may skip the field: its value is usual, or only identifies the report.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub normal: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_serializes_as_number_or_text() {
        let since_boot = Time {
            clock: 12.5,
            text: None,
        };
        assert_eq!(serde_json::to_string(&since_boot).expect("JSON"), "12.5");
        let of_day = Time {
            clock: 12.5,
            text: Some("Nov 21 10:00:00".to_string()),
        };
        let json = serde_json::to_string(&of_day).expect("JSON");
        assert_eq!(json, "\"Nov 21 10:00:00\"");
    }
}
