// SPDX-License-Identifier: GPL-2.0

//! What a report comes to: the types that `rcuctl decode --json` prints. `docs/decode.md` has them as a table.

use serde::{Serialize, Serializer};

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A normal grace period does not end (`kernel/rcu/tree_stall.h`).
    RcuCpuStall,
    /// An expedited grace period does not end (`kernel/rcu/tree_exp.h`).
    RcuExpeditedStall,
    /// A grace period of RCU Tasks does not end (`kernel/rcu/tasks.h`).
    RcuTasksStall,
    /// The grace-period kthread does not get to run, or its timer does not fire.
    RcuKthreadStarved,
    /// A reader gave up the CPU of its own accord.
    VoluntaryContextSwitch,
    /// Lockdep caught a wrong use of RCU (`kernel/locking/lockdep.c`).
    SuspiciousRcuUsage,
    /// Something that sleeps was called where nothing may (`kernel/sched/core.c`).
    SleepingInAtomic,
    /// A task sleeps uninterruptibly for too long (`kernel/hung_task.c`).
    HungTask,
    /// A CPU does not schedule (`kernel/watchdog.c`).
    SoftLockup,
    /// A CPU takes no interrupts (`kernel/watchdog.c`).
    HardLockup,
    /// An `rcu_head` was queued twice.
    DoubleCallRcu,
    /// Freed memory was used (KASAN, KFENCE, SLUB's poison).
    UseAfterFree,
    /// A lock or a reader was not ended before its task left the kernel or its work item.
    LockLeak,
    /// The page allocator found nothing.
    PageAllocationFailure,
    /// The OOM killer ran.
    Oom,
}

impl EventKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::RcuCpuStall,
        Self::RcuExpeditedStall,
        Self::RcuTasksStall,
        Self::RcuKthreadStarved,
        Self::VoluntaryContextSwitch,
        Self::SuspiciousRcuUsage,
        Self::SleepingInAtomic,
        Self::HungTask,
        Self::SoftLockup,
        Self::HardLockup,
        Self::DoubleCallRcu,
        Self::UseAfterFree,
        Self::LockLeak,
        Self::PageAllocationFailure,
        Self::Oom,
    ];

    /// Its name in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::RcuCpuStall => "rcu-cpu-stall",
            Self::RcuExpeditedStall => "rcu-expedited-stall",
            Self::RcuTasksStall => "rcu-tasks-stall",
            Self::RcuKthreadStarved => "rcu-kthread-starved",
            Self::VoluntaryContextSwitch => "voluntary-context-switch",
            Self::SuspiciousRcuUsage => "suspicious-rcu-usage",
            Self::SleepingInAtomic => "sleeping-in-atomic",
            Self::HungTask => "hung-task",
            Self::SoftLockup => "soft-lockup",
            Self::HardLockup => "hard-lockup",
            Self::DoubleCallRcu => "double-call-rcu",
            Self::UseAfterFree => "use-after-free",
            Self::LockLeak => "lock-leak",
            Self::PageAllocationFailure => "page-allocation-failure",
            Self::Oom => "oom",
        }
    }

    /// Whether this is a grace period that does not end.
    pub fn is_stall(self) -> bool {
        matches!(
            self,
            Self::RcuCpuStall | Self::RcuExpeditedStall | Self::RcuTasksStall
        )
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// When a line was logged.
#[derive(Clone, Debug, PartialEq)]
pub struct Time {
    /// Seconds, for comparing the lines of one log: since boot, or of a calendar without time zones.
    pub clock: f64,
    /// The log's own words, if it gives the time of the day and not the time since boot.
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

/// A task that a report blames, or that suffers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comm: Option<String>,
    /// Its state's letter, as `ps` shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// How deep its readers are nested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nesting: Option<i64>,
    /// RCU's marks on it, in words.
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

/// What a stall report says of one CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CpuDetail {
    /// The CPU.
    pub cpu: u32,
    /// Its marks, as printed: offline states and the interrupt work.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub flags: String,
    /// Whether it is offline.
    pub offline: bool,
    /// What became of the interrupt work that RCU sent to it half-way: `ran`, `not run`, `pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub irq_work: Option<&'static str>,
    /// Scheduling-clock interrupts that it took in this grace period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticks_this_gp: Option<u64>,
    /// Grace periods that it has not heard of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gps_behind: Option<u64>,
    /// Its idle state, as printed: counter, nesting, nesting of interrupts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<String>,
    /// RCU softirqs that had run when the CPU noticed the grace period, and now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub softirq: Option<[u64; 2]>,
    /// Scans for idle CPUs that the grace-period kthread has made in this grace period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fqs: Option<u64>,
    /// For how many jiffies its `rcuc` kthread has not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rcuc_starved_jiffies: Option<i64>,
    /// RCU itself takes it for a false alarm.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub false_positive: bool,
    /// What it did in the second half of the stall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cputime: Option<CpuTime>,
}

/// The block that `rcupdate.rcu_cpu_stall_cputime` adds: what a CPU did since half of the time-out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CpuTime {
    /// Interrupts, softirqs, context switches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<[i64; 3]>,
    /// Milliseconds in interrupts, softirqs, and the kernel's tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<[i64; 3]>,
    /// The milliseconds over which this was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<i64>,
}

/// The grace-period kthread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kthread {
    /// Its name, which is the flavor's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comm: Option<String>,
    /// For how many jiffies it has not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starved_jiffies: Option<i64>,
    /// For how many jiffies its timer is overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer_overdue_jiffies: Option<i64>,
    /// The grace period that it works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gp_seq: Option<i64>,
    /// What it is asked to do, as printed: `0x1` begin a grace period, `0x2` scan for idle CPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<String>,
    /// What it does, as printed: `RCU_GP_WAIT_FQS(5)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_state: Option<String>,
    /// Its task state, as printed: `0x0` is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_state: Option<String>,
    /// Where it ran last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<i64>,
    /// The CPU whose timers are suspected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer_cpu: Option<i64>,
    /// Timer softirqs of that CPU since boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer_softirqs: Option<u64>,
}

/// A field of a report, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name, as the kernel prints it.
    pub name: String,
    /// Its value, as the kernel prints it.
    pub value: String,
    /// What it means here.
    pub meaning: String,
}

/// One report of the kernel, decoded.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// What it is about.
    pub kind: EventKind,
    /// When, by the report's first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// The number of its first line in the input, from 1.
    pub line: u64,
    /// The incident that it belongs to: reports of one stall and of who suffers have the same number.
    pub incident: u64,
    /// How often the same was reported before in this incident.
    pub repeats: u64,
    /// The boot that it belongs to, if the input has several: from 1.
    pub boot: u64,
    /// What is blamed, in a sentence.
    pub summary: String,

    /// Which RCU: `rcu_preempt`, `rcu_sched`, `rcu_tasks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flavor: Option<String>,
    /// Whether the stalled CPU reported itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_detected: Option<bool>,
    /// The CPU that reported others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detected_by: Option<u32>,
    /// The CPUs to blame.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<u32>,
    /// The tasks to blame; of a hung task, the one that hangs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Jiffies since the grace period began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t_jiffies: Option<u64>,
    /// The same in seconds, or the seconds that a lockup or a hung task names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Jiffies a second, as far as the log gives it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hz: Option<u32>,
    /// The grace period's number; of an expedited stall, the expedited sequence number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gp_seq: Option<i64>,
    /// Callbacks that wait, on all CPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callbacks: Option<u64>,
    /// CPUs online.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ncpus: Option<u32>,
    /// What the report says of each stalled CPU.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpu_details: Vec<CpuDetail>,
    /// The grace-period kthread, if the report speaks of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kthread: Option<Kthread>,

    /// The function that tells most: the first that is not machinery of reporting, interrupts, scheduler,
    /// locks, or RCU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub culprit_frame: Option<String>,
    /// The culprit's stack, innermost first, without the reporting itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<String>,
    /// What a hung task waits for: the function of RCU, lock or wait that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// The function that the report names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The source's file and line that the report names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The report's own words for what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The locks that the task holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// The kernel's release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The kernel's taint, as printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taint: Option<String>,
    /// The report says that the stall ended while it was printed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
    /// When whoever provoked the stall said that it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// The report's first line is missing from the input.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub header_missing: bool,

    /// Each field of the report with its meaning.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Likely causes, the likeliest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<String>,
}

impl Event {
    pub(crate) fn new(kind: EventKind) -> Self {
        Self {
            kind,
            time: None,
            line: 0,
            incident: 0,
            repeats: 0,
            boot: 1,
            summary: String::new(),
            flavor: None,
            self_detected: None,
            detected_by: None,
            cpus: Vec::new(),
            tasks: Vec::new(),
            t_jiffies: None,
            seconds: None,
            hz: None,
            gp_seq: None,
            callbacks: None,
            ncpus: None,
            cpu_details: Vec::new(),
            kthread: None,
            culprit_frame: None,
            frames: Vec::new(),
            waits_for: None,
            symbol: None,
            location: None,
            message: None,
            locks: Vec::new(),
            kernel: None,
            taint: None,
            ended: false,
            ended_at: None,
            header_missing: false,
            fields: Vec::new(),
            causes: Vec::new(),
            advice: Vec::new(),
        }
    }

    /// Adds a CPU to blame, once.
    pub(crate) fn blame_cpu(&mut self, cpu: u32) {
        if self.cpus.len() < MAX_CULPRITS && !self.cpus.contains(&cpu) {
            self.cpus.push(cpu);
        }
    }

    /// Adds a task to blame, or what is now known of one.
    pub(crate) fn blame_task(&mut self, task: Task) {
        let numbered = !matches!(task.pid, None | Some(0));
        for known in &mut self.tasks {
            if numbered && known.pid == task.pid {
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
    pub(crate) fn field(
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
            });
        }
    }
}

/// Of CPUs and of tasks that are kept of a report.
pub(crate) const MAX_CULPRITS: usize = 64;

const MAX_FIELDS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json() {
        for kind in EventKind::ALL {
            let json = serde_json::to_value(kind).expect("a name");
            assert_eq!(json, kind.name());
        }
    }

    #[test]
    fn the_time_is_a_number_or_text() {
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

    #[test]
    fn a_task_is_named_once() {
        let mut event = Event::new(EventKind::RcuCpuStall);
        let task = |comm: Option<&str>| Task {
            pid: Some(7),
            comm: comm.map(str::to_string),
            ..Task::default()
        };
        event.blame_task(task(None));
        event.blame_task(task(Some("reader")));
        assert_eq!(event.tasks, [task(Some("reader"))]);
    }

    #[test]
    fn lists_have_limits() {
        let mut event = Event::new(EventKind::RcuCpuStall);
        for number in 0..1000 {
            event.field("name", number.to_string(), "meaning");
            event.blame_cpu(number);
            event.blame_task(Task {
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
