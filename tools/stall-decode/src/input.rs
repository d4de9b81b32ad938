// SPDX-License-Identifier: GPL-2.0

//! Whole logs, from anything that can be read.

use std::io::{self, BufRead};

use memchr::memchr;

use crate::unwrap::MAX_LINE;
use crate::{Decoder, Event};

/// Decodes a log and hands each event to `sink`, in the order in which the reports began.
///
/// # Errors
///
/// What reading the log or `sink` fails with.
pub fn decode<R, F>(mut log: R, mut sink: F) -> io::Result<()>
where
    R: BufRead,
    F: FnMut(Event) -> io::Result<()>,
{
    let mut decoder = Decoder::new();
    let mut kept = Vec::new();
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
            let (line, behind) = rest.split_at(end);
            rest = behind.get(1..).unwrap_or_default();
            if kept.is_empty() {
                decoder.line(line);
            } else {
                keep(&mut kept, line);
                decoder.line(&kept);
                kept.clear();
            }
            while let Some(event) = decoder.event() {
                sink(event)?;
            }
        }
        keep(&mut kept, rest);
        log.consume(size);
    }
    if !kept.is_empty() {
        decoder.line(&kept);
    }
    decoder.finish();
    while let Some(event) = decoder.event() {
        sink(event)?;
    }
    Ok(())
}

/// The start of a line whose end is not read yet; no more than is looked at.
fn keep(kept: &mut Vec<u8>, more: &[u8]) {
    let room = MAX_LINE.saturating_sub(kept.len());
    kept.extend(more.iter().take(room));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn lines_may_be_read_in_pieces() {
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
    fn a_line_without_end_takes_no_memory() {
        let mut kept = Vec::new();
        for _ in 0..10 {
            keep(&mut kept, &[b'x'; MAX_LINE / 2]);
        }
        assert_eq!(kept.len(), MAX_LINE);
    }

    #[test]
    fn a_sink_that_fails_ends_it() {
        let log = &b"INFO: task a:1 blocked for more than 120 seconds.\n"[..];
        let result = decode(log, |_| Err(io::ErrorKind::BrokenPipe.into()));
        assert_eq!(
            result.expect_err("it failed").kind(),
            io::ErrorKind::BrokenPipe
        );
    }
}
