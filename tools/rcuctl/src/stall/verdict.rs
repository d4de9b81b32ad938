// SPDX-License-Identifier: GPL-2.0

//! Checks whether a stall was reported, decoded and restored as expected, and if not, why.

use stall_decode::Event;

use super::kinds::WARNS_ONCE;
use super::run::Outcome;

/// What is right, with the evidence, or what is wrong, with the possible causes.
pub type Check = std::result::Result<String, String>;

pub struct Verdict {
    /// The kernel reported the stall.
    pub reported: Check,
    /// The decoder found the right kind of event.
    pub decoded: Check,
    /// The decoder found the culprit.
    pub blamed: Check,
    /// The stall has ended, and everything is restored.
    pub recovered: Check,
}

impl Verdict {
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            reported: reported(outcome),
            decoded: decoded(outcome),
            blamed: blamed(outcome),
            recovered: recovered(outcome),
        }
    }

    pub fn checks(&self) -> [&Check; 4] {
        [&self.reported, &self.decoded, &self.blamed, &self.recovered]
    }

    pub fn is_right(&self) -> bool {
        self.checks().into_iter().all(|check| check.is_ok())
    }
}

fn reported(outcome: &Outcome) -> Check {
    let by = match outcome.kind.is_silent() {
        true => "reported by the module",
        false => "reported by the kernel",
    };
    match &outcome.observed.header {
        Some(header) => Ok(match header.seconds {
            Some(seconds) => format!("{by} after {seconds:.1} s"),
            None => by.to_string(),
        }),
        None => Err(format!(
            "not reported: no line of the log contains {:?}. {}",
            outcome.expects,
            reasons_for_silence(outcome).join(" ")
        )),
    }
}

/// Why the kernel may have printed no report, the likeliest reason first.
fn reasons_for_silence(outcome: &Outcome) -> Vec<String> {
    let report = &outcome.report;
    let mut reasons = Vec::new();
    if outcome.interrupted {
        reasons.push("It was interrupted before.".to_string());
    }
    if report.outcome == "stopped" && !outcome.interrupted && !outcome.timed_out {
        reasons.push("Someone else stopped it before.".to_string());
    }
    if report.outcome.starts_with("failed") {
        reasons.push(format!("The module reports: {}.", report.outcome));
    }
    if outcome.suppressed {
        reasons.push("rcupdate.rcu_cpu_stall_suppress suppresses RCU's reports.".to_string());
    }
    let once = outcome.kind.once;
    let is_cleared = outcome.cleared_warn_once && once == Some(WARNS_ONCE);
    reasons.extend(once.filter(|_| !is_cleared).map(str::to_string));
    if outcome.observed.lost {
        reasons.push("The kernel overwrote lines before rcuctl read them.".to_string());
    }
    if outcome.timed_out {
        reasons.push("rcuctl waited too short a time; --timeout sets it.".to_string());
    } else if report.outcome == "ended" && once.is_none() {
        reasons.push(format!(
            "The stall ended by itself after {} s; --hold makes it longer.",
            report.seconds
        ));
    }
    reasons
}

fn decoded(outcome: &Outcome) -> Check {
    let (kind, events) = (outcome.kind, &outcome.observed.events);
    if kind.is_silent() {
        return Ok("nothing to decode, as the kernel prints no report".to_string());
    }
    let expected: Vec<_> = kind.events.iter().map(|kind| kind.name()).collect();
    let expected = expected.join(" or ");
    if events.iter().any(|event| kind.is_report(event)) {
        return Ok(format!("decoded as {expected}"));
    }
    let found: Vec<_> = events.iter().map(|event| event.kind.name()).collect();
    let found = match (found.is_empty(), outcome.observed.header.is_some()) {
        (true, false) => "nothing, as there was no report".to_string(),
        (true, true) => "nothing".to_string(),
        (false, _) => found.join(", "),
    };
    Err(format!("not decoded: expected {expected}, found {found}"))
}

fn blamed(outcome: &Outcome) -> Check {
    let Outcome { kind, report, .. } = outcome;
    let events = &outcome.observed.events;
    if let Some(culprit) = kind.blamed(events, report) {
        return Ok(format!("culprit: {culprit}"));
    }
    let expected = match &report.culprit {
        Some(culprit) => culprit.to_string(),
        None => format!("CPU {}", report.cpu),
    };
    let found = match events.iter().find(|event| kind.is_report(event)) {
        None => "none, as there was no report of this kind".to_string(),
        Some(event) => named_by(event),
    };
    Err(format!("wrong culprit: expected {expected}, found {found}"))
}

/// The tasks and CPUs of an event.
fn named_by(event: &Event) -> String {
    let tasks = event.tasks.iter().map(ToString::to_string);
    let cpus = event.cpus.iter().map(|cpu| format!("CPU {cpu}"));
    let all: Vec<_> = tasks.chain(cpus).collect();
    match all.is_empty() {
        true => "none".to_string(),
        false => all.join(", "),
    }
}

/// The module logs this when the callbacks of a flood have run.
const CALLBACKS_HAVE_RUN: &str = "callbacks have run";

fn recovered(outcome: &Outcome) -> Check {
    let report = &outcome.report;
    if !report.has_succeeded() {
        return Err(format!(
            "not recovered: the module reports {}",
            report.outcome
        ));
    }
    let Some(ms) = report.grace_period_ms else {
        return Err(
            "not recovered: the module reports no grace period after the stall".to_string(),
        );
    };
    let mut notes = outcome.observed.notes.iter();
    if outcome.kind.is_silent() && !notes.any(|note| note.contains(CALLBACKS_HAVE_RUN)) {
        return Err("not recovered: the module does not report that the callbacks ran".to_string());
    }
    if let Some(error) = &outcome.restore_error {
        return Err(format!(
            "not recovered: not everything was restored: {error}"
        ));
    }
    Ok(format!(
        "recovered: {} after {} s, the next grace period took {ms} ms, time-outs are restored",
        report.outcome, report.seconds
    ))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{outcome, Fake};
    use super::*;

    fn wrong(check: &Check) -> &str {
        match check {
            Err(why) => why,
            Ok(right) => panic!("{right}"),
        }
    }

    #[test]
    fn a_reported_decoded_and_restored_stall_is_right() {
        let verdict = Verdict::of(&outcome(&Fake::new(), "cpu_preempt_off"));
        let lines: Vec<_> = verdict
            .checks()
            .into_iter()
            .map(|check| check.as_deref().expect("right"))
            .collect();
        assert_eq!(
            lines,
            [
                "reported by the kernel after 3.0 s",
                "decoded as rcu-cpu-stall",
                "culprit: stall_reader (pid 93)",
                "recovered: stopped after 3 s, the next grace period took 12 ms, time-outs are restored",
            ]
        );
        assert!(verdict.is_right());
    }

    #[test]
    fn reasons_for_silence_are_named() {
        let mut silent = outcome(&Fake::new().silent(1), "cpu_preempt_off");
        let verdict = Verdict::of(&silent);
        assert!(!verdict.is_right());
        assert_eq!(
            wrong(&verdict.reported),
            "not reported: no line of the log contains \"detected stall\". The stall ended by itself after 7 s; \
             --hold makes it longer."
        );
        assert!(wrong(&verdict.decoded).ends_with("nothing, as there was no report"));
        assert!(wrong(&verdict.blamed).contains("expected stall_reader (pid 93), found none"));
        assert!(verdict.recovered.is_ok());
        silent.suppressed = true;
        silent.observed.lost = true;
        silent.interrupted = true;
        silent.timed_out = true;
        let verdict = Verdict::of(&silent);
        for part in [
            "interrupted",
            "rcu_cpu_stall_suppress",
            "overwrote",
            "--timeout",
        ] {
            assert!(wrong(&verdict.reported).contains(part), "no {part}");
        }
    }

    #[test]
    fn a_stall_that_someone_else_stopped_is_named() {
        let mut silent = outcome(&Fake::new().silent(1), "cpu_preempt_off");
        silent.report.outcome = "stopped".to_string();
        assert!(wrong(&Verdict::of(&silent).reported).ends_with("Someone else stopped it before."));
        silent.timed_out = true;
        assert!(!wrong(&Verdict::of(&silent).reported).contains("Someone"));
    }

    #[test]
    fn a_report_that_is_printed_once_may_have_been_printed_before() {
        let mut silent = outcome(&Fake::new().silent(1), "cpu_preempt_off");
        silent.kind = super::super::kinds::find("sleep_in_reader").expect("a kind");
        silent.cleared_warn_once = false;
        assert!(wrong(&Verdict::of(&silent).reported).contains("mount -t debugfs"));
        silent.cleared_warn_once = true;
        assert!(!wrong(&Verdict::of(&silent).reported).contains("mount -t debugfs"));
        silent.kind = super::super::kinds::find("use_after_free").expect("a kind");
        assert!(wrong(&Verdict::of(&silent).reported).contains("kasan_multi_shot"));
    }

    #[test]
    fn another_kind_of_report_is_wrong() {
        let mut other = outcome(&Fake::new(), "cpu_preempt_off");
        other.kind = super::super::kinds::find("expedited").expect("a kind");
        let verdict = Verdict::of(&other);
        assert_eq!(
            wrong(&verdict.decoded),
            "not decoded: expected rcu-expedited-stall, found rcu-cpu-stall"
        );
    }

    #[test]
    fn another_culprit_is_wrong() {
        let mut other = outcome(&Fake::new(), "cpu_preempt_off");
        other.report.culprit = None;
        other.report.cpu = 0;
        assert_eq!(
            wrong(&Verdict::of(&other).blamed),
            "wrong culprit: expected CPU 0, found stall_reader (pid 93), CPU 1"
        );
    }

    #[test]
    fn recovery_needs_an_end_a_grace_period_and_restored_settings() {
        let recovered = |change: fn(&mut Outcome)| {
            let mut outcome = outcome(&Fake::new(), "cpu_preempt_off");
            change(&mut outcome);
            let verdict = Verdict::of(&outcome);
            assert!(!verdict.is_right());
            wrong(&verdict.recovered).to_string()
        };
        let failed = recovered(|outcome| outcome.report.outcome = "failed ENOMEM".to_string());
        assert!(failed.contains("ENOMEM"), "{failed}");
        let unproven = recovered(|outcome| outcome.report.grace_period_ms = None);
        assert!(unproven.contains("grace period"), "{unproven}");
        let left = recovered(|outcome| outcome.restore_error = Some("a time-out".to_string()));
        assert!(left.contains("a time-out"), "{left}");
    }

    #[test]
    fn recovery_from_a_flood_needs_its_callbacks() {
        let mut flood = outcome(&Fake::new(), "callback_flood");
        let verdict = Verdict::of(&flood);
        assert!(verdict.is_right());
        assert_eq!(
            verdict.reported.as_deref(),
            Ok("reported by the module after 3.0 s")
        );
        flood
            .observed
            .notes
            .retain(|note| !note.contains("have run"));
        assert!(wrong(&Verdict::of(&flood).recovered).contains("callbacks"));
    }
}
