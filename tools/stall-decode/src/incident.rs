// SPDX-License-Identifier: GPL-2.0

//! Groups reports of one stall, its starved kthread, and its consequences into incidents.

mod common;
mod links;
mod tick_rate;

use crate::event::{Event, EventKind, Task, Time};
use crate::scan::number_after;
use crate::unwrap::Line;
use common::CommonFrames;
use links::{behind, is_about_cpus, root_place, waits_for_lock, waits_for_network, Root};
use tick_rate::TickRate;

/// Incidents kept.
const MAX_INCIDENTS: usize = 64;

/// CPUs, and kinds of repeated events, kept per incident.
const MAX_KEPT: usize = 64;

/// Tasks kept per incident.
const MAX_TASKS: usize = 8;

/// Seconds after an incident's last report during which another event may join it.
const WINDOW: f64 = 700.0;

/// Seconds by which a report may precede the incident's last one: consoles reorder lines.
const REORDERED: f64 = 60.0;

/// Seconds between reports of one stall: three times the time-out of 21 s, and slack.
const REPEAT: f64 = 100.0;

/// Seconds between two reports of one check for hung tasks.
const SAME_CHECK: f64 = 5.0;

/// Seconds, or lines in a log without times, between reports on CPUs that stopped at the same time.
const SAME_TIME: f64 = 3.0;
const NEXT_LINES: u64 = 6;

/// Seconds after which a hard lockup is reported, if the report has no age.
const HARD_LOCKUP: f64 = 12.0;

/// CPUs that stop at the same time for one reason.
const MANY_CPUS: usize = 3;

/// Callbacks behind which memory runs out.
const MANY_CALLBACKS: u64 = 100_000;

#[derive(Debug)]
struct Incident {
    id: u64,
    kind: EventKind,
    flavor: Option<String>,
    gp_seq: Option<i64>,
    cpus: Vec<u32>,
    tasks: Vec<Task>,
    place: Option<String>,
    /// Time and jiffies of the first report that has both.
    first: Option<(f64, u64)>,
    last: Option<Time>,
    /// The line of the newest event.
    last_line: u64,
    ended_at: Option<Time>,
    /// Repetitions by kind, and by task for hung tasks.
    repeats: Vec<(EventKind, Option<Task>, u64)>,
    /// The first event, which the others are consequences of.
    root: Root,
    /// A hung task of the newest check that waits for no lock: the others may wait for it.
    first_hung: Option<Root>,
    /// Nesting of the readers of tasks in the first report that has it.
    nesting: Vec<(u32, i64)>,
    /// Callbacks queued at the newest report.
    callbacks: u64,
    common: CommonFrames,
}

/// The incidents of the current boot.
#[derive(Debug, Default)]
pub(crate) struct Incidents {
    known: Vec<Incident>,
    last_id: u64,
    rate: TickRate,
    /// The newest network device that cannot be removed.
    net_device: Option<NetDevice>,
}

/// A network device that cannot be removed, because references to it remain.
#[derive(Debug)]
struct NetDevice {
    name: String,
    references: u64,
    line: u64,
}

impl Incidents {
    /// Forgets all incidents: none continues in another boot.
    pub(crate) fn new_boot(&mut self) {
        self.known.clear();
        self.rate = TickRate::default();
    }

    /// Sets the tick rate that the kernel printed at boot.
    pub(crate) fn set_rate(&mut self, hz: f64) {
        self.rate.set(hz);
    }

    /// Ends all incidents, as the provoked stall has ended.
    pub(crate) fn end(&mut self, at: &Time) {
        for known in &mut self.known {
            known.ended_at.get_or_insert_with(|| at.clone());
        }
    }

    /// Notes `unregister_netdevice: waiting for lo to become free. Usage count = 4`.
    pub(crate) fn note_net_device(&mut self, line: &Line<'_>) {
        let Some((_, rest)) = line.text.split_once("waiting for ") else {
            return;
        };
        let Some((name, rest)) = rest.split_once(" to become free") else {
            return;
        };
        let first = self.net_device.as_ref().filter(|known| known.name == name);
        self.net_device = Some(NetDevice {
            line: first.map_or(line.number, |known| known.line),
            name: name.to_string(),
            references: number_after(rest, "count = ").unwrap_or(0),
        });
    }

    /// Sets incident, repetitions, and seconds of an event.
    pub(crate) fn place(&mut self, event: &mut Event, last: Option<Time>) {
        let clock = event.time.as_ref().map(|time| time.clock);
        let hz = self.rate.hz();
        let mut known = self.known.iter();
        let found = known.rposition(|known| known.includes(event, hz));
        let at = found.unwrap_or_else(|| self.add(event));
        let Some(known) = self.known.get_mut(at) else {
            return;
        };
        event.incident = known.id;
        if found.is_some() {
            known.tell(event);
        }
        if let Some(device) = &self.net_device {
            event.evidence.net_device = waits_for_network(event)
                .then(|| (device.name.clone(), device.references, device.line));
        }
        known.common.add(event);
        known.extend(event, last);
        event.repeats = known.count(event);
        if let (Some(clock), Some(jiffies), true) = (clock, event.t_jiffies, event.kind.is_stall())
        {
            match known.first {
                None => known.first = Some((clock, jiffies)),
                Some(first) => self.rate.measure(first, (clock, jiffies)),
            }
        }
        if event.kind.is_stall() || event.kind == EventKind::RcuKthreadStarved {
            self.rate.convert(event);
        }
    }

    fn add(&mut self, event: &Event) -> usize {
        if self.known.len() >= MAX_INCIDENTS {
            self.known.remove(0);
        }
        self.last_id += 1;
        self.known.push(Incident {
            id: self.last_id,
            kind: event.kind,
            flavor: event.flavor.clone(),
            gp_seq: event.gp_seq,
            cpus: Vec::new(),
            tasks: event.tasks.iter().take(MAX_TASKS).cloned().collect(),
            place: place_of(event),
            first: None,
            last: None,
            last_line: event.line,
            ended_at: None,
            repeats: Vec::new(),
            root: Root {
                line: event.line,
                kind: event.kind,
                place: root_place(event),
                waits_for: event.waits_for.clone(),
            },
            first_hung: None,
            nesting: Vec::new(),
            callbacks: 0,
            common: CommonFrames::default(),
        });
        self.known.len() - 1
    }
}

impl Incident {
    /// Returns whether an event is another report of this incident, or a consequence of it.
    fn includes(&self, event: &Event, hz: Option<u32>) -> bool {
        let since_end = seconds_since(self.ended_at.as_ref(), event);
        if since_end.is_some_and(|seconds| seconds > 0.0) {
            return false;
        }
        let since_last = seconds_since(self.last.as_ref(), event);
        if !since_last.is_none_or(|seconds| (-REORDERED..=WINDOW).contains(&seconds)) {
            return false;
        }
        let overlaps = since_last.is_none_or(|seconds| seconds <= longest_age(event, hz));
        self.is_repeated_by(event)
            || self.is_continued_by(event, overlaps)
            || self.is_at_same_time(event, since_last)
            || overlaps && self.is_waited_for_by(event)
            || self.is_of_same_check(event, since_last)
            || overlaps && self.exhausts_memory(event)
    }

    /// Returns whether a hung task waits for a lock, and was found in the same check as another one
    /// of this incident, or waits for a task of it.
    ///
    /// The kernel checks all tasks at once, so those that wait for one lock are reported together.
    fn is_of_same_check(&self, event: &Event, since_last: Option<f64>) -> bool {
        if event.kind != EventKind::HungTask {
            return false;
        }
        let holder = event.holder.as_ref().and_then(|holder| holder.pid);
        if holder.is_some_and(|holder| self.tasks.iter().any(|task| task.pid == Some(holder))) {
            return true;
        }
        let has_hung_task = self
            .repeats
            .iter()
            .any(|(kind, ..)| *kind == EventKind::HungTask);
        let is_near = since_last.is_some_and(|seconds| seconds.abs() < SAME_CHECK);
        has_hung_task && is_near && holder.is_none() && waits_for_lock(event)
    }

    /// Returns whether an event shows that memory ran out behind this stall.
    fn exhausts_memory(&self, event: &Event) -> bool {
        let is_stall = self.kind.is_stall() || self.kind == EventKind::RcuKthreadStarved;
        event.kind == EventKind::Oom && is_stall && self.callbacks > MANY_CALLBACKS
    }

    /// Adds what the incident's earlier events mean for a further one.
    fn tell(&self, event: &mut Event) {
        let Root {
            line, kind, place, ..
        } = &self.root;
        let shares_task = self.shares_task(event);
        let shares_cpu = self.shares_cpu(event);
        let told = &mut event.evidence.story;
        for task in &event.tasks {
            let pid = task.pid.unwrap_or_default();
            let known = self.nesting.iter().find(|(known, _)| *known == pid);
            let earlier = known.map(|(_, nesting)| *nesting);
            if earlier.is_some() && earlier < task.nesting {
                event.evidence.earlier_nesting = earlier;
            }
        }
        use EventKind::{
            HungTask, LockLeak, Oom, RcuKthreadStarved, SoftLockup, VoluntaryContextSwitch,
        };
        match (*kind, event.kind) {
            (VoluntaryContextSwitch | LockLeak, other) if other.is_stall() => {
                told.push(format!(
                    "line {line} shows the same task earlier: a {kind} of {place}"
                ));
            }
            (_, HungTask) => {
                if let Some(first) = self
                    .first_hung
                    .as_ref()
                    .filter(|_| !shares_task && waits_for_lock(event))
                {
                    event.evidence.story.push(behind(first));
                }
                if kind.is_stall() || matches!(kind, RcuKthreadStarved | VoluntaryContextSwitch) {
                    event.evidence.story.push(format!(
                        "a consequence of the {kind} at line {line}: {place} is to blame"
                    ));
                }
            }
            (_, SoftLockup) if !shares_cpu && is_about_cpus(*kind) => {
                told.extend(links::together(&self.cpus, &event.cpus));
            }
            (root, Oom) if root.is_stall() => {
                told.push(format!(
                    "a consequence of the {kind} at line {line}: {} callbacks waited behind it",
                    self.callbacks
                ));
            }
            _ => (),
        }
    }

    /// Returns whether an event reports the same condition again.
    fn is_repeated_by(&self, event: &Event) -> bool {
        use EventKind::{
            CsdLock, HardLockup, HungTask, Oom, RcuCpuStall, RcuExpeditedStall, RcuKthreadStarved,
            RcuTasksStall, SoftLockup, WorkqueueLockup,
        };
        match (self.kind, event.kind) {
            (RcuCpuStall | RcuKthreadStarved, RcuCpuStall | RcuKthreadStarved) => {
                self.has_flavor_of(event)
                    && match (self.gp_seq, event.gp_seq) {
                        (Some(known), Some(event)) => known == event,
                        _ => {
                            self.shares_cpu(event) || self.cpus.is_empty() || event.cpus.is_empty()
                        }
                    }
            }
            (RcuExpeditedStall, RcuExpeditedStall) => {
                let is_unknown = self.gp_seq.is_none() || event.gp_seq.is_none();
                self.has_flavor_of(event) && (is_unknown || self.gp_seq == event.gp_seq)
            }
            (RcuTasksStall, RcuTasksStall) => self.has_flavor_of(event),
            (SoftLockup | HardLockup, SoftLockup | HardLockup) => self.shares_cpu(event),
            (WorkqueueLockup, WorkqueueLockup) | (CsdLock, CsdLock) => self.shares_cpu(event),
            (Oom, Oom) => true,
            (HungTask, HungTask) => self.shares_task(event),
            (a, b) => a == b && self.place.is_some() && self.place == place_of(event),
        }
    }

    /// Returns whether an event reports the same culprit in another way.
    fn is_continued_by(&self, event: &Event, overlaps: bool) -> bool {
        use EventKind::{
            LockLeak, RcuCpuStall, RcuExpeditedStall, SleepingInAtomic, VoluntaryContextSwitch,
        };
        match (self.kind, event.kind) {
            // One culprit blocks normal and expedited grace periods.
            (RcuCpuStall, RcuExpeditedStall) | (RcuExpeditedStall, RcuCpuStall) => {
                overlaps && (self.shares_cpu(event) || self.shares_task(event))
            }
            // The warning about a sleeping reader precedes the stall.
            (VoluntaryContextSwitch | LockLeak, stall) if stall.is_stall() => {
                self.shares_task(event)
            }
            (LockLeak, SleepingInAtomic) => self.shares_task(event),
            (a, b) if is_about_cpus(a) && is_about_cpus(b) && !(a.is_stall() && b.is_stall()) => {
                self.shares_cpu(event)
            }
            _ => false,
        }
    }

    /// Returns whether an event is on other CPUs that stopped at the same time.
    ///
    /// They wait for one another or for one lock, or the machine stood still.
    fn is_at_same_time(&self, event: &Event, since_last: Option<f64>) -> bool {
        // A log without times, such as a broadcast to terminals, has only the order of its lines.
        let is_next = event.line.saturating_sub(self.last_line) <= NEXT_LINES;
        let is_lockup = |kind: EventKind| {
            matches!(
                kind,
                EventKind::SoftLockup | EventKind::HardLockup | EventKind::WorkqueueLockup
            )
        };
        // The CPU was stuck already when another one was reported.
        let age = match event.kind {
            EventKind::HardLockup => event.seconds.or(Some(HARD_LOCKUP)),
            _ => event.seconds.filter(|_| is_lockup(event.kind)),
        };
        let is_near = since_last.map_or(is_next, |seconds| {
            seconds.abs() < SAME_TIME || age.is_some_and(|age| (0.0..age).contains(&seconds))
        });
        // A stall on a further CPU has the same cause as several lockups before it.
        let is_further_stall = (event.kind.is_stall()
            || event.kind == EventKind::RcuKthreadStarved)
            && is_lockup(self.kind)
            && self.cpus.len() >= MANY_CPUS;
        let is_recent = since_last.is_some_and(|seconds| (0.0..REPEAT).contains(&seconds));
        is_lockup(event.kind) && is_about_cpus(self.kind) && is_near
            || is_further_stall && is_recent
    }

    /// Returns whether an event is a hung task that waits for this incident's grace period.
    fn is_waited_for_by(&self, event: &Event) -> bool {
        if event.kind != EventKind::HungTask {
            return false;
        }
        if self.kind == EventKind::RcuTasksStall {
            return waits_in(event, &["synchronize_rcu_tasks", "rcu_barrier_tasks"]);
        }
        let is_stall = |kind: EventKind| kind.is_stall() || kind == EventKind::RcuKthreadStarved;
        self.repeats.iter().any(|(kind, ..)| is_stall(*kind))
            && waits_for_grace_period(event)
            && !waits_in(event, &["synchronize_rcu_tasks"])
    }

    fn shares_cpu(&self, event: &Event) -> bool {
        event.cpus.iter().any(|cpu| self.cpus.contains(cpu))
    }

    fn shares_task(&self, event: &Event) -> bool {
        let is_known = |pid: u32| self.tasks.iter().any(|task| task.pid == Some(pid));
        event
            .tasks
            .iter()
            .any(|task| task.pid.is_some_and(is_known))
    }

    fn has_flavor_of(&self, event: &Event) -> bool {
        self.flavor == event.flavor || self.flavor.is_none() || event.flavor.is_none()
    }

    /// Adds an event's CPUs, grace period, and times.
    fn extend(&mut self, event: &Event, last: Option<Time>) {
        self.ended_at = self.ended_at.take().or(event.ended_at.clone());
        self.last = last.or_else(|| event.time.clone()).or(self.last.take());
        self.last_line = event.last_line.max(event.line);
        self.callbacks = event.callbacks.unwrap_or(self.callbacks);
        let is_hung = event.kind == EventKind::HungTask && event.waits_for.is_some();
        if is_hung && !waits_for_lock(event) {
            self.first_hung = Some(Root {
                line: event.line,
                kind: event.kind,
                place: root_place(event),
                waits_for: event.waits_for.clone(),
            });
        }
        for task in &event.tasks {
            let known = self.tasks.iter().any(|other| other.pid == task.pid);
            if !known && self.tasks.len() < MAX_TASKS {
                self.tasks.push(task.clone());
            }
            if let (Some(pid), Some(nesting)) = (task.pid, task.nesting) {
                let is_new = !self.nesting.iter().any(|(known, _)| *known == pid);
                if is_new && self.nesting.len() < MAX_TASKS {
                    self.nesting.push((pid, nesting));
                }
            }
        }
        let gp_seq = event.gp_seq.filter(|_| event.kind.is_stall());
        self.gp_seq = self.gp_seq.or(gp_seq);
        for &cpu in &event.cpus {
            if !self.cpus.contains(&cpu) && self.cpus.len() < MAX_KEPT {
                self.cpus.push(cpu);
            }
        }
    }

    /// Counts an event. Returns the number of earlier ones, for each task if tasks hang.
    fn count(&mut self, event: &Event) -> u64 {
        let task = event.tasks.first();
        let task = task.filter(|_| event.kind == EventKind::HungTask);
        let counted = self.repeats.iter_mut().find(|(kind, other, _)| {
            *kind == event.kind
                && match (other, task) {
                    (Some(other), Some(task)) => other.pid == task.pid,
                    _ => true,
                }
        });
        if let Some((_, _, count)) = counted {
            *count += 1;
            return *count;
        }
        if self.repeats.len() < MAX_KEPT {
            self.repeats.push((event.kind, task.cloned(), 0));
        }
        0
    }
}

/// Returns the longest time for which the reported condition may have lasted, in seconds.
fn longest_age(event: &Event, hz: Option<u32>) -> f64 {
    match (event.kind, event.t_jiffies, hz) {
        (EventKind::HungTask, ..) => event.seconds.unwrap_or_default() * 2.0 + 30.0,
        (_, Some(jiffies), Some(hz)) => jiffies as f64 / f64::from(hz) + 1.0,
        _ => REPEAT,
    }
}

/// Returns the seconds from a time to an event, if both count from boot or both are times of day.
fn seconds_since(earlier: Option<&Time>, event: &Event) -> Option<f64> {
    let (earlier, time) = (earlier?, event.time.as_ref()?);
    (earlier.text.is_some() == time.text.is_some()).then_some(time.clock - earlier.clock)
}

/// Returns whether a hung task waits for a grace period.
pub(crate) fn waits_for_grace_period(event: &Event) -> bool {
    let function = event.waits_for.as_deref();
    function.is_some_and(crate::waits::is_for_grace_period)
}

/// Returns whether a hung task waits in a function with one of these prefixes.
fn waits_in(event: &Event, prefixes: &[&str]) -> bool {
    let function = event.waits_for.as_deref();
    function.is_some_and(|function| prefixes.iter().any(|prefix| function.starts_with(prefix)))
}

fn place_of(event: &Event) -> Option<String> {
    event
        .location
        .clone()
        .or_else(|| event.culprit_frame.clone())
}

#[cfg(test)]
mod tests;
