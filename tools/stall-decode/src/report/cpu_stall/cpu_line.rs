// SPDX-License-Identifier: GPL-2.0

//! Lines of a stall report on one CPU: `3-...!: (20 ticks this GP) idle=…`, and the cputime table.

use crate::event::{CpuDetail, CpuTime, Event};
use crate::report::culprits::detail_of;
use crate::scan::{number_after, Scan};

/// Parses each CPU of a line. Returns whether there is one.
///
/// Two CPUs may write into one line, so this finds each bracket and parses the CPU backwards from
/// it.
pub(super) fn parse(event: &mut Event, text: &str) -> bool {
    let mut found = false;
    let mut from = 0;
    while let Some(open) = text.get(from..).and_then(|rest| rest.find('(')) {
        let open = from + open;
        from = open + 1;
        let (Some(before), Some(inside)) = (text.get(..open), text.get(open + 1..)) else {
            break;
        };
        let mut scan = Scan::new(inside);
        let Some(value) = scan.number() else {
            continue;
        };
        let is_ticks = scan.eat(" ticks this GP)");
        if !is_ticks && !scan.eat(" GPs behind)") {
            continue;
        }
        let Some((cpu, flags)) = cpu_before(before) else {
            continue;
        };
        found = true;
        event.add_cpu(cpu);
        let detail = detail_of(event, cpu);
        detail.flags = flags.to_string();
        detail.offline = flags.starts_with('O');
        detail.irq_work = irq_work(flags);
        if is_ticks {
            detail.ticks_this_gp = Some(value);
        } else {
            detail.gps_behind = Some(value);
        }
        // The fields end where the next CPU begins.
        let rest = scan.rest();
        let end = rest
            .find(" GP")
            .or_else(|| rest.find("GPs "))
            .unwrap_or(rest.len());
        cpu_fields(detail, rest.get(..end).unwrap_or(rest));
    }
    found
}

/// Parses the CPU and its flags at the end of `rcu: \t3-...!: `.
fn cpu_before(before: &str) -> Option<(u32, &str)> {
    let before = before.trim_end().strip_suffix(':')?;
    let flags_at = before.len()
        - before
            .bytes()
            .rev()
            .take_while(|byte| b".OoN!?".contains(byte) || byte.is_ascii_digit())
            .count();
    let (head, tail) = before.split_at_checked(flags_at)?;
    if let Some(head) = head.strip_suffix('-') {
        let digits = head.bytes().rev().take_while(u8::is_ascii_digit).count();
        let cpu = head.get(head.len() - digits..)?.parse().ok()?;
        return Some((cpu, tail));
    }
    Some((tail.parse().ok()?, ""))
}

fn irq_work(flags: &str) -> Option<&'static str> {
    Some(match flags.as_bytes().get(3)? {
        b'.' => "ran",
        b'!' => "not run",
        b'0'..=b'9' => "pending",
        _ => "unknown",
    })
}

fn cpu_fields(detail: &mut CpuDetail, text: &str) {
    if let Some(mut scan) = Scan::after(text, "idle=") {
        detail.idle = Some(scan.word().to_string()).filter(|idle| !idle.is_empty());
    }
    if let Some(mut scan) = Scan::after(text, "softirq=") {
        if let Some(before) = scan.number() {
            if scan.eat("/") {
                detail.softirq = scan.number().map(|now| [before, now]);
            }
        }
    }
    detail.fqs = number_after(text, "fqs=").or(detail.fqs);
    if let Some(mut scan) = Scan::after(text, "rcuc=") {
        detail.rcuc_starved_jiffies = scan.signed();
    }
    detail.false_positive = text.contains("(false positive?)");
}

/// Parses the rest of a CPU's line that was cut: `softirq=1/2 fqs=3`.
pub(super) fn rest(event: &mut Event, text: &str) -> bool {
    let is_rest = text.starts_with("softirq=") || text.starts_with("fqs=");
    match event.cpu_details.last_mut().filter(|_| is_rest) {
        Some(detail) => {
            cpu_fields(detail, text);
            true
        }
        None => false,
    }
}

/// Parses a line of the table that `rcupdate.rcu_cpu_stall_cputime` adds.
pub(super) fn cputime(event: &mut Event, text: &str) -> bool {
    let (values, is_number) = if let Some(rest) = text.strip_prefix("number:") {
        (rest, true)
    } else if let Some(rest) = text.strip_prefix("cputime:") {
        (rest, false)
    } else {
        return text.starts_with("hardirqs ") && text.contains("csw/system");
    };
    let Some(detail) = event.cpu_details.last_mut() else {
        return false;
    };
    let mut scan = Scan::new(values);
    let mut three = [0; 3];
    for value in &mut three {
        match scan.spaces().signed() {
            Some(number) => *value = number,
            None => return false,
        }
    }
    let cputime = detail.cputime.get_or_insert_with(CpuTime::default);
    if is_number {
        cputime.number = Some(three);
    } else {
        cputime.milliseconds = Some(three);
        cputime.period = Scan::after(values, "==>").and_then(|mut scan| scan.spaces().signed());
    }
    true
}
