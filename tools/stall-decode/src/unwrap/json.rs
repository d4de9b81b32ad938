// SPDX-License-Identifier: GPL-2.0

//! Kernel lines in JSON and in the other formats of the journal.
//!
//! Container runtimes and `journalctl -o json` write an object a line, log viewers an array or one
//! member a line. `journalctl -o export` and `-o verbose` write one `NAME=value` a line.

use crate::scan::{number_after, Scan};

/// Members that hold a log line.
const MEMBERS: [&str; 6] = [
    "\"log\"",
    "\"MESSAGE\"",
    "\"message\"",
    "\"msg\"",
    "\"line\"",
    "\"_raw\"",
];

/// Members with the microseconds since boot at which the kernel logged the line.
const CLOCKS: [&str; 2] = [
    "\"_SOURCE_MONOTONIC_TIMESTAMP\"",
    "\"__MONOTONIC_TIMESTAMP\"",
];

/// Extracts the text, of one or more lines, from JSON.
pub(crate) fn from_json(text: &str) -> Option<String> {
    let start = text.trim_start().trim_start_matches(['[', ',']);
    let start = start.trim_start();
    if !start.starts_with('{') && !start.starts_with('"') {
        return None;
    }
    let is_member = start.starts_with('"');
    let mut message = String::new();
    let mut rest = start;
    while let Some((value, behind)) = next_member(rest, is_member) {
        if !message.is_empty() && !message.ends_with('\n') {
            message.push('\n');
        }
        if !value.trim_start().starts_with(['[', '<']) {
            message.push_str(&stamp(start));
        }
        message.push_str(&value);
        rest = behind;
    }
    (rest.len() < start.len()).then_some(message)
}

/// Returns the next value of a member, and the text behind it.
fn next_member(text: &str, is_member: bool) -> Option<(String, &str)> {
    let found = MEMBERS.iter().filter_map(|name| {
        let at = text.find(name)?;
        let is_here = !is_member || at == 0;
        is_here.then_some((at, text.get(at + name.len()..)?))
    });
    let (_, rest) = found.min_by_key(|(at, _)| *at)?;
    let mut scan = Scan::new(rest);
    scan.spaces().expect(":")?.spaces();
    match scan.byte()? {
        b'"' => {
            let value = string(&mut scan)?;
            Some((value, scan.rest()))
        }
        // The journal writes text that is not UTF-8 as a list of bytes.
        b'[' => {
            let list = scan.until("]")?;
            let bytes = list
                .split(',')
                .filter_map(|byte| byte.trim().parse::<u8>().ok());
            let bytes: Vec<u8> = bytes.collect();
            let value = super::printable(&bytes).into_owned();
            Some((value, scan.rest()))
        }
        _ => None,
    }
}

/// Parses a JSON string after its opening quotation mark. The end may be cut off.
fn string(scan: &mut Scan<'_>) -> Option<String> {
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
                    message.push(match code {
                        Some('\t') => ' ',
                        Some(code) if code.is_ascii() => code,
                        _ => '?',
                    });
                }
                other => message.push(char::from(other)),
            },
            _ => return Some(message),
        }
    }
}

/// Returns the kernel's stamp from the journal's clock, or nothing.
fn stamp(text: &str) -> String {
    let clock = CLOCKS.iter().find_map(|name| {
        let mut scan = Scan::after(text, name)?;
        scan.spaces().expect(":")?.spaces().eat("\"");
        scan.number()
    });
    clock.map_or(String::new(), of_microseconds)
}

fn of_microseconds(clock: u64) -> String {
    format!("[{:5}.{:06}] ", clock / 1_000_000, clock % 1_000_000)
}

/// The entry of a journal that is being read.
#[derive(Debug, Default)]
pub(crate) struct JournalEntry {
    /// Microseconds since boot.
    clock: Option<u64>,
}

impl JournalEntry {
    /// Parses a line of `journalctl -o export` or `-o verbose`.
    ///
    /// Returns `None` for another line, and an empty text for a member without a kernel line.
    pub(crate) fn line(&mut self, text: &str) -> Option<String> {
        let text = text.trim_start_matches(' ');
        let first = text.bytes().next()?;
        if first != b'_' && first != b'M' {
            return None;
        }
        if let Some(message) = text.strip_prefix("MESSAGE=") {
            let clock = self.clock.take().map_or(String::new(), of_microseconds);
            return Some(format!("{clock}{message}"));
        }
        let (name, _) = text.split_once('=')?;
        let is_member = name.starts_with('_')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        if name == "__MONOTONIC_TIMESTAMP" {
            self.clock = number_after(text, "=");
        }
        is_member.then(String::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::only;

    #[test]
    fn json_of_containers_and_journald_is_extracted() {
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
        assert_eq!(
            from_json(r#"[{"message": "a"},{"message": "b"}]"#).as_deref(),
            Some("a\nb")
        );
        assert_eq!(from_json(r#"    "MESSAGE" : "a","#).as_deref(), Some("a"));
        assert_eq!(
            from_json(r#"{"MESSAGE":[73,78,70,79],"_SOURCE_MONOTONIC_TIMESTAMP":"12345678"}"#)
                .as_deref(),
            Some("[   12.345678] INFO")
        );
        assert_eq!(from_json("\"echo 0 > /proc/sys\" disables"), None);
    }

    #[test]
    fn every_format_of_the_journal_is_read() {
        let lines = [
            "rcu: INFO: rcu_sched self-detected stall on CPU",
            "rcu:         1-....: (5249 ticks this GP) idle=217c/1/0x4000000000000000 softirq=5/5 fqs=2624",
            "rcu:         (t=5250 jiffies g=49877 q=8517 ncpus=2)",
            "CPU: 1 PID: 1325 Comm: foo_worker Not tainted 6.6.119 #0",
            "RIP: 0010:foo_poll_ring+0x31/0x60 [foo]",
        ];
        let logs = [
            lines.map(|line| format!("__CURSOR=s=1\n__MONOTONIC_TIMESTAMP=817628720\nPRIORITY=3\nMESSAGE={line}\n_TRANSPORT=kernel\n\n")).concat(),
            lines.map(|line| format!("Mon 2026-11-30 04:22:16.123456 UTC [s=1;i=2]\n    PRIORITY=3\n    MESSAGE={line}\n    _TRANSPORT=kernel\n")).concat(),
            lines.map(|line| format!("{{\n\t\"PRIORITY\" : \"3\",\n\t\"MESSAGE\" : \"{line}\",\n\t\"_TRANSPORT\" : \"kernel\"\n}}\n")).concat(),
            format!("[{}]\n", lines.map(|line| format!("{{\"message\":\"{line}\"}}")).join(",")),
            format!("[\n{}]\n", lines.map(|line| format!("  {{\"message\":\"{line}\"}},\n")).concat()),
        ];
        for log in logs {
            let event = only(&log);
            assert_eq!(
                event.culprit_frame.as_deref(),
                Some("foo_poll_ring"),
                "{log}"
            );
            assert_eq!(event.t_jiffies, Some(5250), "{log}");
        }
    }
}
