// SPDX-License-Identifier: GPL-2.0

//! The module parameters of the stall lab.
//!
//! A stall takes them as they are when it is started; what is set later is for the next one.

use super::{
    control,
    kinds::{Kind, KINDS},
    permission,
};
use crate::kernel_ext::{
    cpu::{is_online, online, unsupported},
    params::{parameter, YesNo},
};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use kernel::prelude::*;

/// The longest that a stall may last, and the longest that it may be waited for.
const MAX_MS: u32 = 60_000;

// ORDERING: Each knob stands alone; nothing is published through them.
static CPU: AtomicI32 = AtomicI32::new(-1);
static HOLD_MS: AtomicU32 = AtomicU32::new(0);
static HOLDOFF_MS: AtomicU32 = AtomicU32::new(0);
static UNSAFE: AtomicBool = AtomicBool::new(false);

/// What a run is to do: the knobs as they were when it was started.
pub(super) struct Plan {
    pub(super) kind: &'static Kind,
    /// The CPU that suffers.
    pub(super) cpu: u32,
    /// One that does not, if there is another.
    pub(super) other_cpu: Option<u32>,
    pub(super) hold_ms: u32,
    pub(super) holdoff_ms: u32,
}

impl Plan {
    /// What `kind` is to do.
    ///
    /// Errors, with a line in the log: `EOPNOTSUPP` if this kernel cannot have it, or has too few CPUs; `EPERM`
    /// if it needs `stall_unsafe`; `ERANGE` if it must not last so long; `ENXIO` if the CPU is not online.
    /// Context: any.
    pub(super) fn new(kind: &'static Kind) -> Result<Self> {
        let name = kind.name;
        if let Some(needs) = kind.missing {
            pr_err!("parameter stall: {name} needs a kernel with {needs}\n");
            return Err(unsupported());
        }
        if let (Some(breaks), false) = (kind.breaks, UNSAFE.load(Ordering::Relaxed)) {
            pr_err!("parameter stall: {name} needs stall_unsafe=1: {breaks}\n");
            return Err(EPERM);
        }
        let hold_ms = match HOLD_MS.load(Ordering::Relaxed) {
            0 => kind.hold_ms,
            ms => ms,
        };
        if hold_ms > kind.max_hold_ms {
            let most = kind.max_hold_ms;
            pr_err!("parameter stall: {name} wants stall_hold_ms up to {most}, not {hold_ms}\n");
            return Err(ERANGE);
        }
        let cpu = cpu()?;
        let other_cpu = online().find(|other| *other != cpu);
        if kind.needs_two_cpus && other_cpu.is_none() {
            pr_err!("parameter stall: {name} needs two CPUs\n");
            return Err(unsupported());
        }
        Ok(Self {
            kind,
            cpu,
            other_cpu,
            hold_ms,
            holdoff_ms: HOLDOFF_MS.load(Ordering::Relaxed),
        })
    }
}

fn cpu() -> Result<u32> {
    let wanted = CPU.load(Ordering::Relaxed);
    match u32::try_from(wanted) {
        Ok(cpu) if is_online(cpu) => Ok(cpu),
        Ok(cpu) => {
            pr_err!("parameter stall: CPU {cpu}, which stall_cpu names, is not online\n");
            Err(ENXIO)
        }
        // The boot CPU has work that others do not have, and comes first.
        Err(_) => online().last().ok_or(ENXIO),
    }
}

/// The kinds, and none.
static CHOICES: [Option<&Kind>; KINDS.len() + 1] = {
    let mut choices = [None; KINDS.len() + 1];
    let mut number = 0;
    while number < KINDS.len() {
        choices[number + 1] = Some(&KINDS[number]);
        number += 1;
    }
    choices
};

fn name(choice: Option<&'static Kind>) -> &'static str {
    choice.map_or("none", |kind| kind.name)
}

parameter! {
    stall: "charp", 0o644,
    "Kind of stall or misuse to provoke, or none to end it; read, the state and the kinds (default none)",
    show: control::Status,
    set: |argument| {
        permission::check()?;
        match argument.choice(&CHOICES, name)? {
            Some(kind) => control::start(kind),
            None => {
                control::stop();
                Ok(())
            }
        }
    },
}

parameter! {
    stall_cpu: "int", 0o644,
    "CPU that a stall is for; -1 for the last (default -1)",
    show: CPU.load(Ordering::Relaxed),
    set: |argument| {
        permission::check()?;
        let last = i32::try_from(kernel::cpu::nr_cpu_ids()).map_or(i32::MAX, |count| count - 1);
        let cpu = argument.number(-1..=last)?;
        CPU.store(cpu, Ordering::Relaxed);
        Ok(())
    },
}

parameter! {
    stall_hold_ms: "uint", 0o644,
    "Milliseconds that a stall lasts at most, 0 for as many as its kind wants (default 0)",
    show: HOLD_MS.load(Ordering::Relaxed),
    set: |argument| {
        permission::check()?;
        let ms = argument.number(0..=MAX_MS)?;
        HOLD_MS.store(ms, Ordering::Relaxed);
        Ok(())
    },
}

parameter! {
    stall_holdoff_ms: "uint", 0o644,
    "Milliseconds before a stall begins (default 0)",
    show: HOLDOFF_MS.load(Ordering::Relaxed),
    set: |argument| {
        permission::check()?;
        let ms = argument.number(0..=MAX_MS)?;
        HOLDOFF_MS.store(ms, Ordering::Relaxed);
        Ok(())
    },
}

parameter! {
    stall_unsafe: "bool", 0o644,
    "Allow the kinds of stall that leave the kernel unfit (default N)",
    show: YesNo(UNSAFE.load(Ordering::Relaxed)),
    set: |argument| {
        permission::check()?;
        let allow = argument.flag()?;
        UNSAFE.store(allow, Ordering::Relaxed);
        Ok(())
    },
}
