// SPDX-License-Identifier: GPL-2.0

//! Logs in mails: quoted-printable cuts lines at 76 characters and writes `=3D` for `=` (RFC 2045, 6.7).

use std::borrow::Cow;

use memchr::memchr;

use crate::unwrap::MAX_LINE;

/// Puts lines together again that a mail's encoding cut.
#[derive(Debug, Default)]
pub(crate) struct QuotedPrintable {
    /// The start of a line whose end is to come.
    kept: String,
    /// The number of its first line.
    number: u64,
}

impl QuotedPrintable {
    /// Takes a line, and gives it with the number of its first piece. Nothing, if it goes on in the next one.
    pub(crate) fn join<'a>(&mut self, text: &'a str, number: u64) -> Option<(Cow<'a, str>, u64)> {
        let cut = text.strip_suffix('=').filter(|cut| is_cut(cut, text.len()));
        if self.kept.is_empty() && cut.is_none() {
            let encoded = memchr(b'=', text.as_bytes()).is_some() && text.contains("=3D");
            let text = match encoded {
                true => Cow::Owned(text.replace("=3D", "=")),
                false => Cow::Borrowed(text),
            };
            return Some((text, number));
        }
        if self.kept.is_empty() {
            self.number = number;
        }
        // Mails that quote it put their marks before each piece.
        let piece = match self.kept.is_empty() {
            true => cut.unwrap_or(text),
            false => cut.unwrap_or(text).trim_start_matches(['>', '|']),
        };
        let piece = match (self.kept.is_empty(), self.kept.starts_with('>')) {
            (false, true) => piece.trim_start(),
            _ => piece,
        };
        if self.kept.len() + piece.len() <= MAX_LINE {
            self.kept.push_str(piece);
        }
        match cut {
            Some(_) => None,
            None => self.rest().map(|(text, number)| (Cow::Owned(text), number)),
        }
    }

    /// What was kept, as nothing more comes.
    pub(crate) fn rest(&mut self) -> Option<(String, u64)> {
        if self.kept.is_empty() {
            return None;
        }
        let text = std::mem::take(&mut self.kept).replace("=3D", "=");
        Some((text, self.number))
    }
}

/// A line that is cut is as long as lines may be, or nearly; quoting it makes it longer.
fn is_cut(cut: &str, length: usize) -> bool {
    (60..=90).contains(&length) && !cut.ends_with(['=', ' ', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(lines: &[&str]) -> Vec<String> {
        let mut mail = QuotedPrintable::default();
        let mut all: Vec<_> = lines
            .iter()
            .filter_map(|line| mail.join(line, 1))
            .map(|(text, _)| text.into_owned())
            .collect();
        all.extend(mail.rest().map(|(text, _)| text));
        all
    }

    #[test]
    fn pieces_become_lines() {
        let start = "> [ 1.015659] ODEBUG: activate active (active state 1) object type: rcu_";
        assert_eq!(
            joined(&[&format!("{start}="), "head hint: 0x0", "> next =3D 1"]),
            [format!("{start}head hint: 0x0").as_str(), "> next = 1"]
        );
        assert_eq!(
            joined(&[&format!("{start}="), "> head hint: 0x0"]),
            [format!("{start}head hint: 0x0")]
        );
    }

    #[test]
    fn other_signs_stay() {
        let rule = "=".repeat(70);
        assert_eq!(joined(&[&rule, "a=", "b"]), [rule.as_str(), "a=", "b"]);
    }

    #[test]
    fn what_never_ends_takes_no_memory() {
        let mut mail = QuotedPrintable::default();
        let line = format!("{}=", "x".repeat(75));
        for _ in 0..1000 {
            assert!(mail.join(&line, 1).is_none());
        }
        assert!(mail.kept.len() <= MAX_LINE);
    }
}
