// SPDX-License-Identifier: GPL-2.0

//! Whether a stall was told, decoded and survived as it must be, and if not, why that can be.

use stall_decode::Event;

use super::kinds::{Kind, CLEAR_WARN_ONCE};
use super::run::Ended;

/// What is right, with what it rests on, or what is wrong, with why that can be.
pub type Finding = std::result::Result<String, String>;

pub struct Verdict {
    /// The kernel's line came.
    pub told: Finding,
    /// The decoder knows the kind.
    pub named: Finding,
    /// The decoder knows who is to blame.
    pub blamed: Finding,
    /// All is as it was.
    pub recovered: Finding,
}

impl Verdict {
    pub fn of(ended: &Ended) -> Self {
        Self {
            told: told(ended),
            named: named(ended.kind, &ended.events, ended.header.is_some()),
            blamed: blamed(ended),
            recovered: recovered(ended),
        }
    }

    pub fn findings(&self) -> [&Finding; 4] {
        [&self.told, &self.named, &self.blamed, &self.recovered]
    }

    pub fn is_right(&self) -> bool {
        self.findings().into_iter().all(|finding| finding.is_ok())
    }
}

fn told(ended: &Ended) -> Finding {
    let by = match ended.kind.is_silent() {
        true => "told by the module",
        false => "told by the kernel",
    };
    match &ended.header {
        Some(header) => Ok(match header.seconds {
            Some(seconds) => format!("{by} after {seconds:.1} s"),
            None => by.to_string(),
        }),
        None => Err(format!(
            "not told: no line of the log has {:?}. {}",
            ended.expects,
            silence(ended).join(" ")
        )),
    }
}

/// Why the kernel may have kept silent, the likeliest first.
fn silence(ended: &Ended) -> Vec<String> {
    let report = &ended.report;
    let mut reasons = Vec::new();
    if ended.interrupted {
        reasons.push("It was interrupted before.".to_string());
    }
    if report.outcome == "stopped" && !ended.interrupted && !ended.timed_out {
        reasons.push("Someone else ended it before.".to_string());
    }
    if report.outcome.starts_with("failed") {
        reasons.push(format!("The module could not do it: {}.", report.outcome));
    }
    if ended.suppressed {
        reasons.push("RCU is told to keep silent by rcupdate.rcu_cpu_stall_suppress.".to_string());
    }
    if let Some(once) = ended
        .kind
        .once
        .filter(|once| !(ended.forgot && *once == CLEAR_WARN_ONCE))
    {
        reasons.push(once.to_string());
    }
    if ended.lost {
        reasons.push("The kernel overwrote lines before they were read.".to_string());
    }
    if ended.timed_out {
        reasons.push("The time was over; --timeout gives it more.".to_string());
    } else if report.outcome == "ended" && ended.kind.once.is_none() {
        reasons.push(format!(
            "The stall ended by itself after {} s; --hold has it last longer.",
            report.seconds
        ));
    }
    reasons
}

fn named(kind: &Kind, events: &[Event], was_told: bool) -> Finding {
    if kind.is_silent() {
        return Ok("nothing to decode, as the kernel does not complain".to_string());
    }
    let wanted: Vec<_> = kind.decoded.iter().map(|kind| kind.name()).collect();
    let wanted = wanted.join(" or ");
    if events.iter().any(|event| kind.is_report(event)) {
        return Ok(format!("decoded as {wanted}"));
    }
    let found: Vec<_> = events.iter().map(|event| event.kind.name()).collect();
    let found = match (found.is_empty(), was_told) {
        (true, false) => "nothing, as there was no report".to_string(),
        (true, true) => "nothing".to_string(),
        (false, _) => found.join(", "),
    };
    Err(format!("not decoded as {wanted}: {found}"))
}

fn blamed(ended: &Ended) -> Finding {
    if let Some(who) = ended.kind.blamed(&ended.events, &ended.report) {
        return Ok(format!("blamed: {who}"));
    }
    let wanted = match &ended.report.culprit {
        Some(culprit) => culprit.to_string(),
        None => format!("CPU {}", ended.report.cpu),
    };
    let mut reports = ended
        .events
        .iter()
        .filter(|event| ended.kind.is_report(event));
    let found = match reports.next() {
        None => "nobody, as there was no report of this kind".to_string(),
        Some(event) => {
            let tasks = event.tasks.iter().map(ToString::to_string);
            let cpus = event.cpus.iter().map(|cpu| format!("CPU {cpu}"));
            let all: Vec<_> = tasks.chain(cpus).collect();
            match all.is_empty() {
                true => "nobody".to_string(),
                false => all.join(", "),
            }
        }
    };
    Err(format!("not blamed: {wanted}, but {found}"))
}

/// What the module says when the callbacks of a flood have run.
const CALLBACKS_HAVE_RUN: &str = "callbacks have run";

fn recovered(ended: &Ended) -> Finding {
    let report = &ended.report;
    if !report.came_to_its_end() {
        return Err(format!("not recovered: the module says {}", report.outcome));
    }
    let Some(ms) = report.grace_period_ms else {
        return Err(
            "not recovered: the module does not say that a grace period has ended since"
                .to_string(),
        );
    };
    let has_drained = || {
        let mut notes = ended.notes.iter();
        notes.any(|note| note.contains(CALLBACKS_HAVE_RUN))
    };
    if ended.kind.is_silent() && !has_drained() {
        return Err(
            "not recovered: the module does not say that the callbacks have run".to_string(),
        );
    }
    if let Some(left) = &ended.left {
        return Err(format!("not recovered: not all could be put back: {left}"));
    }
    Ok(format!(
        "recovered: {} after {} s, the next grace period took {ms} ms, time-outs are as before",
        report.outcome, report.seconds
    ))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{ended, Fake};
    use super::*;

    fn wrong(finding: &Finding) -> &str {
        match finding {
            Err(why) => why,
            Ok(right) => panic!("{right}"),
        }
    }

    #[test]
    fn all_is_right() {
        let verdict = Verdict::of(&ended(&Fake::new(), "cpu_preempt_off"));
        let lines: Vec<_> = verdict
            .findings()
            .into_iter()
            .map(|finding| finding.as_deref().expect("right"))
            .collect();
        assert_eq!(
            lines,
            [
                "told by the kernel after 3.0 s",
                "decoded as rcu-cpu-stall",
                "blamed: stall_reader (pid 93)",
                "recovered: stopped after 3 s, the next grace period took 12 ms, time-outs are as before",
            ]
        );
        assert!(verdict.is_right());
    }

    #[test]
    fn silence_is_explained() {
        let mut silent = ended(&Fake::new().silent(1), "cpu_preempt_off");
        let verdict = Verdict::of(&silent);
        assert!(!verdict.is_right());
        assert_eq!(
            wrong(&verdict.told),
            "not told: no line of the log has \"detected stall\". The stall ended by itself after 7 s; --hold has it \
             last longer."
        );
        assert!(wrong(&verdict.named).ends_with("nothing, as there was no report"));
        assert!(wrong(&verdict.blamed).contains("stall_reader (pid 93), but nobody"));
        assert!(verdict.recovered.is_ok());
        silent.suppressed = true;
        silent.lost = true;
        silent.interrupted = true;
        silent.timed_out = true;
        let verdict = Verdict::of(&silent);
        for part in [
            "interrupted",
            "rcu_cpu_stall_suppress",
            "overwrote",
            "--timeout",
        ] {
            assert!(wrong(&verdict.told).contains(part), "no {part}");
        }
    }

    #[test]
    fn who_ends_a_stall_of_others_is_mentioned() {
        let mut silent = ended(&Fake::new().silent(1), "cpu_preempt_off");
        silent.report.outcome = "stopped".to_string();
        assert!(wrong(&Verdict::of(&silent).told).ends_with("Someone else ended it before."));
        silent.timed_out = true;
        assert!(!wrong(&Verdict::of(&silent).told).contains("Someone"));
    }

    #[test]
    fn what_is_told_once_may_have_been_told_before() {
        let mut silent = ended(&Fake::new().silent(1), "cpu_preempt_off");
        silent.kind = super::super::kinds::find("sleep_in_reader").expect("a kind");
        silent.forgot = false;
        assert!(wrong(&Verdict::of(&silent).told).contains("mount -t debugfs"));
        silent.forgot = true;
        assert!(!wrong(&Verdict::of(&silent).told).contains("mount -t debugfs"));
        silent.kind = super::super::kinds::find("use_after_free").expect("a kind");
        assert!(wrong(&Verdict::of(&silent).told).contains("kasan_multi_shot"));
    }

    #[test]
    fn another_report_is_not_the_one() {
        let mut other = ended(&Fake::new(), "cpu_preempt_off");
        other.kind = super::super::kinds::find("expedited").expect("a kind");
        let verdict = Verdict::of(&other);
        assert_eq!(
            wrong(&verdict.named),
            "not decoded as rcu-expedited-stall: rcu-cpu-stall"
        );
    }

    #[test]
    fn another_culprit_is_not_the_one() {
        let mut other = ended(&Fake::new(), "cpu_preempt_off");
        other.report.culprit = None;
        other.report.cpu = 0;
        assert_eq!(
            wrong(&Verdict::of(&other).blamed),
            "not blamed: CPU 0, but stall_reader (pid 93), CPU 1"
        );
    }

    #[test]
    fn recovery_is_proven() {
        let recovered = |change: fn(&mut Ended)| {
            let mut ended = ended(&Fake::new(), "cpu_preempt_off");
            change(&mut ended);
            let verdict = Verdict::of(&ended);
            assert!(!verdict.is_right());
            wrong(&verdict.recovered).to_string()
        };
        let failed = recovered(|ended| ended.report.outcome = "failed ENOMEM".to_string());
        assert!(failed.contains("ENOMEM"), "{failed}");
        let unproven = recovered(|ended| ended.report.grace_period_ms = None);
        assert!(unproven.contains("grace period"), "{unproven}");
        let left = recovered(|ended| ended.left = Some("a time-out".to_string()));
        assert!(left.contains("a time-out"), "{left}");
    }

    #[test]
    fn a_flood_is_over_when_its_callbacks_have_run() {
        let mut flood = ended(&Fake::new(), "callback_flood");
        let verdict = Verdict::of(&flood);
        assert!(verdict.is_right());
        assert_eq!(
            verdict.told.as_deref(),
            Ok("told by the module after 3.0 s")
        );
        flood.notes.retain(|note| !note.contains("have run"));
        assert!(wrong(&Verdict::of(&flood).recovered).contains("callbacks"));
    }
}
