// SPDX-License-Identifier: GPL-2.0

use super::super::fake::{outcome, run_interrupted, Fake, CPU_TIMEOUT, HUNG_TIMEOUT, QUICK};
use super::*;
use crate::run::RunError;

fn run_undisturbed(fake: &Fake, words: &str) -> Result<Outcome> {
    run_interrupted(fake, words, QUICK, || false)
}

fn assert_restored(fake: &Fake) {
    assert_eq!(fake.changed(), Vec::<String>::new());
}

fn has_header(outcome: &Outcome) -> bool {
    outcome.observed.header.is_some()
}

#[test]
fn a_stall_is_stopped_as_soon_as_the_kernel_has_reported_it() {
    let fake = Fake::new();
    let outcome = outcome(&fake, "cpu_preempt_off");
    let observed = outcome.observed;
    let header = observed.header.expect("the kernel's line");
    assert_eq!(
        header.text,
        "rcu: INFO: rcu_preempt self-detected stall on CPU"
    );
    assert_eq!(header.seconds, Some(3.0));
    assert_eq!(observed.events.len(), 1);
    assert_eq!(outcome.report.outcome, "stopped");
    assert_eq!(outcome.report.grace_period_ms, Some(12));
    assert_eq!(observed.shows, "a reader loops");
    assert!(!outcome.interrupted && !outcome.timed_out);
    assert_restored(&fake);
}

#[test]
fn the_modules_parameters_are_restored_at_the_start_and_time_outs_at_the_end() {
    let fake = Fake::new();
    run_undisturbed(&fake, "use_after_free --unsafe --cpu 0").expect("an outcome");
    let written = fake.written();
    let at = |setting: &str| {
        let mut written = written.iter();
        written
            .position(|written| written == setting)
            .expect(setting)
    };
    assert!(at("stall_unsafe=1") < at("stall=use_after_free"));
    assert!(at("stall=use_after_free") < at("stall_unsafe=N"));
    assert!(at("stall_unsafe=N") < at("stall=none"));
    assert!(at("stall_cpu=-1") < at("stall=none"));
    assert!(at("stall=none") < at(&format!("{CPU_TIMEOUT}=21")));
    assert_restored(&fake);
}

#[test]
fn the_default_hold_is_twice_the_modules_within_the_limits() {
    let hold = |words: &str| {
        let fake = Fake::new();
        run_undisturbed(&fake, words).expect("an outcome");
        let written = fake.written();
        let mut holds = written
            .iter()
            .filter_map(|written| written.strip_prefix("stall_hold_ms=").map(str::to_string));
        holds.next().expect("a hold")
    };
    assert_eq!(hold("cpu_preempt_off"), "14000");
    assert_eq!(hold("cpu_preempt_off --hold 9.5"), "9500");
    // The limits of hardware watchdogs, and of the module.
    assert_eq!(hold("cpu_irq_off"), "10000");
    assert_eq!(hold("tasks"), "60000");
}

#[test]
fn the_time_out_of_hung_tasks_is_shortened_for_hung_tasks_only() {
    let fake = Fake::new();
    outcome(&fake, "hung_updater");
    assert!(fake.written().contains(&format!("{HUNG_TIMEOUT}=5")));
    assert_restored(&fake);
    let fake = Fake::new();
    outcome(&fake, "cpu_preempt_off");
    assert!(!fake.written().contains(&format!("{HUNG_TIMEOUT}=5")));
}

#[test]
fn a_stall_that_the_kernel_does_not_report_in_time_is_stopped() {
    let fake = Fake::new().silent(1).never_over();
    let outcome = run_undisturbed(&fake, "cpu_preempt_off --timeout 0.02").expect("an outcome");
    assert!(!has_header(&outcome) && outcome.timed_out);
    assert_eq!(outcome.report.outcome, "stopped");
}

#[test]
fn a_stall_that_ends_without_a_report_ends_the_wait() {
    let fake = Fake::new().silent(1);
    let outcome = outcome(&fake, "cpu_preempt_off");
    assert!(!has_header(&outcome) && !outcome.timed_out);
    assert_eq!(
        (outcome.tries, outcome.report.outcome.as_str()),
        (1, "ended")
    );
    assert_restored(&fake);
}

#[test]
fn cpu_irq_off_is_tried_three_times() {
    let fake = Fake::new().silent(2);
    let reported = outcome(&fake, "cpu_irq_off");
    assert_eq!(reported.tries, 3);
    assert!(has_header(&reported));
    let fake = Fake::new().silent(9);
    let silent = outcome(&fake, "cpu_irq_off");
    assert_eq!(silent.tries, 3);
    assert!(!has_header(&silent));
    assert_restored(&fake);
}

#[test]
fn an_interrupt_stops_the_stall_and_restores_everything() {
    let fake = Fake::new().silent(9).never_over();
    let mut polls = 0;
    let third = || {
        polls += 1;
        polls == 3
    };
    let outcome = run_interrupted(&fake, "cpu_irq_off", QUICK, third).expect("an outcome");
    assert!(outcome.interrupted && !has_header(&outcome));
    assert_eq!(
        (outcome.tries, outcome.report.outcome.as_str()),
        (1, "stopped")
    );
    assert_restored(&fake);
}

#[test]
fn a_second_interrupt_ends_the_wait() {
    let fake = Fake::new().silent(9).never_over().never_end();
    let mut pace = QUICK;
    pace.run.stop_timeout = Duration::from_secs(1000);
    let result = run_interrupted(&fake, "hung_updater", pace, || true);
    assert!(matches!(result, Err(Error::Run(RunError::GaveUp(_)))));
    assert!(fake.count_written("stall=none") > 0);
    assert_restored(&fake);
}

#[test]
fn a_stall_that_does_not_stop_is_an_error() {
    let fake = Fake::new().never_end();
    let result = run_undisturbed(&fake, "cpu_preempt_off");
    assert!(matches!(result, Err(Error::Run(RunError::NotStopped(..)))));
    assert_restored(&fake);
}

#[test]
fn an_active_stall_is_not_disturbed() {
    let fake = Fake::new().running("cpu_preempt_off");
    let result = run_undisturbed(&fake, "cpu_preempt_off");
    assert!(matches!(result, Err(Error::Run(RunError::Busy(_)))));
    assert!(fake.written().is_empty());
}

#[test]
fn a_stall_that_someone_else_starts_first_is_not_disturbed() {
    let fake = Fake::new().refuse("stall", Errno::EBUSY);
    let result = run_undisturbed(&fake, "cpu_preempt_off");
    assert!(matches!(result, Err(Error::Run(RunError::Busy(_)))));
    assert_eq!(fake.count_written("stall=none"), 0);
    assert_restored(&fake);
}

#[test]
fn a_refusal_has_the_modules_reason_and_advice() {
    for (kind, reason, advice) in [
        (
            "might_sleep",
            "might_sleep needs a kernel with CONFIG_X",
            "stall list",
        ),
        (
            "use_after_free",
            "use_after_free needs stall_unsafe=1: unfit",
            "--unsafe",
        ),
    ] {
        let fake = Fake::new();
        let result = run_undisturbed(&fake, kind);
        let text = result.err().expect("an error").to_string();
        assert!(text.contains(reason) && text.contains(advice), "{text}");
        assert_eq!(fake.count_written("stall=none"), 0);
        assert_restored(&fake);
    }
}

#[test]
fn a_refusal_without_a_reason_in_the_log_has_the_errno() {
    let fake = Fake::new().refuse("stall_hold_ms", Errno::ERANGE);
    let result = run_undisturbed(&fake, "cpu_preempt_off");
    let text = result.err().expect("an error").to_string();
    for part in ["stall_hold_ms=14000", "ERANGE", "--hold"] {
        assert!(text.contains(part), "{text}");
    }
    assert_restored(&fake);
}

#[test]
fn a_kind_that_the_module_does_not_know_is_an_error() {
    let fake = Fake::new();
    let result = run_undisturbed(&fake, "double_call_rcu");
    assert!(matches!(
        result,
        Err(Error::Stall(StallError::NoKind(kind))) if kind == "double_call_rcu"
    ));
    assert!(fake.written().is_empty());
}

#[test]
fn a_report_of_another_run_is_an_error() {
    let fake = Fake::new().overtake();
    let result = run_undisturbed(&fake, "cpu_preempt_off");
    assert!(matches!(
        result,
        Err(Error::Run(RunError::Overtaken { run: 1, by: 2, .. }))
    ));
    assert_restored(&fake);
}

#[test]
fn a_stall_whose_parameters_cannot_be_restored_is_stopped() {
    let fake = Fake::new().refuse("stall_unsafe=N", Errno::EIO);
    assert!(run_undisturbed(&fake, "use_after_free --unsafe").is_err());
    assert_eq!(fake.changed(), ["stall_unsafe"]);
    assert!(fake.count_written("stall=none") > 0);
}

#[test]
fn a_stall_whose_report_cannot_be_read_is_stopped() {
    let fake = Fake::new().fail_reads_at(2);
    assert!(run_undisturbed(&fake, "cpu_preempt_off").is_err());
    assert!(fake.count_written("stall=none") > 0);
    assert_restored(&fake);
}

#[test]
fn a_time_out_that_cannot_be_restored_is_part_of_the_outcome() {
    let fake = Fake::new();
    let mut polls = 0;
    let outcome = run_interrupted(&fake, "cpu_preempt_off", QUICK, || {
        polls += 1;
        if polls == 2 {
            fake.refuse_from_now(CPU_TIMEOUT, Errno::EIO);
        }
        false
    })
    .expect("an outcome");
    assert!(outcome.restore_error.expect("one").contains(CPU_TIMEOUT));
}
