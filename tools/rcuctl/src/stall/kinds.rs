// SPDX-License-Identifier: GPL-2.0

//! What this program knows of each kind of stall: how its report must be decoded, and who must be blamed.

use stall_decode::{Event, EventKind as Decoded};

use super::report::{Culprit, Report};

/// A kind of stall or misuse that the module provokes.
#[derive(Debug)]
pub struct Kind {
    /// As the module has it.
    pub name: &'static str,
    /// What the decoder must find, any of them. Nothing: the kernel does not complain.
    pub decoded: &'static [Decoded],
    /// Whom the report must blame.
    pub blames: Blames,
    /// How often it is tried.
    pub tries: u32,
    /// Milliseconds that it may last, if not twice as long as it takes.
    pub hold_ms: Option<u32>,
    /// Why the kernel may keep silent, that has told of it once.
    pub once: Option<&'static str>,
}

/// Whom a report blames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blames {
    /// Nobody: there is no report.
    Nobody,
    /// The culprit, or its CPU where it is no thread.
    Culprit,
    /// The culprit, or whoever waits: without lockdep the kernel knows who waits, and not for whom.
    CulpritOr(&'static str),
    /// The culprit as who asked for memory.
    Invoker,
}

/// The kernel's words for a hung task.
pub const HUNG_TASK: &str = "blocked for more than";

/// What the kernel tells of once, and can be asked to forget.
pub const CLEAR_WARN_ONCE: &str =
    "The kernel tells of it once in a boot, unless it is asked to forget by debugfs, \
     which is not there: sudo mount -t debugfs none /sys/kernel/debug";

const DEFAULT: Kind = Kind {
    name: "",
    decoded: &[],
    blames: Blames::Culprit,
    tries: 1,
    hold_ms: None,
    once: None,
};

const fn stall(name: &'static str) -> Kind {
    Kind {
        name,
        decoded: &[Decoded::RcuCpuStall],
        ..DEFAULT
    }
}

const fn flood(name: &'static str) -> Kind {
    Kind {
        name,
        blames: Blames::Nobody,
        ..DEFAULT
    }
}

const fn hung(name: &'static str) -> Kind {
    Kind {
        name,
        decoded: &[Decoded::HungTask],
        blames: Blames::CulpritOr("stall_updater"),
        ..DEFAULT
    }
}

const fn misuse(name: &'static str, decoded: &'static [Decoded], once: &'static str) -> Kind {
    Kind {
        name,
        decoded,
        once: Some(once),
        ..DEFAULT
    }
}

/// All kinds, in the module's order.
pub static KINDS: [Kind; 19] = [
    stall("cpu_preempt_off"),
    stall("cpu_bh_off"),
    Kind {
        // As long as hardware's watchdogs allow, which is little where a CPU's ticks are late.
        tries: 3,
        hold_ms: Some(10_000),
        ..stall("cpu_irq_off")
    },
    stall("task_preempted"),
    stall("task_blocked"),
    Kind {
        decoded: &[Decoded::RcuKthreadStarved],
        // RCU's thread is to be caught inside a grace period, which a slow machine may miss.
        tries: 3,
        ..stall("gp_kthread_starved")
    },
    Kind {
        decoded: &[Decoded::RcuExpeditedStall],
        ..stall("expedited")
    },
    misuse(
        "sleep_in_reader",
        &[Decoded::VoluntaryContextSwitch],
        CLEAR_WARN_ONCE,
    ),
    misuse(
        "might_sleep",
        &[Decoded::SleepingInAtomic],
        "The kernel tells of no more than one of these a second.",
    ),
    misuse(
        "illegal_synchronize",
        &[Decoded::SuspiciousRcuUsage],
        CLEAR_WARN_ONCE,
    ),
    flood("callback_flood"),
    flood("callback_flood_capped"),
    Kind {
        decoded: &[Decoded::Oom],
        blames: Blames::Invoker,
        ..stall("memory_exhausted")
    },
    hung("hung_updater"),
    misuse(
        "double_call_rcu",
        &[Decoded::DoubleCallRcu],
        "The kernel tells of no more than three of these in a boot.",
    ),
    misuse(
        "use_after_free",
        &[Decoded::UseAfterFree],
        "KASAN tells of one use in a boot, unless the kernel is booted with kasan_multi_shot.",
    ),
    misuse(
        "leaked_reader",
        &[Decoded::LockLeak],
        "Lockdep goes off with its first report, or one of KASAN, until the next boot.",
    ),
    Kind {
        decoded: &[Decoded::RcuTasksStall],
        ..stall("tasks")
    },
    hung("srcu_stuck"),
];

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

/// The one with this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl Kind {
    /// Whether the kernel itself says nothing.
    pub fn is_silent(&self) -> bool {
        self.decoded.is_empty()
    }

    /// Whether an event is a report of this kind.
    pub fn is_report(&self, event: &Event) -> bool {
        self.decoded.contains(&event.kind)
    }

    /// Whom the events blame, in words; `None` if not who is to blame.
    pub fn blamed(&self, events: &[Event], report: &Report) -> Option<String> {
        let mut reports = events.iter().filter(|event| self.is_report(event));
        match (self.blames, &report.culprit) {
            (Blames::Nobody, _) => Some("nobody, as the kernel does not complain".to_string()),
            (Blames::Culprit, None) => events
                .iter()
                .any(|event| self.blames_cpu(event, report.cpu))
                .then(|| format!("CPU {}", report.cpu)),
            (Blames::Culprit, Some(culprit)) => events
                .iter()
                .any(|event| self.blames(event, culprit))
                .then(|| culprit.to_string()),
            // Who holds up the grace period may be in another report, of the stall that comes with it.
            (Blames::CulpritOr(waiter), culprit) => match culprit {
                Some(culprit) if events.iter().any(|event| blames(event, culprit)) => {
                    Some(culprit.to_string())
                }
                _ => reports
                    .flat_map(|event| &event.tasks)
                    .find(|task| task.comm.as_deref() == Some(waiter))
                    .map(|task| format!("{task}, who waits; the kernel does not know for whom")),
            },
            (Blames::Invoker, None) => None,
            (Blames::Invoker, Some(culprit)) => reports
                .any(|event| has_field(event, "invoked by", &culprit.comm))
                .then(|| culprit.to_string()),
        }
    }
}

impl Kind {
    /// Where RCU's own thread was on the CPU that is to blame, a report of a stall may name no CPU, and that of
    /// the thread, which comes with it, says where it is kept from running.
    fn starves(&self, event: &Event) -> bool {
        self.decoded.contains(&Decoded::RcuCpuStall) && event.kind == Decoded::RcuKthreadStarved
    }

    fn blames_cpu(&self, event: &Event, cpu: u32) -> bool {
        let starves_on = event.kthread.as_ref().and_then(|kthread| kthread.cpu);
        self.is_report(event) && event.cpus.contains(&cpu)
            || self.starves(event) && starves_on == Some(cpu.into())
    }

    fn blames(&self, event: &Event, culprit: &Culprit) -> bool {
        let runs_there = has_field(event, "runs on its CPU", &culprit.to_string());
        self.is_report(event) && blames(event, culprit) || self.starves(event) && runs_there
    }
}

fn has_field(event: &Event, name: &str, value: &str) -> bool {
    let mut fields = event.fields.iter();
    fields.any(|field| field.name == name && field.value == value)
}

fn blames(event: &Event, culprit: &Culprit) -> bool {
    event.tasks.iter().any(|task| {
        task.pid == Some(culprit.pid) && task.comm.as_deref() == Some(culprit.comm.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Adds the names that the module's sources in this folder give.
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
        // That of what they have in common.
        names.remove("");
        names
    }

    #[test]
    fn kinds_are_those_of_the_module() {
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
    fn the_thread_must_be_named_with_its_number() {
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
    fn the_cpu_must_be_named_where_no_thread_is_to_blame() {
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
    fn who_starves_the_kthread_holds_up_the_grace_period_too() {
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
        // Of an expedited stall it says nothing.
        assert!(blamed("expedited", starved, &report("stall_reader", 93)).is_none());
    }

    #[test]
    fn another_kind_of_report_blames_nobody() {
        assert_eq!(
            blamed("expedited", STALL, &report("stall_reader", 93)),
            None
        );
    }

    #[test]
    fn of_hung_tasks_who_waits_is_enough() {
        let hung = "\
[   20.000000] INFO: task stall_updater:94 blocked for more than 5 seconds.
[   20.000001] task:stall_updater   state:D stack:0     pid:94    tgid:94    ppid:2      flags:0x0
[   20.000002] schedule+0x1/0x2
[   20.000003] synchronize_rcu+0x1/0x2
";
        let report = report("stall_reader", 93);
        let who = blamed("hung_updater", hung, &report).expect("the waiter");
        assert!(
            who.starts_with("stall_updater (pid 94), who waits"),
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
    fn of_missing_memory_who_wanted_it_is_named() {
        let oom = "[   20.000000] stall_updater invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n";
        assert!(blamed("memory_exhausted", oom, &report("stall_updater", 94)).is_some());
        assert!(blamed("memory_exhausted", oom, &report("sh", 94)).is_none());
    }
}
