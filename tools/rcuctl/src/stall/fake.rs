// SPDX-License-Identifier: GPL-2.0

//! A small stand-in for the kernel: its knobs, the module's parameters and its log. A stall goes on by one second
//! with each look at it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nix::errno::Errno;

use super::kinds;
use super::live::Live;
use super::observer::Log;
use super::run::{self, Ended, Interrupts, Pace, Plan};
use super::{NONE, STALL};
use crate::error::Result;
use crate::kmsg::LogRead;
use crate::parameters::{Parameters, Trouble};

pub const CPU_TIMEOUT: &str = "/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout";
pub const HUNG_TIMEOUT: &str = "/proc/sys/kernel/hung_task_timeout_secs";

/// What there is, and what it is at first.
const VALUES: [(&str, &str); 12] = [
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
    ("/sys/devices/system/cpu/online", "0-1"),
    ("/proc/self/oom_score_adj", "0"),
    ("stall_cpu", "-1"),
    ("stall_hold_ms", "0"),
    ("stall_holdoff_ms", "0"),
    ("stall_unsafe", "N"),
];

/// Those that can only be written.
const COMMAND: &str = "/sys/kernel/debug/clear_warn_once";

const OFFERS: &str = "\
has cpu_preempt_off yes\nhold cpu_preempt_off 7000\nexpect cpu_preempt_off detected stall
has cpu_irq_off yes\nhold cpu_irq_off 4500\nexpect cpu_irq_off detected stall
has hung_updater yes\nhold hung_updater 12000\nexpect hung_updater blocked for more than
has callback_flood yes\nhold callback_flood 7000\nexpect callback_flood KiB await a grace period
has tasks yes\nhold tasks 50000\nexpect tasks detected stall
has use_after_free unsafe\nhold use_after_free 1000\nexpect use_after_free detected stall
has might_sleep no:CONFIG_X\nhold might_sleep 1000\nexpect might_sleep sleeping function";

/// The kernel tells at this second, and the stall ends by itself at that.
const TOLD: u64 = 3;
const OVER: u64 = 7;

/// No test looks that often.
const FOREVER: u64 = 100_000;

/// What is wanted of a kind by who gives no option.
pub fn plan(kind: &str) -> Plan {
    Plan {
        kind: kinds::find(kind).expect("a kind"),
        cpu: None,
        allow_unsafe: false,
        hold: None,
        timeout: None,
    }
}

pub fn quick() -> Pace {
    let moment = Duration::from_millis(5);
    Pace {
        tick: Duration::from_micros(100),
        // The fake tells all at once.
        quiet: Duration::ZERO,
        report: moment * 10,
        rest: moment,
        settle: moment * 4,
    }
}

/// A stall that nobody interrupts.
pub fn ended(fake: &Fake, kind: &str) -> Ended {
    let mut never = || false;
    let interrupts = Interrupts::new(&mut never);
    let ended = run::run(
        fake,
        fake,
        &plan(kind),
        &quick(),
        interrupts,
        &mut Live::hidden(),
    );
    ended.expect("an end")
}

pub struct Fake(RefCell<Kernel>);

#[derive(Default)]
struct Kernel {
    values: BTreeMap<String, String>,
    written: Vec<String>,
    refused: Vec<(String, Errno)>,
    log: VecDeque<String>,
    seconds: u64,
    runs: u64,
    run: Option<OneRun>,
    outcome: &'static str,
    silent_tries: u64,
    never_over: bool,
    never_ends: bool,
    reads_fail_at: Option<u64>,
    overtaken: bool,
}

#[derive(Clone, Default)]
struct OneRun {
    kind: String,
    seconds: u64,
    stopping: bool,
    over: bool,
}

impl Fake {
    pub fn new() -> Self {
        let values = VALUES
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .chain([(COMMAND.to_string(), String::new())])
            .collect();
        Self(RefCell::new(Kernel {
            values,
            outcome: "none",
            ..Kernel::default()
        }))
    }

    fn with(self, change: impl FnOnce(&mut Kernel)) -> Self {
        change(&mut self.0.borrow_mut());
        self
    }

    /// It lacks a knob.
    pub fn without(self, name: &str) -> Self {
        self.with(|kernel| {
            kernel.values.remove(name);
        })
    }

    pub fn refuse(self, name: &str, errno: Errno) -> Self {
        self.refuse_from_now(name, errno);
        self
    }

    pub fn refuse_from_now(&self, name: &str, errno: Errno) {
        self.0.borrow_mut().refused.push((name.to_string(), errno));
    }

    /// It refuses one value only.
    pub fn refuse_value(&self, name: &str, value: &str, errno: Errno) {
        self.refuse_from_now(&format!("{name}={value}"), errno);
    }

    /// It does not tell of so many stalls.
    pub fn silent(self, tries: u64) -> Self {
        self.with(|kernel| kernel.silent_tries = tries)
    }

    /// Stalls do not end by themselves.
    pub fn never_over(self) -> Self {
        self.with(|kernel| kernel.never_over = true)
    }

    /// Stalls that are told to end do not.
    pub fn never_end(self) -> Self {
        self.with(|kernel| kernel.never_ends = true)
    }

    /// The report cannot be read when a stall has lasted so long.
    pub fn fail_reads_at(self, seconds: u64) -> Self {
        self.with(|kernel| kernel.reads_fail_at = Some(seconds))
    }

    /// Someone begins another stall as soon as one has ended.
    pub fn overtake(self) -> Self {
        self.with(|kernel| kernel.overtaken = true)
    }

    /// Someone has begun a stall that goes on.
    pub fn running(self) -> Self {
        self.write(STALL, "cpu_preempt_off").expect("accepted");
        self.with(|kernel| kernel.written.clear())
    }

    pub fn value(&self, name: &str) -> String {
        self.0.borrow().values[name].clone()
    }

    /// All that was written, in order.
    pub fn written(&self) -> Vec<String> {
        self.0.borrow().written.clone()
    }

    /// The knobs that are not what they were at first.
    pub fn changed(&self) -> Vec<String> {
        let kernel = self.0.borrow();
        let changed = VALUES
            .iter()
            .filter(|(name, value)| kernel.values.get(*name).is_some_and(|now| now != value));
        changed.map(|(name, _)| name.to_string()).collect()
    }
}

impl Kernel {
    fn log(&mut self, text: &str) {
        let number = self.log.len();
        let micros = self.seconds * 1_000_000;
        self.log
            .push_back(format!("6,{number},{micros},-;{text}\n"));
    }

    /// A second passes.
    fn tick(&mut self) {
        let Some(mut run) = self.run.take() else {
            return;
        };
        if !run.over {
            self.go_on(&mut run);
        }
        self.run = Some(run);
    }

    fn go_on(&mut self, run: &mut OneRun) {
        if run.stopping && !self.never_ends {
            self.end(run, "stopped");
            return;
        }
        run.seconds += 1;
        self.seconds += 1;
        assert!(run.seconds < FOREVER, "nobody ends this stall");
        if run.seconds == TOLD {
            match self.silent_tries.checked_sub(1) {
                Some(left) => self.silent_tries = left,
                None => self.tell(&run.kind),
            }
        }
        if run.seconds >= OVER && !self.never_over && !self.never_ends {
            self.end(run, "ended");
        }
    }

    fn end(&mut self, run: &mut OneRun, outcome: &'static str) {
        run.over = true;
        self.outcome = outcome;
        self.runs += u64::from(self.overtaken);
        if run.kind == "callback_flood" {
            self.log("rust_rcu_demo: stall: the last 9 callbacks have run 5 ms after the reader was told to end");
        }
        let text = format!(
            "rust_rcu_demo: stall: end {} after 9 ms: {outcome}",
            run.kind
        );
        self.log(&text);
    }

    fn tell(&mut self, kind: &str) {
        match kind {
            "callback_flood" => {
                self.log(
                    "rust_rcu_demo: stall: 1024 KiB await a grace period; the updater goes on",
                );
            }
            "hung_updater" => {
                self.log("INFO: task stall_updater:94 blocked for more than 5 seconds.");
                self.log("task:stall_updater   state:D stack:0     pid:94    tgid:94    ppid:2      flags:0x0");
                self.log("schedule+0x1/0x2");
                self.log("synchronize_rcu+0x1/0x2");
            }
            _ => {
                self.log("rcu: INFO: rcu_preempt self-detected stall on CPU");
                self.log("rcu: \\x091-....: (750 ticks this GP) idle=f4d/1/0x4000000000000000");
                self.log("rcu: \\x09(t=751 jiffies g=289 q=2 ncpus=2)");
                self.log("CPU: 1 UID: 0 PID: 93 Comm: stall_reader Not tainted 6.18.15 #1");
                self.log("RIP: 0010:spin+0x1/0x2");
            }
        }
    }

    fn report(&self) -> String {
        let run = self.run.clone().unwrap_or_default();
        let is_over = self.run.is_none() || run.over;
        let (state, outcome, grace_period) = match is_over {
            true => ("idle", self.outcome, "12"),
            false => ("running", "none", "-"),
        };
        let (kind, runs, seconds) = (&run.kind, self.runs, run.seconds);
        format!(
            "state {state}\nkind {kind}\ncpu 1\nhold_ms 7000\npid 93\ncomm stall_reader\nseconds {seconds}\n\
             runs {runs}\noutcome {outcome}\ngrace_period_ms {grace_period}\n{OFFERS}"
        )
    }

    fn begin(&mut self, kind: &str) -> std::result::Result<(), Errno> {
        let has = format!("has {kind} ");
        let has = OFFERS.lines().find_map(|line| line.strip_prefix(&has));
        match has {
            Some("unsafe") if self.values["stall_unsafe"] == "N" => {
                self.log(&format!(
                    "rust_rcu_demo: parameter stall: {kind} needs stall_unsafe=1: unfit"
                ));
                return Err(Errno::EPERM);
            }
            Some("yes" | "unsafe") => {}
            _ => {
                self.log(&format!(
                    "rust_rcu_demo: parameter stall: {kind} needs a kernel with CONFIG_X"
                ));
                return Err(Errno::EOPNOTSUPP);
            }
        }
        self.log(&format!(
            "rust_rcu_demo: stall: begin {kind} on CPU 1 for 7000 ms: a reader loops"
        ));
        self.runs += 1;
        self.run = Some(OneRun {
            kind: kind.to_string(),
            ..OneRun::default()
        });
        Ok(())
    }
}

fn refused(name: &str, value: &str, errno: Errno) -> Trouble {
    Trouble::Refused {
        setting: format!("{name}={value}"),
        source: std::io::Error::from_raw_os_error(errno as i32),
    }
}

impl Parameters for Fake {
    fn read(&self, name: &str) -> Result<String> {
        let mut kernel = self.0.borrow_mut();
        if name != STALL {
            let value = kernel.values.get(name).cloned();
            return value.ok_or_else(|| Trouble::NoParameter(name.to_string()).into());
        }
        kernel.tick();
        let seconds = kernel.run.as_ref().map_or(0, |run| run.seconds);
        if kernel.reads_fail_at.is_some_and(|at| seconds >= at) {
            return Err(Trouble::NoModule("gone".into()).into());
        }
        Ok(kernel.report())
    }

    fn write(&self, name: &str, value: &str) -> Result<()> {
        let mut kernel = self.0.borrow_mut();
        let setting = format!("{name}={value}");
        let mut refusals = kernel.refused.iter();
        let refusal = refusals.find(|(refused, _)| refused == name || *refused == setting);
        if let Some((_, errno)) = refusal {
            return Err(refused(name, value, *errno).into());
        }
        match (name, value) {
            (STALL, NONE) => {
                if let Some(run) = &mut kernel.run {
                    run.stopping = true;
                }
            }
            (STALL, kind) => kernel
                .begin(kind)
                .map_err(|errno| refused(name, value, errno))?,
            // Of processes that the kernel has meanwhile.
            _ if name.starts_with("/proc/") || kernel.values.contains_key(name) => {
                kernel.values.insert(name.to_string(), value.to_string());
            }
            _ => return Err(Trouble::NoParameter(name.to_string()).into()),
        }
        kernel.written.push(setting);
        Ok(())
    }
}

impl Log for &Fake {
    fn next(&mut self, wait: Duration) -> Result<Option<LogRead>> {
        let record = self.0.borrow_mut().log.pop_front();
        if record.is_none() {
            std::thread::sleep(wait);
        }
        Ok(record.map(|text| LogRead::Record(text.into_bytes())))
    }
}
