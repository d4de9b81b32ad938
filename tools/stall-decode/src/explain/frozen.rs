// SPDX-License-Identifier: GPL-2.0

//! Recognizes a machine that was stopped as a whole, such as a paused virtual machine.
//!
//! Such a machine handles hardly any clock interrupts for most of the grace period. Two facts
//! distinguish it from a CPU with interrupts disabled: the first report is later than any time-out,
//! or the grace-period kthread stopped scanning when the clock interrupts stopped.

use super::{age, Explanation};
use crate::event::Event;

/// Age of a first report, in seconds, beyond every time-out. A time-out may be up to 300 s.
pub(super) const MAX_AGE: f64 = 305.0;
/// Age in jiffies beyond the longest time-out, 300 s, at the highest tick rate, 1000 Hz.
const MAX_JIFFIES: u64 = 305_000;
/// Clock interrupts that prove that a CPU's clock ran when the grace period began.
const MIN_TICKS: u64 = 20;

/// Jiffies per scan, at most, of a grace-period kthread that runs. It scans every 2 to 4 jiffies.
pub(super) const MAX_PER_SCAN: u64 = 25;

const LATE: &str = "a time-out would have reported it earlier";
const TOGETHER: &str = "the force-quiescent-state scans stopped at the same time";

/// Returns whether the report shows that the whole machine stopped.
pub(super) fn is_frozen(event: &Event) -> bool {
    evidence(event).is_some()
}

pub(super) fn explain(event: &Event, out: &mut Explanation) {
    let Some(evidence) = evidence(event) else {
        return;
    };
    let age = event.t_jiffies.map(|jiffies| age(jiffies, event.seconds));
    let age = age.unwrap_or_default();
    out.cause(format!("the whole machine stopped, or its clock jumped: in the {age} since the grace period began there were hardly any clock interrupts, and {evidence}. The host stopped, paused, migrated or starved a virtual machine, or the system was suspended"))
        .advise("In a virtual machine, check the host at that time: was the guest paused, migrated, stopped by a signal, or out of CPU time? In the guest, check steal time in /proc/stat, soft lockups of the same length, and a clock source marked unstable. The stack only shows where the CPU was stopped; nothing in the guest kernel is wrong.");
}

/// Returns the evidence that the whole machine stopped.
fn evidence(event: &Event) -> Option<&'static str> {
    let t = event.t_jiffies.filter(|_| event.repeats == 0)?;
    let details = || event.cpu_details.iter();
    let ticks = details().filter_map(|detail| detail.ticks_this_gp).max();
    // Scans up to the report show that the grace-period kthread ran, and so did the machine.
    let scans = details().filter_map(|detail| detail.fqs).max();
    let kthread_ran = scans.is_some_and(|scans| scans.saturating_mul(MAX_PER_SCAN) >= t);
    let has_ticks = ticks.is_some_and(|ticks| ticks.saturating_mul(2) >= t);
    if has_ticks {
        return None;
    }
    let has_few_ticks = ticks.is_some_and(|ticks| ticks.saturating_mul(10) < t);
    let is_certain = !event.evidence.is_hz_guessed;
    let is_old = t > MAX_JIFFIES || is_certain && event.seconds.is_some_and(|s| s > MAX_AGE);
    let is_late = is_certain && event.hz.is_some_and(|hz| is_after_time_out(t, hz));
    // Without details, an old report may only lack the earlier ones of its stall.
    let is_first = details().any(|detail| detail.ticks_this_gp.is_some() || detail.fqs.is_some())
        || event.incident > 1;
    let is_old = is_old && is_first;
    if !kthread_ran && (is_old || has_few_ticks && is_late) {
        return Some(LATE);
    }
    let stopped_together = details().any(|detail| match (detail.ticks_this_gp, detail.fqs) {
        (Some(ticks), Some(scans)) => ticks > MIN_TICKS && is_in_step(scans, ticks),
        _ => false,
    });
    (has_few_ticks && stopped_together).then_some(TOGETHER)
}

/// Returns whether the scans stopped when the clock interrupts stopped. The kthread scans every 1
/// to 4 jiffies.
fn is_in_step(scans: u64, ticks: u64) -> bool {
    scans.saturating_mul(5) >= ticks && scans <= ticks.saturating_mul(2)
}

/// Returns whether a report is late: time-outs are whole seconds, with few jiffies of delay.
fn is_after_time_out(jiffies: u64, hz: u32) -> bool {
    jiffies % u64::from(hz.max(1)) > u64::from(hz / 20).max(5)
}

#[cfg(test)]
mod tests {
    use crate::tests::{decode, only};

    #[test]
    fn an_age_beyond_any_time_out_means_a_stopped_machine() {
        let event = only(
            "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:\n\
             rcu: \t1-...!: (2 ticks this GP) idle=1234/1/0x4000000000000000\n\
             rcu: \t(detected by 0, t=60002 jiffies, g=9, q=3)\n",
        );
        assert_eq!(event.seconds, Some(60.0));
        let log = "[  100.000000] rcu: INFO: rcu_sched self-detected stall on CPU\n[  100.000001] rcu: \t(t=5250 jiffies g=9 q=3)\n\
                   [  163.000000] rcu: INFO: rcu_sched self-detected stall on CPU\n[  163.000001] rcu: \t(t=21003 jiffies g=9 q=3)\n\
                   [ 9000.000000] rcu: INFO: rcu_sched self-detected stall on CPU\n[ 9000.000001] rcu: \t(t=1000000 jiffies g=10 q=3)\n";
        let events = decode(log);
        assert!(
            events[2].causes[0].contains("machine stopped"),
            "{:?}",
            events[2].causes
        );
        assert!(
            events[1].summary.contains("report 2 of this stall"),
            "{}",
            events[1].summary
        );
    }

    #[test]
    fn a_late_report_with_few_clock_interrupts_means_a_stopped_machine() {
        let first_cause = |ticks: u32, t: u32| {
            let event = only(&format!(
                "[    0.710489] Calibrating delay loop (skipped).. 4199.92 BogoMIPS (lpj=8399844)\n\
                 [  100.000000] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
                 [  100.000001] rcu: \t1-...!: ({ticks} ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/1 fqs=1\n\
                 [  100.000002] rcu: \t(detected by 0, t={t} jiffies, g=9, q=3 ncpus=2)\n"
            ));
            event.causes[0].clone()
        };
        assert!(
            first_cause(2, 6390).contains("machine stopped"),
            "{}",
            first_cause(2, 6390)
        );
        // Just after a time-out of eight seconds, and with clock interrupts.
        assert!(first_cause(2, 2002).contains("interrupts disabled"));
        assert!(first_cause(6380, 6390).contains("without rescheduling"));
    }

    #[test]
    fn clock_interrupts_that_stop_with_the_scans_mean_a_stopped_machine() {
        let first_cause = |ticks: u32, scans: u32| {
            let event = only(&format!(
                "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
                 rcu: \t1-...!: ({ticks} ticks this GP) idle=41f4/1/0x4000000000000000 softirq=169/169 fqs={scans}\n\
                 rcu: \t(detected by 0, t=4010 jiffies, g=9, q=3 ncpus=2)\n"
            ));
            event.causes[0].clone()
        };
        assert!(
            first_cause(300, 188).contains("machine stopped"),
            "{}",
            first_cause(300, 188)
        );
        // Interrupts disabled on that CPU alone, later or from the start; then a CPU whose clock
        // runs.
        assert!(first_cause(300, 1900).contains("interrupts disabled"));
        assert!(first_cause(0, 0).contains("interrupts disabled"));
        assert!(first_cause(4000, 1900).contains("without rescheduling"));
    }
}
