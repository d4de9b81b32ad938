// SPDX-License-Identifier: GPL-2.0

//! Decodes a whole log from a reader.

mod compressed;
mod reversed;

use std::io::{self, BufRead};

use memchr::memchr;

use crate::unwrap::MAX_LINE;
use crate::{Decoder, Event};

pub use compressed::decompressed;

/// Decodes a log, and passes each event to `sink` in the order of the reports' first lines.
///
/// A log whose newest line is first, as log viewers export it, is read from its end; up to 64 MB.
///
/// # Errors
///
/// Returns the first error of the reader or of `sink`.
pub fn decode<R, F>(mut log: R, mut sink: F) -> io::Result<()>
where
    R: BufRead,
    F: FnMut(Event) -> io::Result<()>,
{
    if reversed::is_reversed(log.fill_buf()?) {
        return reversed::decode(log, sink);
    }
    let mut decoder = Decoder::new();
    let mut partial = Vec::new();
    loop {
        let buffer = match log.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            break;
        }
        let size = buffer.len();
        let mut rest = buffer;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            if partial.is_empty() {
                decoder.line(line);
            } else {
                extend(&mut partial, line);
                decoder.line(&partial);
                partial.clear();
            }
            while let Some(event) = decoder.event() {
                sink(event)?;
            }
        }
        extend(&mut partial, rest);
        log.consume(size);
    }
    if !partial.is_empty() {
        decoder.line(&partial);
    }
    decoder.finish();
    while let Some(event) = decoder.event() {
        sink(event)?;
    }
    Ok(())
}

/// Extends an incomplete line, up to [`MAX_LINE`].
fn extend(partial: &mut Vec<u8>, more: &[u8]) {
    let room = MAX_LINE.saturating_sub(partial.len());
    partial.extend(more.iter().take(room));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn line_numbers_do_not_depend_on_the_buffer_size() {
        let log = "stray\nINFO: task a:1 blocked for more than 120 seconds.\n\
                   INFO: task b:2 blocked for more than 120 seconds.";
        for size in [1, 2, 7, 1000] {
            let mut lines = Vec::new();
            decode(BufReader::with_capacity(size, log.as_bytes()), |event| {
                lines.push(event.line);
                Ok(())
            })
            .expect("memory can be read");
            assert_eq!(lines, [2, 3], "{size} bytes at a time");
        }
    }

    #[test]
    fn a_line_without_end_has_a_size_limit() {
        let mut partial = Vec::new();
        for _ in 0..10 {
            extend(&mut partial, &[b'x'; MAX_LINE / 2]);
        }
        assert_eq!(partial.len(), MAX_LINE);
    }

    #[test]
    fn an_error_of_the_sink_stops_decoding() {
        let log = &b"INFO: task a:1 blocked for more than 120 seconds.\n"[..];
        let result = decode(log, |_| Err(io::ErrorKind::BrokenPipe.into()));
        assert_eq!(
            result.expect_err("it failed").kind(),
            io::ErrorKind::BrokenPipe
        );
    }
}
