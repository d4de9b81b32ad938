// SPDX-License-Identifier: GPL-2.0

//! A fake of the module's stalls, and of the kernel's log.

use std::collections::VecDeque;
use std::time::Duration;

use nix::errno::Errno;

use super::live::Live;
use super::observer::Log;
use super::options::RunOptions;
use super::run::{self, Outcome, StallPace};
use super::JOB;
use crate::error::Result;
use crate::fake::module::{self, FakeJob, Module};
use crate::interrupt::Interrupts;
use crate::kmsg::LogRead;
use crate::run::{Job, Pace};

pub type Fake = module::Fake<FakeStall>;

pub const CPU_TIMEOUT: &str = "/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout";
pub const HUNG_TIMEOUT: &str = "/proc/sys/kernel/hung_task_timeout_secs";

const OFFERS: &str = "\
has cpu_preempt_off yes\nhold cpu_preempt_off 7000\nexpect cpu_preempt_off detected stall
has cpu_irq_off yes\nhold cpu_irq_off 4500\nexpect cpu_irq_off detected stall
has hung_updater yes\nhold hung_updater 12000\nexpect hung_updater blocked for more than
has callback_flood yes\nhold callback_flood 7000\nexpect callback_flood KiB await a grace period
has tasks yes\nhold tasks 50000\nexpect tasks detected stall
has use_after_free unsafe\nhold use_after_free 1000\nexpect use_after_free detected stall
has might_sleep no:CONFIG_X\nhold might_sleep 1000\nexpect might_sleep sleeping function";

/// The kernel reports the stall at this second, and it ends by itself at the other one.
const REPORTED_AT: u64 = 3;
const ENDS_AT: u64 = 7;

const FLOOD: &str = "rust_rcu_demo: stall: 1024 KiB await a grace period; the updater continues";
const FLOOD_ENDED: &str = "rust_rcu_demo: stall: the last 9 callbacks have run 5 ms after the \
                           reader had to end";
const HUNG_TASK: &str = "\
INFO: task stall_updater:94 blocked for more than 5 seconds.
task:stall_updater   state:D stack:0     pid:94    tgid:94    ppid:2      flags:0x0
schedule+0x1/0x2
synchronize_rcu+0x1/0x2";
const CPU_STALL: &str = r"rcu: INFO: rcu_preempt self-detected stall on CPU
rcu: \x091-....: (750 ticks this GP) idle=f4d/1/0x4000000000000000
rcu: \x09(t=751 jiffies g=289 q=2 ncpus=2)
CPU: 1 UID: 0 PID: 93 Comm: stall_reader Not tainted 6.18.15 #1
RIP: 0010:spin+0x1/0x2";

pub const QUICK: StallPace = {
    let moment = Duration::from_millis(5);
    StallPace {
        run: Pace::QUICK,
        // The fake logs a report at once.
        quiet: Duration::ZERO,
        report: Duration::from_millis(50),
        rest: moment,
    }
};

pub fn run_interrupted(
    fake: &Fake,
    words: &str,
    pace: StallPace,
    has_come: impl FnMut() -> bool,
) -> Result<Outcome> {
    let options = RunOptions::of_words(words);
    let mut interrupts = Interrupts::new(has_come);
    run::run(
        fake,
        fake,
        &options,
        pace,
        &mut interrupts,
        &mut Live::hidden(),
    )
}

/// The outcome of a stall without interrupts.
pub fn outcome(fake: &Fake, words: &str) -> Outcome {
    run_interrupted(fake, words, QUICK, || false).expect("an outcome")
}

#[derive(Default)]
pub struct FakeStall {
    log: VecDeque<String>,
    seconds: u64,
    /// The kernel does not report so many stalls.
    pub silent_tries: u64,
    /// Stalls do not end by themselves.
    pub never_over: bool,
}

impl FakeStall {
    fn log(&mut self, lines: &str) {
        for line in lines.lines() {
            let number = self.log.len();
            let micros = self.seconds * 1_000_000;
            let record = format!("6,{number},{micros},-;{line}\n");
            self.log.push_back(record);
        }
    }

    fn refuse(&mut self, reason: &str, errno: Errno) -> std::result::Result<(), Errno> {
        self.log(&format!("rust_rcu_demo: parameter stall: {reason}"));
        Err(errno)
    }

    fn report(&mut self, kind: &str) {
        match self.silent_tries.checked_sub(1) {
            Some(left) => self.silent_tries = left,
            None => self.log(match kind {
                "callback_flood" => FLOOD,
                "hung_updater" => HUNG_TASK,
                _ => CPU_STALL,
            }),
        }
    }
}

impl Fake {
    pub fn silent(self, tries: u64) -> Self {
        self.with(|module| module.job.silent_tries = tries)
    }

    pub fn never_over(self) -> Self {
        self.with(|module| module.job.never_over = true)
    }
}

impl FakeJob for FakeStall {
    const JOB: &'static Job = &JOB;
    const VALUES: &'static [(&'static str, &'static str)] = &[
        (CPU_TIMEOUT, "21"),
        (
            "/sys/module/rcupdate/parameters/rcu_exp_cpu_stall_timeout",
            "0",
        ),
        (
            "/sys/module/rcupdate/parameters/rcu_task_stall_timeout",
            "150000",
        ),
        (
            "/sys/module/rcupdate/parameters/rcu_cpu_stall_suppress",
            "0",
        ),
        (HUNG_TIMEOUT, "120"),
        ("/proc/sys/kernel/hung_task_warnings", "10"),
        ("/sys/kernel/rcu_normal", "0"),
        ("/sys/devices/system/cpu/online", "0-1"),
        ("/proc/self/oom_score_adj", "0"),
        // It can only be written, and keeps no value.
        ("/sys/kernel/debug/clear_warn_once", "1"),
        ("stall_cpu", "-1"),
        ("stall_hold_ms", "0"),
        ("stall_holdoff_ms", "0"),
        ("stall_unsafe", "N"),
    ];

    fn start(module: &mut Module<Self>, kind: &str) -> std::result::Result<(), Errno> {
        let has = format!("has {kind} ");
        match OFFERS.lines().find_map(|line| line.strip_prefix(&has)) {
            Some("unsafe") if module.values["stall_unsafe"] == "N" => {
                let reason = format!("{kind} needs stall_unsafe=1: unfit");
                return module.job.refuse(&reason, Errno::EPERM);
            }
            Some("yes" | "unsafe") => {}
            _ => {
                let reason = format!("{kind} needs a kernel with CONFIG_X");
                return module.job.refuse(&reason, Errno::EOPNOTSUPP);
            }
        }
        module.job.log(&format!(
            "rust_rcu_demo: stall: begin {kind} on CPU 1 for 7000 ms: a reader loops"
        ));
        Ok(())
    }

    fn second(module: &mut Module<Self>) -> bool {
        let run = module.run.clone().unwrap_or_default();
        module.job.seconds += 1;
        if run.seconds == REPORTED_AT {
            module.job.report(&run.value);
        }
        run.seconds >= ENDS_AT && !module.job.never_over
    }

    fn ended(module: &mut Module<Self>) {
        let run = module.run.clone().unwrap_or_default();
        if run.value == "callback_flood" {
            module.job.log(FLOOD_ENDED);
        }
        let (kind, outcome) = (&run.value, outcome_of(&run));
        module.job.log(&format!(
            "rust_rcu_demo: stall: end {kind} after 9 ms: {outcome}"
        ));
    }

    fn report(module: &Module<Self>) -> String {
        let run = module.run.clone().unwrap_or_default();
        let (state, outcome, grace_period) = match module.is_idle() {
            true => ("idle", outcome_of(&run), "12"),
            false => ("running", "none", "-"),
        };
        let (kind, runs, seconds) = (&run.value, module.runs, run.seconds);
        format!(
            "state {state}\nkind {kind}\ncpu 1\nhold_ms 7000\npid 93\ncomm stall_reader\nseconds {seconds}\n\
             runs {runs}\noutcome {outcome}\ngrace_period_ms {grace_period}\n{OFFERS}"
        )
    }
}

fn outcome_of(run: &module::FakeRun) -> &'static str {
    match (run.is_over, run.was_stopped) {
        (false, _) => "none",
        (true, true) => "stopped",
        (true, false) => "ended",
    }
}

impl Log for &Fake {
    fn next(&mut self, timeout: Duration) -> Result<Option<LogRead>> {
        let record = self.state().job.log.pop_front();
        if record.is_none() {
            std::thread::sleep(timeout);
        }
        Ok(record.map(|text| LogRead::Record(text.into_bytes())))
    }
}
