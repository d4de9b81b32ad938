// SPDX-License-Identifier: GPL-2.0

//! The caller of printk that logged a line.

use crate::scan::Scan;

/// The task or CPU that logged a line (`CONFIG_PRINTK_CALLER`). Separates CPUs that log together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A task: `T123`.
    Task(u32),
    /// A CPU in an interrupt: `C1`.
    Cpu(u32),
}

impl Caller {
    /// Parses `T123` or `C1`.
    pub(super) fn parse(scan: &mut Scan<'_>) -> Option<Self> {
        match (scan.byte()?, scan.small()?) {
            (b'T', pid) => Some(Self::Task(pid)),
            (b'C', cpu) => Some(Self::Cpu(cpu)),
            _ => None,
        }
    }
}

/// Parses `[T123]`, `[   C1]`.
pub(super) fn printk(scan: &mut Scan<'_>) -> Option<Caller> {
    let mut ahead = *scan;
    ahead.expect("[")?.spaces();
    let caller = Caller::parse(&mut ahead)?;
    ahead.expect("]")?;
    *scan = ahead;
    Some(caller)
}

/// Parses the caller of a line whose time was removed: `[   C1] text`, `T123;text`.
pub(super) fn without_time(scan: &mut Scan<'_>) -> Option<Caller> {
    let mut ahead = *scan;
    ahead.spaces();
    if let Some(caller) = printk(&mut ahead) {
        *scan = ahead;
        return Some(caller);
    }
    let caller = Caller::parse(&mut ahead)?;
    ahead.expect(";")?;
    *scan = ahead;
    Some(caller)
}

/// Parses the CPU and task that Android vendors add: `[2:    kworker/2:1:   57]`,
/// `(2)[57:kworker/2:1]`.
pub(super) fn vendor(scan: &mut Scan<'_>) -> Option<Caller> {
    let mut ahead = *scan;
    if ahead.eat("(") {
        let cpu = ahead.small()?;
        ahead.expect(")[")?;
        ahead.number()?;
        ahead.expect(":")?;
        ahead.until("]")?;
        *scan = ahead;
        return Some(Caller::Cpu(cpu));
    }
    // A level may precede it: `I[2: ...`.
    if ahead.peek()?.is_ascii_uppercase() {
        ahead.byte();
    }
    ahead.expect("[")?.spaces();
    let cpu = ahead.small()?;
    ahead.expect(":")?;
    let inner = ahead.until("]")?;
    let (_, pid) = inner.rsplit_once(':')?;
    pid.trim().parse::<u32>().ok()?;
    *scan = ahead;
    Some(Caller::Cpu(cpu))
}
