// SPDX-License-Identifier: GPL-2.0

//! Quoted-printable mails: cut lines at 76 characters, and write `=3D` for `=` (RFC 2045, 6.7).

use std::borrow::Cow;

use memchr::memchr;

use super::MAX_LINE;

/// Joins lines cut by the encoding of a mail.
#[derive(Debug, Default)]
pub(crate) struct QuotedPrintable {
    /// The start of an incomplete line.
    kept: String,
    /// The input line of its first piece.
    number: u64,
}

impl QuotedPrintable {
    /// Adds a piece. Returns the line and the number of its first piece once it is complete.
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
        // A quoting mail marks every piece.
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
            None => self
                .flush()
                .map(|(text, number)| (Cow::Owned(text), number)),
        }
    }

    /// Returns the incomplete line at the end of the log.
    pub(crate) fn flush(&mut self) -> Option<(String, u64)> {
        if self.kept.is_empty() {
            return None;
        }
        let text = std::mem::take(&mut self.kept).replace("=3D", "=");
        Some((text, self.number))
    }
}

/// Returns whether the encoding cut this line: at about 76 characters, or more if quoted.
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
        all.extend(mail.flush().map(|(text, _)| text));
        all
    }

    #[test]
    fn pieces_are_joined_and_decoded() {
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
    fn equals_signs_of_short_lines_and_rules_are_kept() {
        let rule = "=".repeat(70);
        assert_eq!(joined(&[&rule, "a=", "b"]), [rule.as_str(), "a=", "b"]);
    }

    #[test]
    fn an_endless_line_has_a_size_limit() {
        let mut mail = QuotedPrintable::default();
        let line = format!("{}=", "x".repeat(75));
        for _ in 0..1000 {
            assert!(mail.join(&line, 1).is_none());
        }
        assert!(mail.kept.len() <= MAX_LINE);
    }
}
