// SPDX-License-Identifier: GPL-2.0

//! The kinds of stall: which events the decoder must find in the kernel's report, and the culprit
//! that they must name.

use stall_decode::{Event, EventKind};

use super::report::{Culprit, Report};

/// A kind of stall or misuse that the module provokes.
#[derive(Debug)]
pub struct StallKind {
    /// The module's name of it.
    pub name: &'static str,
    /// The decoder must find any of these events. Empty if the kernel prints no report.
    pub events: &'static [EventKind],
    /// The culprit that the report must name.
    pub blame: Blame,
    pub max_tries: u32,
    /// The hold, if not twice the module's default.
    pub hold_ms: Option<u32>,
    /// Why the kernel may print no second report in a boot.
    pub once: Option<&'static str>,
}

/// The culprit that a report must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// None, as the kernel prints no report.
    Nobody,
    /// The culprit, or its CPU if it is not a thread.
    Culprit,
    /// The culprit, or the waiter of this name: without lockdep the kernel knows who waits, but not
    /// for whom.
    CulpritOr(&'static str),
    /// The culprit, as the thread that asked for memory.
    Invoker,
}

/// The kernel's words for a hung task.
pub const HUNG_TASK: &str = "blocked for more than";

/// The kernel's words for a stall of an expedited grace period.
pub const EXPEDITED: &str = "detected expedited stalls on CPUs/tasks:";

/// The reason that `clear_warn_once` removes.
pub const WARNS_ONCE: &str = "The kernel prints this warning once after boot. rcuctl clears that \
     through debugfs, which is not mounted: sudo mount -t debugfs none /sys/kernel/debug";

const DEFAULT: StallKind = StallKind {
    name: "",
    events: &[],
    blame: Blame::Culprit,
    max_tries: 1,
    hold_ms: None,
    once: None,
};

const fn stall(name: &'static str) -> StallKind {
    StallKind {
        name,
        events: &[EventKind::RcuCpuStall],
        ..DEFAULT
    }
}

const fn flood(name: &'static str) -> StallKind {
    StallKind {
        name,
        blame: Blame::Nobody,
        ..DEFAULT
    }
}

const fn hung(name: &'static str) -> StallKind {
    StallKind {
        name,
        events: &[EventKind::HungTask],
        blame: Blame::CulpritOr("stall_updater"),
        ..DEFAULT
    }
}

const fn misuse(name: &'static str, events: &'static [EventKind], once: &'static str) -> StallKind {
    StallKind {
        name,
        events,
        once: Some(once),
        ..DEFAULT
    }
}

/// All kinds, in the module's order.
pub static KINDS: [StallKind; 21] = [
    stall("cpu_preempt_off"),
    stall("cpu_bh_off"),
    StallKind {
        // Watchdogs of the hardware allow little more, and the ticks of a CPU may be late.
        max_tries: 3,
        hold_ms: Some(10_000),
        ..stall("cpu_irq_off")
    },
    stall("task_preempted"),
    stall("task_blocked"),
    StallKind {
        events: &[EventKind::RcuKthreadStarved],
        // The kthread must sleep inside a grace period, which a slow machine may miss.
        max_tries: 3,
        ..stall("gp_kthread_starved")
    },
    StallKind {
        events: &[EventKind::RcuKthreadStarved],
        ..stall("gp_kthread_preempted")
    },
    StallKind {
        events: &[EventKind::RcuExpeditedStall],
        ..stall("expedited")
    },
    misuse(
        "sleep_in_reader",
        &[EventKind::VoluntaryContextSwitch],
        WARNS_ONCE,
    ),
    misuse(
        "might_sleep",
        &[EventKind::SleepingInAtomic],
        "The kernel prints at most one of these reports a second.",
    ),
    misuse(
        "illegal_synchronize",
        &[EventKind::SuspiciousRcuUsage],
        WARNS_ONCE,
    ),
    flood("callback_flood"),
    flood("callback_flood_capped"),
    StallKind {
        events: &[EventKind::Oom],
        blame: Blame::Invoker,
        ..stall("memory_exhausted")
    },
    hung("hung_updater"),
    misuse(
        "double_call_rcu",
        &[EventKind::DoubleCallRcu],
        "The kernel prints at most three of these reports after boot.",
    ),
    misuse(
        "use_after_free",
        &[EventKind::UseAfterFree],
        "KASAN reports only the first bug after boot, unless the kernel was booted with kasan_multi_shot.",
    ),
    misuse(
        "leaked_reader",
        &[EventKind::LockLeak],
        "Lockdep is off after its first report, or one of KASAN, until the next boot.",
    ),
    stall("leaked_by_worker"),
    StallKind {
        events: &[EventKind::RcuTasksStall],
        ..stall("tasks")
    },
    hung("srcu_stuck"),
];

pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

pub fn find(name: &str) -> Option<&'static StallKind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl StallKind {
    /// Whether only the module reports it.
    pub fn is_silent(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether an event is a report of this kind.
    pub fn is_report(&self, event: &Event) -> bool {
        self.events.contains(&event.kind)
    }

    /// Describes the culprit that the events name; `None` if they do not name the right one.
    pub fn blamed(&self, events: &[Event], report: &Report) -> Option<String> {
        let mut reports = events.iter().filter(|event| self.is_report(event));
        match (self.blame, &report.culprit) {
            (Blame::Nobody, _) => Some("nobody, as the kernel prints no report".to_string()),
            (Blame::Culprit, None) => events
                .iter()
                .any(|event| self.blames_cpu(event, report.cpu))
                .then(|| format!("CPU {}", report.cpu)),
            (Blame::Culprit, Some(culprit)) => events
                .iter()
                .any(|event| self.blames_thread(event, culprit))
                .then(|| culprit.to_string()),
            // The report of the stall, which comes as well, may name the culprit.
            (Blame::CulpritOr(waiter), culprit) => match culprit {
                Some(culprit) if events.iter().any(|event| has_task(event, culprit)) => {
                    Some(culprit.to_string())
                }
                _ => reports
                    .flat_map(|event| &event.tasks)
                    .find(|task| task.comm.as_deref() == Some(waiter))
                    .map(|task| format!("{task}, which waits; the kernel does not know for whom")),
            },
            (Blame::Invoker, None) => None,
            (Blame::Invoker, Some(culprit)) => reports
                .any(|event| has_field(event, "invoked by", &culprit.comm))
                .then(|| culprit.to_string()),
        }
    }

    /// Whether the event says that the culprit starves the grace-period kthread. If the kthread was
    /// on the CPU that stalls, the report of the stall may name no CPU.
    fn is_starvation(&self, event: &Event) -> bool {
        let needs_kthread = [EventKind::RcuCpuStall, EventKind::RcuKthreadStarved];
        self.events.iter().any(|kind| needs_kthread.contains(kind))
            && event.kind == EventKind::RcuKthreadStarved
    }

    /// Whether the event may report a CPU beside the starved kthread. With `PREEMPT_RT` a thread that
    /// starves the grace-period kthread also starves that of its CPU.
    fn is_starved_cpu(&self, event: &Event) -> bool {
        self.events.contains(&EventKind::RcuKthreadStarved) && event.kind == EventKind::RcuCpuStall
    }

    fn blames_cpu(&self, event: &Event, cpu: u32) -> bool {
        let starved_on = event.kthread.as_ref().and_then(|kthread| kthread.cpu);
        self.is_report(event) && event.cpus.contains(&cpu)
            || self.is_starvation(event) && starved_on == Some(cpu.into())
    }

    fn blames_thread(&self, event: &Event, culprit: &Culprit) -> bool {
        let runs_there = has_field(event, "runs on its CPU", &culprit.to_string());
        (self.is_report(event) || self.is_starved_cpu(event)) && has_task(event, culprit)
            || self.is_starvation(event) && runs_there
    }
}

fn has_field(event: &Event, name: &str, value: &str) -> bool {
    let mut fields = event.fields.iter();
    fields.any(|field| field.name == name && field.value == value)
}

/// Whether the event has the culprit's PID and name. The name of a worker has its pool, too.
fn has_task(event: &Event, culprit: &Culprit) -> bool {
    let is_named = |comm: &str| match culprit.comm.as_str() {
        "kworker" => comm.starts_with("kworker/"),
        name => comm == name,
    };
    let mut tasks = event.tasks.iter();
    tasks.any(|task| task.pid == Some(culprit.pid) && task.comm.as_deref().is_some_and(is_named))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Collects the names in the module's sources.
    fn collect(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("the module's sources") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                collect(&path, names);
                continue;
            }
            let text = std::fs::read_to_string(path).expect("a source");
            for part in text.split("    name: \"").skip(1) {
                let name = part.split('"').next().unwrap_or_default();
                names.insert(name.to_string());
            }
        }
    }

    fn names_of_the_module() -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stall");
        let mut names = BTreeSet::new();
        collect(&folder, &mut names);
        // The name of the default kind.
        names.remove("");
        names
    }

    #[test]
    fn the_module_has_the_same_kinds() {
        let known: BTreeSet<_> = names().map(str::to_string).collect();
        assert_eq!(known, names_of_the_module());
        assert_eq!(known.len(), KINDS.len());
    }

    fn decoded(log: &str) -> Vec<Event> {
        let mut events = Vec::new();
        stall_decode::decode(log.as_bytes(), |event| {
            events.push(event);
            Ok(())
        })
        .expect("memory can be read");
        events
    }

    fn report(comm: &str, pid: u32) -> Report {
        Report {
            cpu: 1,
            culprit: (comm != "none").then(|| Culprit {
                pid,
                comm: comm.to_string(),
            }),
            ..Report::default()
        }
    }

    fn blamed(kind: &str, log: &str, report: &Report) -> Option<String> {
        find(kind).expect("a kind").blamed(&decoded(log), report)
    }

    const STALL: &str = "\
[   10.000000] rcu: INFO: rcu_preempt self-detected stall on CPU
[   10.000001] rcu: \t1-....: (750 ticks this GP) idle=f4d/1/0x4000000000000000
[   10.000002] rcu: \t(t=751 jiffies g=289 q=2 ncpus=2)
[   10.000003] CPU: 1 UID: 0 PID: 93 Comm: stall_reader Not tainted 6.18.15 #1
[   10.000004] RIP: 0010:spin+0x1/0x2
";

    #[test]
    fn the_report_must_name_the_culprit_by_comm_and_pid() {
        let kind = "cpu_preempt_off";
        assert_eq!(
            blamed(kind, STALL, &report("stall_reader", 93)).as_deref(),
            Some("stall_reader (pid 93)")
        );
        assert_eq!(blamed(kind, STALL, &report("stall_reader", 94)), None);
        assert_eq!(blamed(kind, STALL, &report("stall_other", 93)), None);
        assert_eq!(blamed(kind, "", &report("stall_reader", 93)), None);
    }

    #[test]
    fn the_report_must_name_the_cpu_of_a_culprit_that_is_no_thread() {
        let elsewhere = Report {
            cpu: 0,
            ..report("none", 0)
        };
        assert_eq!(
            blamed("cpu_bh_off", STALL, &report("none", 0)).as_deref(),
            Some("CPU 1")
        );
        assert_eq!(blamed("cpu_bh_off", STALL, &elsewhere), None);
    }

    #[test]
    fn a_report_of_kthread_starvation_names_the_culprit_of_a_stall() {
        let starved = "\
[   10.000000] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
[   10.000001] rcu: \t(detected by 0, t=2002 jiffies, g=353, q=4 ncpus=2)
[   10.000002] rcu: rcu_preempt kthread starved for 2002 jiffies! g353 f0x2 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=1
[   10.000003] rcu: \tUnless rcu_preempt kthread gets sufficient CPU time, OOM is now expected behavior.
[   10.000004] rcu: RCU grace-period kthread stack dump:
[   10.000005] task:rcu_preempt     state:R stack:0     pid:14    tgid:14    ppid:2      flags:0x0
[   10.000006] rcu: Stack dump where RCU GP kthread last ran:
[   10.000007] Sending NMI from CPU 0 to CPUs 1:
[   10.000008] NMI backtrace for cpu 1
[   10.000009] CPU: 1 UID: 0 PID: 93 Comm: stall_reader Not tainted 6.18.15 #1
[   10.000010] RIP: 0010:spin+0x1/0x2
";
        let elsewhere = Report {
            cpu: 0,
            ..report("none", 0)
        };
        assert!(blamed("cpu_bh_off", starved, &report("none", 0)).is_some());
        assert!(blamed("cpu_bh_off", starved, &elsewhere).is_none());
        let kind = "cpu_preempt_off";
        assert!(blamed(kind, starved, &report("stall_reader", 93)).is_some());
        assert!(blamed(kind, starved, &report("stall_reader", 94)).is_none());
        // An expedited grace period does not need the kthread.
        assert!(blamed("expedited", starved, &report("stall_reader", 93)).is_none());
    }

    #[test]
    fn a_thread_that_starves_the_kthread_of_its_cpu_too_is_the_culprit() {
        let starved = "\
[   10.000004] rcu: rcu_preempt kthread starved for 737 jiffies! g353 f0x0 RCU_GP_WAIT_FQS(5) ->state=R ->cpu=1
[   10.000005] rcu: \tUnless rcu_preempt kthread gets sufficient CPU time, OOM is now expected behavior.
[   10.000006] rcu: RCU grace-period kthread stack dump:
[   10.000007] task:rcu_preempt     state:R  running task     stack:0     pid:16    tgid:16    ppid:2      flags:0x0
";
        let (header, task) = STALL.split_at(STALL.find("[   10.000003]").expect("a task"));
        let log = format!("{header}{starved}{task}");
        let kind = "gp_kthread_preempted";
        assert!(blamed(kind, &log, &report("stall_reader", 93)).is_some());
        assert!(blamed(kind, &log, &report("stall_reader", 94)).is_none());
    }

    #[test]
    fn the_name_of_a_worker_has_its_pool() {
        let log = STALL.replace("stall_reader", "kworker/1:1");
        assert!(blamed("leaked_by_worker", &log, &report("kworker", 93)).is_some());
        assert!(blamed("leaked_by_worker", &log, &report("kworker", 94)).is_none());
        assert!(blamed("leaked_by_worker", STALL, &report("kworker", 93)).is_none());
    }

    #[test]
    fn another_kind_of_report_names_no_culprit() {
        assert_eq!(
            blamed("expedited", STALL, &report("stall_reader", 93)),
            None
        );
    }

    #[test]
    fn a_report_of_hung_tasks_may_name_the_waiter_alone() {
        let hung = "\
[   20.000000] INFO: task stall_updater:94 blocked for more than 5 seconds.
[   20.000001] task:stall_updater   state:D stack:0     pid:94    tgid:94    ppid:2      flags:0x0
[   20.000002] schedule+0x1/0x2
[   20.000003] synchronize_rcu+0x1/0x2
";
        let report = report("stall_reader", 93);
        let who = blamed("hung_updater", hung, &report).expect("the waiter");
        assert!(
            who.starts_with("stall_updater (pid 94), which waits"),
            "{who}"
        );
        let both = format!("{STALL}{hung}");
        assert_eq!(
            blamed("hung_updater", &both, &report).as_deref(),
            Some("stall_reader (pid 93)")
        );
        let other = hung.replace("stall_updater", "sh");
        assert_eq!(blamed("hung_updater", &other, &report), None);
    }

    #[test]
    fn a_report_of_the_oom_killer_must_name_its_invoker() {
        let oom = "[   20.000000] stall_updater invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n";
        assert!(blamed("memory_exhausted", oom, &report("stall_updater", 94)).is_some());
        assert!(blamed("memory_exhausted", oom, &report("sh", 94)).is_none());
    }
}
