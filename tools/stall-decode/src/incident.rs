// SPDX-License-Identifier: GPL-2.0

//! Which events belong together: reports of one stall, the starved kthread that it came with, and tasks and
//! CPUs that suffer from it.

use crate::event::{Event, EventKind, Task, Time};

/// Incidents that are remembered.
const MAX: usize = 64;

/// So many seconds after its last report, an incident is over for whoever might belong to it.
const WINDOW: f64 = 700.0;

/// Reports of a stall come again after three times the time-out, which is 21 s by default.
const AGAIN: f64 = 100.0;

/// Tick rates that kernels are built with.
const RATES: [u32; 4] = [100, 250, 300, 1000];

/// Time-outs of stall reports in seconds, with which the first report of a stall gives the rate away: the
/// default, that of distributions, and both under lockdep.
const TIMEOUTS: [f64; 4] = [21.0, 60.0, 26.0, 65.0];

/// What is remembered of an incident.
#[derive(Debug)]
struct Incident {
    id: u64,
    kind: EventKind,
    flavor: Option<String>,
    gp_seq: Option<i64>,
    cpus: Vec<u32>,
    tasks: Vec<Task>,
    place: Option<String>,
    /// The clock and jiffies of its first report that has both.
    first: Option<(f64, u64)>,
    last: Option<Time>,
    /// When it was said to have ended.
    ended_at: Option<Time>,
    repeats: Vec<(EventKind, Option<Task>, u64)>,
}

#[derive(Debug, Default)]
pub(crate) struct Incidents {
    known: Vec<Incident>,
    last_id: u64,
    /// The rate as two reports of one stall showed it.
    hz: Option<u32>,
}

impl Incidents {
    /// Another boot: nothing belongs together across it.
    pub(crate) fn new_boot(&mut self) {
        self.known.clear();
        self.hz = None;
    }

    /// The rate is known, from what a kernel says when it starts.
    pub(crate) fn set_rate(&mut self, hz: f64) {
        let close = |known: &u32| (hz / f64::from(*known) - 1.0).abs() < 0.02;
        self.hz = RATES.into_iter().find(close).or(self.hz);
    }

    /// Whoever provoked a stall says that it is over: nothing that comes later belongs to what was before.
    pub(crate) fn end(&mut self, at: &Time) {
        for known in &mut self.known {
            known.ended_at.get_or_insert_with(|| at.clone());
        }
    }

    /// Gives an event its incident, how often it came before, and the seconds that its jiffies are.
    pub(crate) fn place(&mut self, event: &mut Event, last: Option<Time>) {
        let clock = event.time.as_ref().map(|time| time.clock);
        let hz = self.hz;
        let found = self
            .known
            .iter()
            .rposition(|known| belongs(known, event, hz));
        let at = found.unwrap_or_else(|| self.add(event));
        let Some(known) = self.known.get_mut(at) else {
            return;
        };
        event.incident = known.id;
        known.ended_at = known.ended_at.take().or(event.ended_at.clone());
        known.last = last.or_else(|| event.time.clone()).or(known.last.take());
        known.gp_seq = known
            .gp_seq
            .or(event.gp_seq.filter(|_| event.kind.is_stall()));
        for &cpu in &event.cpus {
            if !known.cpus.contains(&cpu) && known.cpus.len() < 64 {
                known.cpus.push(cpu);
            }
        }
        event.repeats = repeats(known, event);
        if let (Some(clock), Some(jiffies), true) = (clock, event.t_jiffies, event.kind.is_stall())
        {
            match known.first {
                None => known.first = Some((clock, jiffies)),
                Some(first) => self.hz = rate(first, (clock, jiffies)).or(self.hz),
            }
        }
        if event.kind.is_stall() || event.kind == EventKind::RcuKthreadStarved {
            self.seconds(event);
        }
    }

    fn add(&mut self, event: &Event) -> usize {
        if self.known.len() >= MAX {
            self.known.remove(0);
        }
        self.last_id += 1;
        self.known.push(Incident {
            id: self.last_id,
            kind: event.kind,
            flavor: event.flavor.clone(),
            gp_seq: event.gp_seq,
            cpus: Vec::new(),
            tasks: event.tasks.iter().take(8).cloned().collect(),
            place: place_of(event),
            first: None,
            last: None,
            ended_at: None,
            repeats: Vec::new(),
        });
        self.known.len() - 1
    }

    fn seconds(&self, event: &mut Event) {
        let starved = event
            .kthread
            .as_ref()
            .and_then(|kthread| kthread.starved_jiffies.or(kthread.timer_overdue_jiffies));
        let jiffies = event
            .t_jiffies
            .or(starved.and_then(|jiffies| jiffies.try_into().ok()));
        let Some(jiffies) = jiffies else {
            return;
        };
        let guess = || {
            (event.kind == EventKind::RcuCpuStall)
                .then(|| guessed_rate(jiffies))
                .flatten()
        };
        event.hz = self.hz.or_else(guess);
        event.seconds = event
            .hz
            .map(|hz| (jiffies as f64 / f64::from(hz) * 10.0).round() / 10.0);
    }
}

/// Whether an event goes on with an incident, or suffers from it.
fn belongs(known: &Incident, event: &Event, hz: Option<u32>) -> bool {
    let ended = known.ended_at.as_ref();
    if since(ended, event).is_some_and(|since| since > 0.0) {
        return false;
    }
    let since = since(known.last.as_ref(), event);
    if !since.is_none_or(|since| (-60.0..=WINDOW).contains(&since)) {
        return false;
    }
    // What has gone on since before the last report of the incident, as far as that can be told.
    let long = match (event.kind, event.t_jiffies, hz) {
        (EventKind::HungTask, ..) => event.seconds.unwrap_or_default() * 2.0 + 30.0,
        (_, Some(jiffies), Some(hz)) => jiffies as f64 / f64::from(hz) + 1.0,
        _ => AGAIN,
    };
    let overlaps = since.is_none_or(|since| since <= long);
    let same_cpu = event.cpus.iter().any(|cpu| known.cpus.contains(cpu));
    let same_task = event.tasks.iter().any(|task| {
        known
            .tasks
            .iter()
            .any(|other| task.pid.is_some() && task.pid == other.pid)
    });
    let same_flavor =
        known.flavor == event.flavor || known.flavor.is_none() || event.flavor.is_none();
    match (known.kind, event.kind) {
        (
            EventKind::RcuCpuStall | EventKind::RcuKthreadStarved,
            EventKind::RcuCpuStall | EventKind::RcuKthreadStarved,
        ) => {
            same_flavor
                && match (known.gp_seq, event.gp_seq) {
                    (Some(known), Some(event)) => known == event,
                    _ => same_cpu || known.cpus.is_empty() || event.cpus.is_empty(),
                }
        }
        (EventKind::RcuExpeditedStall, EventKind::RcuExpeditedStall) => {
            same_flavor
                && (known.gp_seq.is_none()
                    || event.gp_seq.is_none()
                    || known.gp_seq == event.gp_seq)
        }
        // A CPU or task that holds up both kinds of grace periods.
        (EventKind::RcuCpuStall, EventKind::RcuExpeditedStall)
        | (EventKind::RcuExpeditedStall, EventKind::RcuCpuStall) => {
            overlaps && (same_cpu || same_task)
        }
        (EventKind::RcuTasksStall, EventKind::RcuTasksStall) => same_flavor,
        // A reader that sleeps is warned of first.
        (EventKind::VoluntaryContextSwitch | EventKind::LockLeak, stall) if stall.is_stall() => {
            same_task
        }
        (EventKind::LockLeak, EventKind::SleepingInAtomic) => same_task,
        // Whoever waits for a grace period, while one does not end.
        (EventKind::RcuTasksStall, EventKind::HungTask) => {
            overlaps && waits_for(event, &["synchronize_rcu_tasks", "rcu_barrier_tasks"])
        }
        (stall, EventKind::HungTask)
            if stall.is_stall() || stall == EventKind::RcuKthreadStarved =>
        {
            overlaps && waits_for_rcu(event) && !waits_for(event, &["synchronize_rcu_tasks"])
        }
        (stall, EventKind::SoftLockup | EventKind::HardLockup) if stall.is_stall() => same_cpu,
        (EventKind::SoftLockup | EventKind::HardLockup, stall) if stall.is_stall() => same_cpu,
        (EventKind::SoftLockup, EventKind::SoftLockup)
        | (EventKind::HardLockup, EventKind::HardLockup) => same_cpu,
        (EventKind::HungTask, EventKind::HungTask) => same_task,
        (a, b) => a == b && known.place.is_some() && known.place == place_of(event),
    }
}

/// Seconds from an incident's last report to an event, if both have times of one sort: those since boot and those
/// of the day cannot be compared.
fn since(last: Option<&Time>, event: &Event) -> Option<f64> {
    let (last, time) = (last?, event.time.as_ref()?);
    (last.text.is_some() == time.text.is_some()).then_some(time.clock - last.clock)
}

/// Whether a hung task waits for a grace period to end.
pub(crate) fn waits_for_rcu(event: &Event) -> bool {
    waits_for(
        event,
        &[
            "synchronize_",
            "rcu_barrier",
            "srcu_barrier",
            "wait_rcu",
            "__wait_rcu",
            "cond_synchronize",
            "kvfree_rcu",
            "exp_funnel_lock",
            "_synchronize_rcu",
            "__synchronize_srcu",
            "_rcu_barrier",
        ],
    )
}

/// Whether a hung task waits in one of such functions.
fn waits_for(event: &Event, starts: &[&str]) -> bool {
    let function = event.waits_for.as_deref();
    function.is_some_and(|function| starts.iter().any(|start| function.starts_with(start)))
}

fn place_of(event: &Event) -> Option<String> {
    event
        .location
        .clone()
        .or_else(|| event.culprit_frame.clone())
}

/// How often this incident had such an event before; of hung tasks, each task counts for itself.
fn repeats(known: &mut Incident, event: &Event) -> u64 {
    let task = (event.kind == EventKind::HungTask)
        .then(|| event.tasks.first().cloned())
        .flatten();
    let counted = known.repeats.iter_mut().find(|(kind, other, _)| {
        *kind == event.kind
            && match (other, &task) {
                (Some(other), Some(task)) => other.pid == task.pid,
                _ => true,
            }
    });
    match counted {
        Some((_, _, count)) => {
            *count += 1;
            *count
        }
        None => {
            if known.repeats.len() < 64 {
                known.repeats.push((event.kind, task, 0));
            }
            0
        }
    }
}

/// The rate that two reports of one stall show.
fn rate(first: (f64, u64), now: (f64, u64)) -> Option<u32> {
    let seconds = now.0 - first.0;
    let jiffies = now.1.checked_sub(first.1)? as f64;
    // Expedited stalls come again within a second.
    if seconds < 1.0 && (seconds < 0.3 || jiffies < 50.0) {
        return None;
    }
    let rate = jiffies / seconds;
    RATES
        .into_iter()
        .find(|&known| (rate / f64::from(known) - 1.0).abs() < 0.08)
}

/// The rate with which a stall's first report would come just after a usual time-out.
fn guessed_rate(jiffies: u64) -> Option<u32> {
    let jiffies = jiffies as f64;
    for timeout in TIMEOUTS {
        for rate in RATES {
            let over = jiffies / (timeout * f64::from(rate));
            if (1.0..1.012).contains(&over) {
                return Some(rate);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::decode;

    #[test]
    fn reports_of_one_grace_period_are_one_incident() {
        let events = decode(
            "[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             [  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3\n\
             [  100.000002] rcu: \t(t=5250 jiffies g=289 q=2)\n\
             [  163.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             [  163.000001] rcu: \t1-....: (9 ticks this GP) idle=1/2/0x3\n\
             [  163.000002] rcu: \t(t=21003 jiffies g=289 q=2)\n\
             [  200.000000] INFO: task sh:57 blocked for more than 60 seconds.\n\
             [  200.000001] task:sh              state:D stack:0     pid:57    tgid:57    ppid:1      flags:0x0\n\
             [  200.000002] schedule+0x1/0x2\n\
             [  200.000003] synchronize_rcu+0x1/0x2\n\
             [  200.000003] sys_thing+0x1/0x2\n\
             [  201.000000] INFO: task other:58 blocked for more than 60 seconds.\n\
             [  300.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             [  300.000001] rcu: \t1-....: (9 ticks this GP) idle=1/2/0x3\n\
             [  300.000002] rcu: \t(t=5250 jiffies g=301 q=2)\n",
        );
        let found: Vec<_> = events
            .iter()
            .map(|event| (event.incident, event.repeats))
            .collect();
        assert_eq!(found, [(1, 0), (1, 1), (1, 0), (2, 0), (3, 0)]);
        assert_eq!((events[0].hz, events[0].seconds), (Some(250), Some(21.0)));
        assert_eq!((events[1].hz, events[1].seconds), (Some(250), Some(84.0)));
    }

    const CALIBRATED: &str =
        "[    0.710489] Calibrating delay loop (skipped).. 4199.92 BogoMIPS (lpj=8399844)\n";

    fn expedited(at: u32, t: u32) -> String {
        format!("[  {at}.000000] rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: {{ 1-.... }} {t} jiffies s: 77 root: 0x2/.\n")
    }

    fn normal(at: u32, t: u32) -> String {
        format!(
            "[  {at}.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             [  {at}.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3\n\
             [  {at}.000002] rcu: \t(t={t} jiffies g=289 q=2)\n"
        )
    }

    fn incidents(log: &str) -> Vec<u64> {
        decode(log).iter().map(|event| event.incident).collect()
    }

    #[test]
    fn a_stall_that_began_later_is_another_incident() {
        // The kernel's calibration gives the rate.
        assert_eq!(
            incidents(&format!(
                "{CALIBRATED}{}{}",
                expedited(100, 25),
                normal(105, 2000)
            )),
            [1, 1]
        );
        assert_eq!(
            incidents(&format!(
                "{CALIBRATED}{}{}",
                expedited(100, 25),
                normal(115, 2000)
            )),
            [1, 2]
        );
        assert_eq!(
            incidents(&format!("{}{}", expedited(100, 25), normal(115, 2000))),
            [1, 1]
        );
    }

    #[test]
    fn whoever_provoked_a_stall_ends_its_incident() {
        let end = "[  102.000000] rust_rcu_demo: stall: end expedited after 2000 ms: ended\n";
        let log = format!("{}{end}{}", expedited(100, 25), normal(105, 2000));
        let events = decode(&log);
        assert_eq!((events[0].incident, events[1].incident), (1, 2));
        assert_eq!(
            events[0].ended_at.as_ref().map(|time| time.clock),
            Some(102.0)
        );
        assert!(events[1].ended_at.is_none());
        // Also if its reports were over before.
        let stray = "[  141.000000] stray\n";
        let end = "[  142.000000] rust_rcu_demo: stall: end expedited after 42000 ms: ended\n";
        let log = format!("{}{stray}{end}{}", expedited(100, 25), normal(150, 2000));
        assert_eq!(incidents(&log), [1, 2]);
    }

    #[test]
    fn who_waits_for_srcu_does_not_wait_for_rcu_tasks() {
        let hung = |function: &str| {
            format!(
                "[  100.000000] INFO: rcu_tasks detected stalls on tasks:\n\
                 [  100.000001] 00000000c0ffee00: .. nvcsw: 2/2 holdout: 1 idle_cpu: -1/3\n\
                 [  110.000000] INFO: task sh:57 blocked for more than 120 seconds.\n\
                 [  110.000001] task:sh              state:D stack:0     pid:57    tgid:57    ppid:1      flags:0x0\n\
                 [  110.000002] schedule+0x1/0x2\n\
                 [  110.000003] {function}+0x1/0x2\n\
                 [  110.000004] sys_thing+0x1/0x2\n"
            )
        };
        assert_eq!(incidents(&hung("synchronize_rcu_tasks")), [1, 1]);
        assert_eq!(incidents(&hung("__synchronize_srcu")), [1, 2]);
    }

    #[test]
    fn the_rate_is_measured_or_guessed() {
        assert_eq!(rate((100.0, 2100), (163.0, 8403)), Some(100));
        assert_eq!(rate((100.0, 2100), (100.0, 8403)), None);
        assert_eq!(rate((100.0, 2100), (163.0, 100)), None);
        assert_eq!(guessed_rate(60002), Some(1000));
        assert_eq!(guessed_rate(5250), Some(250));
        assert_eq!(guessed_rate(6301), Some(300));
        assert_eq!(guessed_rate(6001), Some(100));
        assert_eq!(guessed_rate(77), None);
    }

    #[test]
    fn a_console_and_a_syslog_may_be_mixed() {
        let event = crate::tests::only(
            "[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             2026-11-21T10:00:00+00:00 host systemd[1]: Started Something.\n\
             2026-11-21T10:00:00+00:00 host kernel: stray\n\
             [  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3\n\
             [  100.000002] stray\n\
             [  100.000003] stray\n\
             2026-11-21T10:00:01+00:00 host kernel: stray\n\
             [  100.000004] rcu: \t(t=5250 jiffies g=289 q=2)\n",
        );
        assert_eq!((event.boot, event.t_jiffies), (1, Some(5250)));
    }

    #[test]
    fn a_report_that_begins_a_boot_is_whole() {
        let events = decode(
            "[ 9000.000000] stray\n\
             [  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
             [  100.000001] rcu: \t1-....: (5 ticks this GP) idle=1/2/0x3\n\
             [  100.000002] rcu: \t(t=5250 jiffies g=289 q=2)\n",
        );
        assert_eq!(events.len(), 1, "{events:#?}");
        assert_eq!((events[0].boot, events[0].t_jiffies), (2, Some(5250)));
    }

    #[test]
    fn another_boot_is_another_incident() {
        let log = "[  100.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:57]\n";
        let events = decode(&format!(
            "{log}[    0.000000] Linux version 6.18.15 (x@y)\n{log}"
        ));
        let found: Vec<_> = events
            .iter()
            .map(|event| (event.boot, event.incident))
            .collect();
        assert_eq!(found, [(1, 1), (2, 2)]);
        assert_eq!(events[1].kernel.as_deref(), Some("6.18.15"));
    }
}
