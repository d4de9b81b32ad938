// SPDX-License-Identifier: GPL-2.0

//! Records of `/dev/kmsg` (`Documentation/ABI/testing/dev-kmsg`), which hold a kernel line.

use super::{Caller, Line, Stamp};
use crate::scan::Scan;

/// Decodes the `\x09` escapes of a `/dev/kmsg` record. The record may hold several lines.
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
        match code {
            Some(b'\t') => message.push(' '),
            Some(byte @ (b'\n' | b' '..=b'~')) => message.push(char::from(byte)),
            Some(_) => (),
            None => message.push('\\'),
        }
        from += if code.is_some() { 4 } else { 1 };
        let behind = text.get(from..).unwrap_or_default();
        rest = behind.get(..behind.find('\\').unwrap_or(behind.len()))?;
    }
}

/// Parses `6,339,5140900,-,caller=T1;text` of `/dev/kmsg` and the extended netconsole.
pub(super) fn kmsg_record<'a>(mut scan: Scan<'a>, line: &mut Line<'a>) -> Option<&'a str> {
    scan.number()?;
    scan.expect(",")?.number()?;
    let microseconds = scan.expect(",")?.number()?;
    scan.expect(",")?;
    let flags = scan.until(";")?;
    line.stamp = Some(Stamp::Boot(microseconds as f64 / 1e6));
    if let Some(mut caller) = Scan::after(flags, "caller=") {
        line.caller = Caller::parse(&mut caller);
    }
    Some(scan.rest())
}

/// Returns whether a `/dev/kmsg` line only continues a record: ` SUBSYSTEM=block`.
pub(crate) fn is_kmsg_property(text: &str) -> bool {
    let mut scan = Scan::new(text);
    scan.eat(" ")
        && !scan
            .run(|byte| byte.is_ascii_uppercase() || byte == b'_')
            .is_empty()
        && scan.eat("=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kmsg_escapes_are_decoded() {
        assert_eq!(
            from_kmsg(r"3,3,13250001,-;rcu: \x091-....: a\x0ab\x5cc\xe2\x80 \q").as_deref(),
            Some("3,3,13250001,-;rcu:  1-....: a\nb\\c \\q")
        );
        assert_eq!(from_kmsg(r"3,3,13250001,-;rcu"), None);
        assert_eq!(from_kmsg(r"12 \x09"), None);
        assert_eq!(from_kmsg(r"3,3,1,-;\x"), Some(r"3,3,1,-;\x".to_string()));
    }

    #[test]
    fn kmsg_properties_are_recognized() {
        assert!(is_kmsg_property(" SUBSYSTEM=block"));
        assert!(!is_kmsg_property(" RSP: 0018"));
        assert!(!is_kmsg_property("SUBSYSTEM=block"));
    }
}
