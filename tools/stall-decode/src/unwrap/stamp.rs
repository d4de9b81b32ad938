// SPDX-License-Identifier: GPL-2.0

//! Times in brackets, as printk and dmesg write them.

use memchr::memchr;

use super::calendar;
use crate::scan::Scan;

/// Bytes of a line that a wrapper may fill before the stamp.
const MAX_WRAPPER: usize = 420;

/// The time of a line, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stamp<'a> {
    /// Seconds since boot.
    Boot(f64),
    /// A time of day in seconds, and its text.
    Day(f64, &'a str),
    /// Seconds since the previous line (`dmesg -H`).
    Since(f64),
}

/// The time of a line, owned.
#[derive(Clone, Debug)]
pub(crate) enum OwnedStamp {
    Boot(f64),
    Day(f64, String),
    Since(f64),
}

impl OwnedStamp {
    pub(crate) fn of(stamp: Stamp<'_>) -> Self {
        match stamp {
            Stamp::Boot(clock) => Self::Boot(clock),
            Stamp::Day(clock, text) => Self::Day(clock, text.to_string()),
            Stamp::Since(seconds) => Self::Since(seconds),
        }
    }

    pub(crate) fn borrow(&self) -> Stamp<'_> {
        match self {
            Self::Boot(clock) => Stamp::Boot(*clock),
            Self::Day(clock, text) => Stamp::Day(*clock, text),
            Self::Since(seconds) => Stamp::Since(*seconds),
        }
    }
}

pub(super) struct Found<'a> {
    pub(super) stamp: Stamp<'a>,
    /// Offset of the bracket.
    at: usize,
    /// Whether a quotation mark precedes the bracket.
    pub(super) is_quoted: bool,
    pub(super) rest: &'a str,
}

/// Finds the kernel's stamp near the start of a line.
pub(super) fn first_stamp(text: &str) -> Option<Found<'_>> {
    let mut from = 0;
    while from < MAX_WRAPPER {
        let at = from + memchr(b'[', text.as_bytes().get(from..)?)?;
        if at >= MAX_WRAPPER {
            return None;
        }
        if let Some((stamp, rest)) = bracket(text.get(at + 1..)?) {
            // A terminal's time of day may precede the kernel's stamp.
            let kernel = match stamp {
                Stamp::Day(..) => first_stamp(rest).filter(|found| found.at < 12),
                _ => None,
            };
            let is_quoted = text.get(..at).is_some_and(|before| before.ends_with("=\""));
            return Some(kernel.unwrap_or(Found {
                stamp,
                at,
                is_quoted,
                rest,
            }));
        }
        from = at + 1;
    }
    None
}

/// Finds a stamp inside a text, where two lines were joined.
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

/// Parses a stamp after `[`, through `]`.
pub(super) fn bracket(text: &str) -> Option<(Stamp<'_>, &str)> {
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
    let clock = calendar::time_of_day(&mut scan)?;
    let shown = day.get(..day.len() - scan.rest().len())?;
    scan.expect("]")?;
    Some((Stamp::Day(clock, shown), scan.rest()))
}

/// Parses seconds with three to nine decimals. printk never writes fewer, so `[12.3]` is no stamp.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_stamp_in_a_line_is_found() {
        let line = "INFO: foo [   12.345679] bar";
        assert_eq!(second_stamp(line), Some(10));
        assert_eq!(second_stamp("a [<ffffffff81000000>] b [nfs] [12.5]"), None);
    }
}
