// SPDX-License-Identifier: GPL-2.0

//! The open transaction. Finds the line that made a commit fail.

use crate::route::batch::Batch;

pub struct Transaction {
    /// The line of the file that opened it; `None` if `--atomic` or `--replace` did.
    pub file_line: Option<u64>,
    /// Lines accepted before it.
    pub accepted_before: u64,
    /// The device's number of the `begin` line.
    pub text_line: u64,
    /// Its lines. `None` for a reload: it refuses a line when it is sent, so no line fails at
    /// commit, and the number of lines has no limit.
    pub lines: Option<Batch>,
}

impl Transaction {
    /// Appends lines that the device accepted.
    pub fn record(&mut self, lines: &Batch) {
        if let Some(recorded) = &mut self.lines {
            recorded.append(lines);
        }
    }

    /// The text and the file's number of the line with this index in the transaction.
    pub fn line(&self, index: usize) -> Option<(&[u8], u64)> {
        let lines = self.lines.as_ref().filter(|lines| index < lines.len())?;
        Some((lines.line(index), lines.number(index)))
    }

    /// Converts the device's line number to the file's, if all lines were sent as text.
    pub fn text_line(&self, number: u64) -> Option<u64> {
        let before = usize::try_from(number.checked_sub(self.text_line + 1)?).ok()?;
        let lines = self.lines.as_ref()?;
        let mut seen = 0;
        let index = (0..lines.len()).find(|&line| {
            seen += lines.device_lines(line..line + 1);
            seen > before
        })?;
        Some(lines.number(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_index_and_by_device_number() {
        let mut open = Transaction {
            file_line: None,
            accepted_before: 0,
            text_line: 4,
            lines: Some(Batch::default()),
        };
        let mut lines = Batch::default();
        lines.push(&[b"a"], 11);
        lines.push(&[b"b"], 13);
        open.record(&lines);
        assert_eq!(open.line(1), Some((&b"b\n"[..], 13)));
        assert_eq!(open.line(2), None);
        assert_eq!(
            [3, 4, 5, 6, 7].map(|number| open.text_line(number)),
            [None, None, Some(11), Some(13), None]
        );
        let long = "10.0.0.0/8".to_string() + &" nexthop dev a".repeat(100);
        let mut lines = Batch::default();
        lines.push(&[long.as_bytes()], 20);
        lines.push(&[b"c"], 21);
        open.record(&lines);
        let numbers = [7, 107, 108, 109].map(|number| open.text_line(number));
        assert_eq!(numbers, [Some(20), Some(20), Some(21), None]);
        open.lines = None;
        open.record(&lines);
        assert_eq!(open.line(0), None);
    }
}
