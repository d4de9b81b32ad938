// SPDX-License-Identifier: GPL-2.0

//! The kernel's time-outs, shortened for as long as a stall lasts.

use super::kinds::HUNG_TASK;
use crate::error::{Error, Result};
use crate::parameters::{Parameters, Trouble};
use crate::settings::Settings;

/// The shortest that the kernel takes, but for that of RCU tasks, which is in jiffies: about two seconds.
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

/// The kernel counts down how many hung tasks it tells of; -1 is no end.
const HUNG: [(&str, &str); 2] = [
    ("/proc/sys/kernel/hung_task_timeout_secs", "5"),
    ("/proc/sys/kernel/hung_task_warnings", "-1"),
];

/// RCU is told to keep silent.
const SUPPRESS: &str = "/sys/module/rcupdate/parameters/rcu_cpu_stall_suppress";

/// The kernel forgets what it has said once.
const FORGET: &str = "/sys/kernel/debug/clear_warn_once";

/// Shortens those of which this kind's report depends, as far as this kernel has them.
pub fn shorten<'a, P: Parameters>(parameters: &'a P, expects: &str) -> Result<Settings<'a, P>> {
    let hung = HUNG.iter().filter(|_| expects == HUNG_TASK);
    let mut settings = Vec::new();
    for &(name, value) in RCU.iter().chain(hung) {
        if read(parameters, name)?.is_some() {
            settings.push((name, value.to_string()));
        }
    }
    Settings::apply(parameters, settings)
}

/// Whether RCU keeps silent because it was told to.
pub fn are_suppressed(parameters: &impl Parameters) -> bool {
    matches!(read(parameters, SUPPRESS), Ok(Some(value)) if value != "0")
}

/// Has the kernel forget what it has said once; `false` if there is no way to.
pub fn forget_warnings(parameters: &impl Parameters) -> bool {
    parameters.write(FORGET, "1").is_ok()
}

/// A knob that a kernel may lack.
fn read(parameters: &impl Parameters, name: &str) -> Result<Option<String>> {
    match parameters.read(name) {
        Err(Error::Parameter(Trouble::NoParameter(_))) => Ok(None),
        value => value.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    #[test]
    fn time_outs_are_shortened_and_put_back() {
        let fake = Fake::new();
        let settings = shorten(&fake, "detected stall").expect("accepted");
        assert_eq!(fake.value(RCU[0].0), "3");
        assert_eq!(fake.value(RCU[1].0), "100");
        assert_eq!(fake.value(HUNG[0].0), "120");
        settings.put_back().expect("accepted");
        assert_eq!(fake.value(RCU[0].0), "21");
        assert_eq!(fake.value(RCU[1].0), "0");
    }

    #[test]
    fn those_of_hung_tasks_only_for_hung_tasks() {
        let fake = Fake::new();
        let settings = shorten(&fake, HUNG_TASK).expect("accepted");
        assert_eq!(fake.value(HUNG[0].0), "5");
        assert_eq!(fake.value(HUNG[1].0), "-1");
        drop(settings);
        assert_eq!(fake.value(HUNG[0].0), "120");
        assert_eq!(fake.value(HUNG[1].0), "10");
    }

    #[test]
    fn those_that_a_kernel_lacks_are_left_out() {
        let fake = Fake::new().without(RCU[2].0).without(HUNG[0].0);
        shorten(&fake, HUNG_TASK)
            .expect("accepted")
            .put_back()
            .expect("accepted");
        assert!(!fake
            .written()
            .iter()
            .any(|written| written.starts_with(RCU[2].0)));
    }

    #[test]
    fn a_silent_kernel_is_noticed() {
        let fake = Fake::new();
        assert!(!are_suppressed(&fake));
        fake.write(SUPPRESS, "1").expect("accepted");
        assert!(are_suppressed(&fake));
        assert!(!are_suppressed(&Fake::new().without(SUPPRESS)));
    }

    #[test]
    fn warnings_are_forgotten_where_there_is_a_way() {
        let fake = Fake::new();
        assert!(forget_warnings(&fake));
        assert_eq!(fake.written(), [format!("{FORGET}=1")]);
        assert!(!forget_warnings(&Fake::new().without(FORGET)));
    }
}
