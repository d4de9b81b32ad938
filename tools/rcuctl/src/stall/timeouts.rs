// SPDX-License-Identifier: GPL-2.0

//! The kernel's time-outs, which are shorter while a stall lasts, and other settings on which its
//! reports depend.

use super::kinds::{EXPEDITED, HUNG_TASK};
use crate::error::{Error, Result};
use crate::parameters::{ParameterError, Parameters};
use crate::settings::Settings;

/// The least values that the kernel accepts, but for RCU tasks: 500 jiffies are about two seconds.
const RCU: [(&str, &str); 3] = [
    ("/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout", "3"),
    (
        "/sys/module/rcupdate/parameters/rcu_exp_cpu_stall_timeout",
        "100",
    ),
    (
        "/sys/module/rcupdate/parameters/rcu_task_stall_timeout",
        "500",
    ),
];

/// The kernel counts the remaining reports of hung tasks; -1 is no limit.
const HUNG: [(&str, &str); 2] = [
    ("/proc/sys/kernel/hung_task_timeout_secs", "5"),
    ("/proc/sys/kernel/hung_task_warnings", "-1"),
];

/// 1 makes expedited grace periods normal ones. `PREEMPT_RT` sets it at the end of the boot.
const ALL_NORMAL: [(&str, &str); 1] = [("/sys/kernel/rcu_normal", "0")];

/// Suppresses the reports of stalls.
const SUPPRESS: &str = "/sys/module/rcupdate/parameters/rcu_cpu_stall_suppress";

/// Lets the kernel repeat warnings that it prints once.
const CLEAR_WARN_ONCE: &str = "/sys/kernel/debug/clear_warn_once";

/// Shortens the time-outs that the report of a kind depends on, if this kernel has them, and lets
/// expedited grace periods be expedited.
pub fn shorten<'a, P: Parameters>(parameters: &'a P, expects: &str) -> Result<Settings<'a, P>> {
    let hung = HUNG.iter().filter(|_| expects == HUNG_TASK);
    let normal = ALL_NORMAL.iter().filter(|_| expects == EXPEDITED);
    let mut settings = Vec::new();
    for &(name, value) in RCU.iter().chain(hung).chain(normal) {
        if read_optional(parameters, name)?.is_some() {
            settings.push((name, value.to_string()));
        }
    }
    Settings::apply(parameters, settings)
}

/// Whether a parameter suppresses the reports of RCU stalls.
pub fn are_reports_suppressed(parameters: &impl Parameters) -> bool {
    matches!(read_optional(parameters, SUPPRESS), Ok(Some(value)) if value != "0")
}

/// Lets the kernel repeat warnings that it prints once; returns false if it cannot.
pub fn clear_warn_once(parameters: &impl Parameters) -> bool {
    parameters.write(CLEAR_WARN_ONCE, "1").is_ok()
}

/// Reads a file that a kernel may lack.
fn read_optional(parameters: &impl Parameters, name: &str) -> Result<Option<String>> {
    match parameters.read(name) {
        Err(Error::Parameter(ParameterError::NoParameter(_))) => Ok(None),
        value => value.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    #[test]
    fn time_outs_are_shortened_and_restored() {
        let fake = Fake::new();
        let settings = shorten(&fake, "detected stall").expect("accepted");
        assert_eq!(fake.value(RCU[0].0), "3");
        assert_eq!(fake.value(RCU[1].0), "100");
        assert_eq!(fake.value(HUNG[0].0), "120");
        settings.restore().expect("accepted");
        assert_eq!(fake.value(RCU[0].0), "21");
        assert_eq!(fake.value(RCU[1].0), "0");
    }

    #[test]
    fn time_outs_of_hung_tasks_are_shortened_for_hung_tasks_only() {
        let fake = Fake::new();
        let settings = shorten(&fake, HUNG_TASK).expect("accepted");
        assert_eq!(fake.value(HUNG[0].0), "5");
        assert_eq!(fake.value(HUNG[1].0), "-1");
        drop(settings);
        assert_eq!(fake.value(HUNG[0].0), "120");
        assert_eq!(fake.value(HUNG[1].0), "10");
    }

    #[test]
    fn expedited_grace_periods_are_expedited_for_their_stall_only() {
        let fake = Fake::new();
        fake.write(ALL_NORMAL[0].0, "1").expect("accepted");
        let settings = shorten(&fake, EXPEDITED).expect("accepted");
        assert_eq!(fake.value(ALL_NORMAL[0].0), "0");
        settings.restore().expect("accepted");
        assert_eq!(fake.value(ALL_NORMAL[0].0), "1");
        let _settings = shorten(&fake, HUNG_TASK).expect("accepted");
        assert_eq!(fake.value(ALL_NORMAL[0].0), "1");
    }

    #[test]
    fn time_outs_that_a_kernel_lacks_are_skipped() {
        let fake = Fake::new().without(RCU[2].0).without(HUNG[0].0);
        shorten(&fake, HUNG_TASK)
            .expect("accepted")
            .restore()
            .expect("accepted");
        assert!(!fake
            .written()
            .iter()
            .any(|written| written.starts_with(RCU[2].0)));
    }

    #[test]
    fn suppressed_reports_are_noticed() {
        let fake = Fake::new();
        assert!(!are_reports_suppressed(&fake));
        fake.write(SUPPRESS, "1").expect("accepted");
        assert!(are_reports_suppressed(&fake));
        assert!(!are_reports_suppressed(&Fake::new().without(SUPPRESS)));
    }

    #[test]
    fn warnings_are_cleared_if_debugfs_is_mounted() {
        let fake = Fake::new();
        assert!(clear_warn_once(&fake));
        assert_eq!(fake.written(), [format!("{CLEAR_WARN_ONCE}=1")]);
        assert!(!clear_warn_once(&Fake::new().without(CLEAR_WARN_ONCE)));
    }
}
