// SPDX-License-Identifier: GPL-2.0

//! From a line of a file to a line of the kernel: takes off whatever wraps it.
//!
//! Loggers put things in front: times in a dozen forms, host and program, levels, quotes of mails, records of
//! `/dev/kmsg`, JSON of container runtimes. Most leave the kernel's own `[   12.345678]` standing. So
//! the time in brackets is looked for first, and what stands before it is the wrapper, whatever it is. Only
//! lines without one need a form that is known.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::clock;
use crate::event::Time;
use crate::scan::Scan;

/// Who logged a line: `CONFIG_PRINTK_CALLER`. It separates CPUs that log at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A task: `T123`.
    Task(u32),
    /// A CPU that is in an interrupt: `C1`.
    Cpu(u32),
}

/// When a line was logged, without an allocation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stamp<'a> {
    /// Seconds since boot.
    Boot(f64),
    /// A time of the day, and how the log writes it.
    Day(f64, &'a str),
    /// Seconds since the line before, as `dmesg -H` has them: the clock to add to, and its text.
    Since(f64),
}

/// A line of the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// The line of the input, from 1.
    pub(crate) number: u64,
    pub(crate) stamp: Option<Stamp<'a>>,
    pub(crate) caller: Option<Caller>,
    /// What the kernel printed, without white space at both ends; ASCII only.
    pub(crate) text: &'a str,
}

/// The start of a line may be wrapper for so many bytes.
const WRAPPER: usize = 240;

/// The longest line that is looked at; of longer ones, the rest is left out.
pub(crate) const MAX_LINE: usize = 16 * 1024;

/// Makes a line of the input printable ASCII: control characters and escape sequences go, tabs become
/// blanks, and what is not ASCII becomes `?`.
pub(crate) fn printable(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.get(..MAX_LINE).unwrap_or(bytes);
    // Without a way out in the middle, the compiler looks at many bytes at once.
    let plain = |byte: u8| byte.wrapping_sub(b' ') < 95;
    if bytes.iter().fold(true, |all, &byte| all & plain(byte)) {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Cow::Borrowed(text);
        }
    }
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b' '..=b'~' => text.push(char::from(byte)),
            b'\t' => text.push(' '),
            0x1b => skip_escape(&mut rest),
            // No-break spaces come with what is copied out of a browser.
            0xc2 if rest.peek() == Some(&0xa0) => {
                rest.next();
                text.push(' ');
            }
            0x80..=0xbf => (),
            0xc0.. => text.push('?'),
            _ => (),
        }
    }
    Cow::Owned(text)
}

/// Colours and cursor movements: `ESC [ 31 m`.
fn skip_escape(rest: &mut std::iter::Peekable<impl Iterator<Item = u8>>) {
    if rest.next_if_eq(&b'[').is_none() {
        rest.next();
        return;
    }
    for byte in rest.by_ref().take(32) {
        if (0x40..0x7f).contains(&byte) {
            return;
        }
    }
}

/// Container runtimes and journald write each line as JSON: takes the text out, which may be several lines.
pub(crate) fn from_json(text: &str) -> Option<String> {
    if !text.starts_with('{') {
        return None;
    }
    let mut scan =
        Scan::after(text, "\"log\":\"").or_else(|| Scan::after(text, "\"MESSAGE\":\""))?;
    let mut message = String::new();
    loop {
        message.push_str(scan.run(|byte| byte != b'\\' && byte != b'"'));
        match scan.byte() {
            Some(b'\\') => match scan.byte()? {
                b'n' | b'r' => message.push('\n'),
                b't' => message.push(' '),
                b'u' => {
                    let code = scan.rest().get(..4)?;
                    let code = u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
                    for _ in 0..4 {
                        scan.byte();
                    }
                    message.push(code.filter(char::is_ascii).unwrap_or('?'));
                }
                other => message.push(char::from(other)),
            },
            _ => return Some(message),
        }
    }
}

/// `/dev/kmsg` writes what is not printable, and a backslash, as `\x09`: a record may be several lines.
pub(crate) fn from_kmsg(text: &str) -> Option<String> {
    if !text.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    let mut rest = text.get(..text.find("\\x")?)?;
    let mut line = Line {
        number: 0,
        stamp: None,
        caller: None,
        text,
    };
    kmsg_record(Scan::new(text), &mut line)?;
    let mut message = String::new();
    let mut from = 0;
    loop {
        message.push_str(rest);
        from += rest.len();
        let Some(escape) = text.get(from..).filter(|rest| !rest.is_empty()) else {
            return Some(message);
        };
        let code = escape
            .strip_prefix("\\x")
            .and_then(|digits| u8::from_str_radix(digits.get(..2)?, 16).ok());
        let taken = match code {
            Some(b'\t') => {
                message.push(' ');
                4
            }
            Some(byte @ (b'\n' | b' '..=b'~')) => {
                message.push(char::from(byte));
                4
            }
            Some(_) => 4,
            None => {
                message.push('\\');
                1
            }
        };
        from += taken;
        let behind = text.get(from..).unwrap_or_default();
        rest = behind.get(..behind.find('\\').unwrap_or(behind.len()))?;
    }
}

/// Takes off what wraps a line. Lines that carry nothing of the kernel's are `None`.
pub(crate) fn unwrap(text: &str, number: u64) -> Option<Line<'_>> {
    let mut line = Line {
        number,
        stamp: None,
        caller: None,
        text,
    };
    let text = match first_stamp(text) {
        Some(found) => {
            line.stamp = Some(found.stamp);
            let scan = Scan::new(found.rest);
            behind_stamp(scan, &mut line)
        }
        None => without_stamp(text, &mut line)?,
    };
    line.text = text.trim_matches([' ', '\t']);
    Some(line)
}

struct Found<'a> {
    stamp: Stamp<'a>,
    /// Where the bracket stands.
    at: usize,
    rest: &'a str,
}

/// Finds the kernel's time at the start of a line, behind any wrapper.
fn first_stamp(text: &str) -> Option<Found<'_>> {
    let mut from = 0;
    while from < WRAPPER {
        let at = from + memchr(b'[', text.as_bytes().get(from..)?)?;
        if at >= WRAPPER {
            return None;
        }
        if let Some((stamp, rest)) = bracket(text.get(at + 1..)?) {
            // A terminal's own time may stand before the kernel's.
            let behind = match stamp {
                Stamp::Day(..) => first_stamp(rest).filter(|found| found.at < 12),
                _ => None,
            };
            return Some(behind.unwrap_or(Found { stamp, at, rest }));
        }
        from = at + 1;
    }
    None
}

/// Where the next kernel's time stands inside of a text: two lines that ran into each other.
pub(crate) fn second_stamp(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = 1;
    loop {
        let at = from + memchr(b'[', bytes.get(from..)?)?;
        if bytes.get(at..).is_some_and(looks_like_stamp) {
            if let Some((Stamp::Boot(_), _)) = bracket(text.get(at + 1..)?) {
                return Some(at);
            }
        }
        from = at + 1;
    }
}

fn looks_like_stamp(bytes: &[u8]) -> bool {
    let dot = bytes.iter().take(16).position(|&byte| byte == b'.');
    dot.is_some_and(|dot| bytes.get(dot + 4).is_some_and(u8::is_ascii_digit))
}

/// What stands behind `[` of a time, up to `]`.
fn bracket(text: &str) -> Option<(Stamp<'_>, &str)> {
    let mut scan = Scan::new(text);
    scan.spaces();
    if scan.eat("+") {
        let seconds = decimal(&mut scan)?;
        scan.expect("]")?;
        return Some((Stamp::Since(seconds), scan.rest()));
    }
    match scan.peek()? {
        b'0'..=b'9' => {
            if let Some(seconds) = decimal(&mut scan) {
                scan.expect("]")?;
                return Some((Stamp::Boot(seconds), scan.rest()));
            }
        }
        b'A'..=b'Z' => (),
        _ => return None,
    }
    let mut scan = Scan::new(text);
    let day = scan.rest();
    let clock = clock::time_of_day(&mut scan)?;
    let shown = day.get(..day.len() - scan.rest().len())?;
    scan.expect("]")?;
    Some((Stamp::Day(clock, shown), scan.rest()))
}

/// Seconds with at least three decimals, as printk writes them: `[12.3]` is something else.
fn decimal(scan: &mut Scan<'_>) -> Option<f64> {
    let mut ahead = *scan;
    let seconds = ahead.number()?;
    ahead.expect(".")?;
    let digits = ahead.run(|byte| byte.is_ascii_digit());
    if !(3..=9).contains(&digits.len()) {
        return None;
    }
    let fraction = digits.parse::<u32>().ok()?;
    *scan = ahead;
    Some(seconds as f64 + f64::from(fraction) / 10f64.powi(digits.len() as i32))
}

/// Between the time and the text: callers, and what journald, Android and vendors add.
fn behind_stamp<'a>(mut scan: Scan<'a>, line: &mut Line<'a>) -> &'a str {
    for _ in 0..4 {
        let mut ahead = scan;
        ahead.spaces();
        if let Some(caller) = caller(&mut ahead) {
            line.caller = Some(caller);
            scan = ahead;
        } else if let Some(caller) = vendor_caller(&mut ahead) {
            line.caller = line.caller.or(Some(caller));
            scan = ahead;
        } else {
            break;
        }
    }
    // `journalctl -o short-monotonic` has host and program behind the time.
    let mut ahead = scan;
    if ahead.spaces().eat("kernel:") {
        return ahead.rest();
    }
    let host = ahead.word();
    ahead.spaces();
    if !host.is_empty() && !host.ends_with(':') && ahead.eat("kernel:") {
        scan = ahead;
        // It may be followed by the kernel's own time.
        let mut own = scan;
        if own.spaces().eat("[") {
            if let Some((stamp @ Stamp::Boot(_), rest)) = bracket(own.rest()) {
                line.stamp = Some(stamp);
                return behind_stamp(Scan::new(rest), line);
            }
        }
    }
    scan.rest()
}

/// `[T123]`, `[   C1]`.
fn caller(scan: &mut Scan<'_>) -> Option<Caller> {
    let mut ahead = *scan;
    ahead.expect("[")?.spaces();
    let kind = ahead.byte()?;
    let number = ahead.small()?;
    ahead.expect("]")?;
    *scan = ahead;
    match kind {
        b'T' => Some(Caller::Task(number)),
        b'C' => Some(Caller::Cpu(number)),
        _ => None,
    }
}

/// Telephones' kernels name CPU and task: `[2:    kworker/2:1:   57]`, `(2)[57:kworker/2:1]`.
fn vendor_caller(scan: &mut Scan<'_>) -> Option<Caller> {
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
    // A level stands before it: `I[2: ...`.
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

/// A line without the kernel's time in brackets.
fn without_stamp<'a>(text: &'a str, line: &mut Line<'a>) -> Option<&'a str> {
    let mut scan = Scan::new(unquoted(text));
    if let Some(text) = kmsg_record(scan, line) {
        return Some(text);
    }
    level(&mut scan);
    let start = scan.rest();
    if let Some(day) = clock::time_of_day(&mut scan) {
        let shown = start.get(..start.len() - scan.rest().len())?;
        line.stamp = Some(Stamp::Day(day, shown));
        scan.spaces();
        // A collector of netconsole's messages puts time and host before them.
        let mut host = scan;
        host.word();
        if let Some(text) = kmsg_record(*host.spaces(), line) {
            return Some(text);
        }
        match behind_program(scan.rest()) {
            Some(rest) => scan = Scan::new(rest),
            None if is_other_program(scan.rest()) => return None,
            None => (),
        }
        scan.spaces();
        level(&mut scan);
    } else if let Some(rest) = behind_program(scan.rest()) {
        scan = Scan::new(rest);
    }
    Some(scan.rest())
}

/// Behind the host's and the kernel's name of a syslog: `host kernel: text`, `host kern.err kernel: text`.
fn behind_program(text: &str) -> Option<&str> {
    let at = text.get(..100.min(text.len()))?.find("kernel:")?;
    let before = text.get(..at)?;
    let words = before.split_ascii_whitespace().count();
    let alone = before.is_empty() || before.ends_with(' ');
    (alone && words <= 3).then(|| text.get(at + "kernel:".len()..))?
}

/// A syslog's line of another program: `host sshd[12]: text`.
fn is_other_program(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let (Some(_), Some(program)) = (words.next(), words.next()) else {
        return false;
    };
    program.ends_with("]:") && program.contains('[')
}

/// `6,339,5140900,-,caller=T1;text`, as `/dev/kmsg` and the extended netconsole have it.
fn kmsg_record<'a>(mut scan: Scan<'a>, line: &mut Line<'a>) -> Option<&'a str> {
    scan.number()?;
    scan.expect(",")?.number()?;
    let microseconds = scan.expect(",")?.number()?;
    scan.expect(",")?;
    let flags = scan.until(";")?;
    line.stamp = Some(Stamp::Boot(microseconds as f64 / 1e6));
    if let Some(mut caller) = Scan::after(flags, "caller=") {
        line.caller = match caller.byte() {
            Some(b'T') => caller.small().map(Caller::Task),
            Some(b'C') => caller.small().map(Caller::Cpu),
            _ => None,
        };
    }
    Some(scan.rest())
}

/// `<3>`, and `kern  :err   :` of `dmesg -x`.
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

/// Without the quotes of mails and the indents of bug trackers.
fn unquoted(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '>', '|'])
}

/// Keeps the time while lines go by.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// The clock of the last line that had one.
    pub(crate) clock: Option<f64>,
    /// The last full time of `dmesg -H`, and the seconds added to it since.
    base: Option<(f64, String)>,
    since: f64,
    /// Whether that is of the time of day. Some logs have lines of both sorts, which cannot be compared.
    pub(crate) of_day: bool,
    /// The clocks of this boot, how many lines have been far before theirs, and the first of them.
    high: [Option<f64>; 2],
    low: u32,
    low_from: u64,
}

/// Time that goes back by more than this many seconds is that of another boot, or a stray line.
const BOOT: f64 = 60.0;

impl Times {
    /// Takes a line's time; the clock stands still for those without.
    pub(crate) fn see(&mut self, stamp: Option<Stamp<'_>>) {
        if let Some(stamp) = stamp {
            self.of_day = !matches!(stamp, Stamp::Boot(_));
        }
        match stamp {
            None => (),
            Some(Stamp::Boot(clock)) => self.clock = Some(clock),
            Some(Stamp::Day(clock, text)) => {
                self.clock = Some(clock);
                self.since = 0.0;
                // Full minutes are what the following `[  +0.1]` add to.
                if text.len() <= "Nov 21 10:00".len() {
                    self.base = Some((clock, text.to_string()));
                }
            }
            Some(Stamp::Since(seconds)) => {
                self.since += seconds;
                let base = self.base.as_ref().map_or(0.0, |(clock, _)| *clock);
                self.clock = Some(base + self.since);
            }
        }
    }

    /// Whether the line that was seen just now is of another boot: time went back, and stays there. Consoles
    /// that are mixed go back and forth.
    /// Gives the first line of the boot.
    pub(crate) fn went_back(&mut self, number: u64) -> Option<u64> {
        let clock = self.clock?;
        let high = self.high.get_mut(usize::from(self.of_day))?;
        let before = *high.get_or_insert(clock);
        if before - clock <= BOOT {
            *high = Some(clock);
            self.low = 0;
            return None;
        }
        if self.low == 0 {
            self.low_from = number;
        }
        self.low += 1;
        if self.low <= 2 && clock >= 5.0 {
            return None;
        }
        *high = Some(clock);
        self.low = 0;
        Some(self.low_from)
    }

    /// The time of a line that was seen just now.
    pub(crate) fn time(&self, stamp: Option<Stamp<'_>>) -> Option<Time> {
        let clock = self.clock?;
        let text = match stamp? {
            Stamp::Boot(_) => None,
            Stamp::Day(_, text) => Some(text.to_string()),
            Stamp::Since(_) => Some(match &self.base {
                Some((_, text)) => format!("{text} +{:.6}", self.since),
                None => format!("+{:.6}", self.since),
            }),
        };
        Some(Time { clock, text })
    }
}

/// Whether a line of `/dev/kmsg` only continues a record: ` SUBSYSTEM=block`.
pub(crate) fn is_kmsg_property(text: &str) -> bool {
    let mut scan = Scan::new(text);
    scan.eat(" ")
        && !scan
            .run(|byte| byte.is_ascii_uppercase() || byte == b'_')
            .is_empty()
        && scan.eat("=")
}

/// Cuts a line at carriage returns, which serial consoles leave in it.
pub(crate) fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while !bytes.is_empty() {
            let end = memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len());
            let piece = bytes.get(..end)?;
            bytes = bytes.get(end + 1..).unwrap_or_default();
            if !piece.is_empty() {
                return Some(piece);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str) -> (Option<f64>, Option<Caller>, String) {
        let shown = printable(line.as_bytes());
        let line = unwrap(&shown, 1).unwrap_or_else(|| panic!("nothing of the kernel's: {line:?}"));
        let clock = match line.stamp {
            Some(Stamp::Boot(clock)) => Some(clock),
            Some(Stamp::Day(clock, _)) => Some(clock % 86_400.0),
            Some(Stamp::Since(seconds)) => Some(seconds),
            None => None,
        };
        (clock, line.caller, line.text.to_string())
    }

    #[test]
    fn the_time_in_brackets_is_found_behind_anything() {
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
    fn callers_are_kept() {
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
    fn lines_without_brackets_have_known_forms() {
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
    fn other_programs_say_nothing() {
        assert!(unwrap("Nov 21 10:00:00 host sshd[12]: INFO: task x:1", 1).is_none());
    }

    #[test]
    fn what_is_in_brackets_later_is_text() {
        let (clock, _, shown) = text("[   12.345678] usb 1-1: [34.5] foo [ 1.123456x]");
        assert_eq!(clock, Some(12.345678));
        assert_eq!(shown, "usb 1-1: [34.5] foo [ 1.123456x]");
    }

    #[test]
    fn two_lines_in_one_are_found() {
        let line = "INFO: foo [   12.345679] bar";
        assert_eq!(second_stamp(line), Some(10));
        assert_eq!(second_stamp("a [<ffffffff81000000>] b [nfs] [12.5]"), None);
    }

    #[test]
    fn containers_write_json() {
        let line = r#"{"log":"[   12.345678] \u003c3\u003e \"x\"\n","stream":"stdout"}"#;
        assert_eq!(
            from_json(line).as_deref(),
            Some("[   12.345678] <3> \"x\"\n")
        );
        assert_eq!(
            from_json(r#"{"MESSAGE":"INFO: x","PRIORITY":"3"}"#).as_deref(),
            Some("INFO: x")
        );
        assert_eq!(from_json("{ 1 2} (t=5"), None);
    }

    #[test]
    fn escapes_of_kmsg_are_undone() {
        assert_eq!(
            from_kmsg(r"3,3,13250001,-;rcu: \x091-....: a\x0ab\x5cc\xe2\x80 \q").as_deref(),
            Some("3,3,13250001,-;rcu:  1-....: a\nb\\c \\q")
        );
        assert_eq!(from_kmsg(r"3,3,13250001,-;rcu"), None);
        assert_eq!(from_kmsg(r"12 \x09"), None);
        assert_eq!(from_kmsg(r"3,3,1,-;\x"), Some(r"3,3,1,-;\x".to_string()));
    }

    #[test]
    fn relative_times_add_up() {
        let mut times = Times::default();
        for line in ["[Nov21 10:00] a", "[  +1.500000] b", "[  +0.250000] c"] {
            let line = unwrap(line, 1).expect("a line");
            times.see(line.stamp);
        }
        let time = times.time(Some(Stamp::Since(0.25))).expect("a time");
        assert_eq!(time.text.as_deref(), Some("Nov21 10:00 +1.750000"));
        assert_eq!(time.clock % 86_400.0, 36_001.75);
    }

    #[test]
    fn another_boot_is_known_by_its_time() {
        let boots = |clocks: &[f64]| {
            let mut times = Times::default();
            let went_back = |clock: &f64| {
                times.see(Some(Stamp::Boot(*clock)));
                times.went_back(1).is_some()
            };
            clocks.iter().map(went_back).filter(|&boot| boot).count()
        };
        assert_eq!(boots(&[900.0, 901.0, 899.0, 902.0]), 0);
        assert_eq!(boots(&[900.0, 352.0, 901.0, 98.0, 353.0, 902.0]), 0);
        assert_eq!(boots(&[900.0, 352.0, 353.0, 354.0, 355.0]), 1);
        assert_eq!(boots(&[900.0, 0.0, 0.1]), 1);
    }

    #[test]
    fn times_of_two_sorts_are_no_boots() {
        let mut times = Times::default();
        let day = Stamp::Day(6e10, "2026-11-21T10:00:00");
        for stamp in [
            day,
            Stamp::Boot(90.0),
            Stamp::Boot(91.0),
            Stamp::Boot(92.0),
            day,
        ] {
            times.see(Some(stamp));
            assert_eq!(times.went_back(1), None);
        }
    }

    #[test]
    fn properties_of_records_are_known() {
        assert!(is_kmsg_property(" SUBSYSTEM=block"));
        assert!(!is_kmsg_property(" RSP: 0018"));
        assert!(!is_kmsg_property("SUBSYSTEM=block"));
    }

    #[test]
    fn carriage_returns_cut() {
        let cut: Vec<_> = pieces(b"a\r\rb\r").collect();
        assert_eq!(cut, [b"a", b"b"]);
    }
}
