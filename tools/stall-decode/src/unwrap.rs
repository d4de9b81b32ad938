// SPDX-License-Identifier: GPL-2.0

//! Removes the text that loggers put around a kernel line.
//!
//! Loggers add times in a dozen forms, host, program, level, mail quotes, `/dev/kmsg` records, and
//! JSON. Most keep the kernel's own `[   12.345678]`. `unwrap` searches for that stamp first and
//! drops all text before it. Only lines without a stamp need a known form.

mod calendar;
mod caller;
mod html;
mod json;
mod mail;
mod prefix;
mod printable;
mod record;
mod stamp;

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::scan::Scan;
pub(crate) use caller::Caller;
pub(crate) use html::without_html;
pub(crate) use json::{from_json, JournalEntry};
pub(crate) use mail::QuotedPrintable;
pub(crate) use prefix::Prefix;
pub(crate) use printable::{has_markup, pieces, printable};
pub(crate) use record::{from_kmsg, is_kmsg_property};
pub(crate) use stamp::{second_stamp, OwnedStamp, Stamp};

/// Longest input line decoded, in bytes. Excess bytes are ignored.
pub(crate) const MAX_LINE: usize = 16 * 1024;

/// A kernel log line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// The input line, from 1.
    pub(crate) number: u64,
    pub(crate) stamp: Option<Stamp<'a>>,
    pub(crate) caller: Option<Caller>,
    /// The kernel's text, ASCII, trimmed.
    pub(crate) text: &'a str,
}

/// Unwraps a line. Returns `None` for a line of another program.
pub(crate) fn unwrap(text: &str, number: u64) -> Option<Line<'_>> {
    let mut line = Line {
        number,
        stamp: None,
        caller: None,
        text,
    };
    let text = match stamp::first_stamp(text) {
        Some(found) => {
            line.stamp = Some(found.stamp);
            let rest = after_stamp(Scan::new(found.rest), &mut line);
            // A logger of key-value pairs quotes the kernel's line: `msg="[   12.3] text"`.
            match found.is_quoted {
                true => rest.rsplit_once('"').map_or(rest, |(rest, _)| rest),
                false => rest,
            }
        }
        None => without_stamp(text, &mut line)?,
    };
    let text = text.trim_matches([' ', '\t']);
    // Android's kernels mark a continued line.
    line.text = text.strip_prefix("<c>").unwrap_or(text);
    Some(line)
}

/// Skips callers, host and program between the stamp and the text.
fn after_stamp<'a>(mut scan: Scan<'a>, line: &mut Line<'a>) -> &'a str {
    for _ in 0..4 {
        let mut ahead = scan;
        ahead.spaces();
        if let Some(caller) = caller::printk(&mut ahead) {
            line.caller = Some(caller);
        } else if let Some(caller) = caller::vendor(&mut ahead) {
            line.caller = line.caller.or(Some(caller));
        } else {
            break;
        }
        scan = ahead;
    }
    // `journalctl -o short-monotonic` prints host and program after the stamp.
    let mut ahead = scan;
    if ahead.spaces().eat("kernel:") {
        return ahead.rest();
    }
    let host = ahead.word();
    ahead.spaces();
    if !host.is_empty() && !host.ends_with(':') && ahead.eat("kernel:") {
        scan = ahead;
        // The kernel's own stamp may follow.
        let mut own = scan;
        if own.spaces().eat("[") {
            if let Some((stamp @ Stamp::Boot(_), rest)) = stamp::bracket(own.rest()) {
                line.stamp = Some(stamp);
                return after_stamp(Scan::new(rest), line);
            }
        }
    }
    scan.rest()
}

/// Unwraps a line without a kernel stamp: syslog, `/dev/kmsg`, or bare text.
fn without_stamp<'a>(text: &'a str, line: &mut Line<'a>) -> Option<&'a str> {
    let mut scan = Scan::new(unquoted(text));
    if let Some(text) = record::kmsg_record(scan, line) {
        return Some(text);
    }
    level(&mut scan);
    let start = scan.rest();
    if let Some(day) = calendar::time_of_day(&mut scan) {
        let shown = start.get(..start.len() - scan.rest().len())?;
        line.stamp = Some(Stamp::Day(day, shown));
        scan.spaces();
        // A netconsole collector writes time and host before the record.
        let mut host = scan;
        host.word();
        if let Some(text) = record::kmsg_record(*host.spaces(), line) {
            return Some(text);
        }
        match after_program(scan.rest()) {
            Some(rest) => scan = Scan::new(rest),
            None if is_other_program(scan.rest()) => return None,
            None => (),
        }
        scan.spaces();
        level(&mut scan);
    } else if let Some(rest) = after_program(scan.rest()) {
        scan = Scan::new(rest);
    }
    line.caller = caller::without_time(&mut scan);
    Some(scan.rest())
}

/// Skips host, facility and program of a syslog line: `host kern.err kernel: text`.
fn after_program(text: &str) -> Option<&str> {
    static PROGRAM: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("kernel:"));
    let at = PROGRAM.find(text.as_bytes().get(..100).unwrap_or(text.as_bytes()))?;
    let before = text.get(..at)?;
    let words = before.split_ascii_whitespace().count();
    let is_word = before.is_empty() || before.ends_with(' ');
    (is_word && words <= 3).then(|| text.get(at + "kernel:".len()..))?
}

/// Returns whether this is a syslog line of another program: `host sshd[12]: text`.
fn is_other_program(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let (Some(_), Some(program)) = (words.next(), words.next()) else {
        return false;
    };
    program.ends_with("]:") && program.contains('[')
}

/// Skips a level: `<3>`, or `kern  :err   :` as printed by `dmesg -x`.
fn level(scan: &mut Scan<'_>) {
    let mut ahead = *scan;
    if ahead.eat("<") && ahead.number().is_some() && ahead.eat(">") {
        *scan = ahead;
        scan.spaces();
        return;
    }
    let mut ahead = *scan;
    if ahead.eat("kern") {
        ahead.spaces();
        if ahead.eat(":") {
            ahead.run(|byte| byte.is_ascii_lowercase());
            if ahead.spaces().eat(":") {
                ahead.spaces();
                *scan = ahead;
            }
        }
    }
}

/// Strips mail quotes and indents.
fn unquoted(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '>', '|'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str) -> (Option<f64>, Option<Caller>, String) {
        let shown = printable(line.as_bytes());
        let line = unwrap(&shown, 1).unwrap_or_else(|| panic!("no kernel line: {line:?}"));
        let clock = match line.stamp {
            Some(Stamp::Boot(clock)) => Some(clock),
            Some(Stamp::Day(clock, _)) => Some(clock % 86_400.0),
            Some(Stamp::Since(seconds)) => Some(seconds),
            None => None,
        };
        (clock, line.caller, line.text.to_string())
    }

    #[test]
    fn a_stamp_is_found_after_any_wrapper() {
        for line in [
            "[   12.345678] INFO: x",
            "<3>[   12.345678] INFO: x",
            "kern  :err   : [   12.345678] INFO: x",
            "> [   12.345678] INFO: x",
            ">> | [   12.345678] INFO: x",
            "\t    [   12.345678] INFO: x",
            "Nov 21 10:00:00 host kernel: [   12.345678] INFO: x",
            "2026-11-21T10:00:00.123456+00:00 host kernel: [   12.345678] INFO: x",
            "Sat Nov 21 10:00:00 2026 kern.err kernel: [   12.345678] INFO: x",
            "[2026-11-21 10:00:00.123] <3>[   12.345678] INFO: x",
            "2026-11-21T10:00:00.123456Z <4>[   12.345678] INFO: x",
            "11-21 10:00:00.123     0     0 E         : [   12.345678] INFO: x",
            "\x1b[32m[   12.345678] \x1b[0m\x1b[31mINFO: x\x1b[0m\r",
            "\0[   12.345678] INFO: x\0",
            "\u{a0}[   12.345678] INFO: x",
        ] {
            let expected = (Some(12.345678), None, "INFO: x".to_string());
            assert_eq!(text(line), expected, "{line:?}");
        }
    }

    #[test]
    fn callers_are_parsed() {
        for (line, caller) in [
            ("[   12.345678] [   T123] x", Caller::Task(123)),
            ("[   12.345678][  T123] x", Caller::Task(123)),
            ("[   12.345678][    C1] x", Caller::Cpu(1)),
            ("[   12.345678] [C1] x", Caller::Cpu(1)),
            ("3,1,12345678,-,caller=T123;x", Caller::Task(123)),
            (
                "<3>[   12.345678] [1:      swapper/1:    0] x",
                Caller::Cpu(1),
            ),
            ("<3>[   12.345678]  (1)[57:kworker/1:1]x", Caller::Cpu(1)),
        ] {
            let expected = (Some(12.345678), Some(caller), "x".to_string());
            assert_eq!(text(line), expected, "{line:?}");
        }
    }

    #[test]
    fn callers_without_a_time_are_parsed() {
        for (line, caller) in [
            ("[   T123] x", Caller::Task(123)),
            ("[    C1] x", Caller::Cpu(1)),
            ("T123; x", Caller::Task(123)),
            ("Nov 21 10:00:00 host kernel: [    C1] x", Caller::Cpu(1)),
        ] {
            let (_, found, shown) = text(line);
            assert_eq!((found, shown.as_str()), (Some(caller), "x"), "{line:?}");
        }
    }

    #[test]
    fn lines_without_a_stamp_are_unwrapped_by_form() {
        let ten = Some(36_000.0);
        for (line, clock) in [
            ("Nov 21 10:00:00 host kernel: INFO: x", ten),
            ("Nov 21 10:00:00 kernel: INFO: x", ten),
            ("2026-11-21T10:00:00+0000 host kernel: INFO: x", ten),
            ("Nov 21 10:00:00 host kern.err kernel: INFO: x", ten),
            ("2026-11-21T10:00:00,000000+00:00 INFO: x", ten),
            ("[Sat Nov 21 10:00:00 2026] INFO: x", ten),
            ("[Nov21 10:00] INFO: x", ten),
            ("[  +0.000005] INFO: x", Some(0.000005)),
            ("6,339,5140900,-;INFO: x", Some(5.1409)),
            ("[   12.345678] host kernel: INFO: x", Some(12.345678)),
            ("[   12.345678] kernel: INFO: x", Some(12.345678)),
            (
                "Dec  7 10:12:34 host 3,3808,12345678,-;INFO: x",
                Some(12.345678),
            ),
            ("host kernel: INFO: x", None),
            ("> INFO: x", None),
            ("INFO: x", None),
        ] {
            let (found, _, text) = text(line);
            assert_eq!((found, text.as_str()), (clock, "INFO: x"), "{line:?}");
        }
    }

    #[test]
    fn lines_of_other_programs_are_dropped() {
        assert!(unwrap("Nov 21 10:00:00 host sshd[12]: INFO: task x:1", 1).is_none());
    }

    #[test]
    fn brackets_inside_the_text_are_no_stamp() {
        let (clock, _, shown) = text("[   12.345678] usb 1-1: [34.5] foo [ 1.123456x]");
        assert_eq!(clock, Some(12.345678));
        assert_eq!(shown, "usb 1-1: [34.5] foo [ 1.123456x]");
    }
}
