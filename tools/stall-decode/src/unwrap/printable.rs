// SPDX-License-Identifier: GPL-2.0

//! Reduces input bytes to printable ASCII.

use std::borrow::Cow;

use memchr::memchr2;

use super::MAX_LINE;

/// Returns whether a line may have tags or entities of a web page.
pub(crate) fn has_markup(bytes: &[u8]) -> bool {
    // No early exit, so that the compiler vectorizes the loop.
    let is_mark = |byte: u8| byte == b'&' || byte == b'<';
    bytes.iter().fold(false, |any, &byte| any | is_mark(byte))
}

/// Converts a line to printable ASCII. Drops control characters and escape sequences, turns tabs
/// into blanks and other characters into `?`.
pub(crate) fn printable(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.get(..MAX_LINE).unwrap_or(bytes);
    // No early exit, so that the compiler vectorizes the loop.
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
            // A no-break space, as copied out of a browser.
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

/// Skips a color or cursor sequence: `ESC [ 31 m`.
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

/// Splits a line at the carriage returns of serial consoles.
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

    #[test]
    fn carriage_returns_split_a_line() {
        let cut: Vec<_> = pieces(b"a\r\rb\r").collect();
        assert_eq!(cut, [b"a", b"b"]);
    }
}
