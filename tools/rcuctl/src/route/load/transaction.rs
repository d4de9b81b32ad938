// SPDX-License-Identifier: GPL-2.0

//! A transaction that is open on the device, and which of its lines a failed commit is about.

use crate::route::batch::Batch;

pub struct Transaction {
    /// The line that opened it, where that is the file's own.
    pub opened: Option<u64>,
    /// How many lines were taken before it.
    pub before: u64,
    /// The number, by the device's count of text lines, of the one that opened it.
    pub begin: u64,
    /// Its lines. A reload has none: its lines fail at once, and there may be any number of them.
    pub lines: Option<Batch>,
}

impl Transaction {
    /// Keeps lines that went into it.
    pub fn keep(&mut self, lines: &Batch) {
        if let Some(kept) = &mut self.lines {
            kept.append(lines);
        }
    }

    /// The line at this place among those that went into it: its text and its number in the file.
    pub fn line(&self, index: usize) -> Option<(&[u8], u64)> {
        let lines = self.lines.as_ref().filter(|lines| index < lines.len())?;
        Some((lines.line(index), lines.number(index)))
    }

    /// The line that the device counts as this one since it was opened, if all of them were text.
    pub fn text_line(&self, number: u64) -> Option<u64> {
        let index = usize::try_from(number.checked_sub(self.begin + 1)?).ok()?;
        self.line(index).map(|(_, number)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_either_count() {
        let mut open = Transaction {
            opened: None,
            before: 0,
            begin: 4,
            lines: Some(Batch::default()),
        };
        let mut lines = Batch::default();
        lines.push(&[b"a"], 11);
        lines.push(&[b"b"], 13);
        open.keep(&lines);
        assert_eq!(open.line(1), Some((&b"b\n"[..], 13)));
        assert_eq!(open.line(2), None);
        assert_eq!(
            [3, 4, 5, 6, 7].map(|number| open.text_line(number)),
            [None, None, Some(11), Some(13), None]
        );
        open.lines = None;
        open.keep(&lines);
        assert_eq!(open.line(0), None);
    }
}
