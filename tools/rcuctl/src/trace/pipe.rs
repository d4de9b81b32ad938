// SPDX-License-Identifier: GPL-2.0

//! Reads lines of `trace_pipe` until the caller has enough.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::Duration;

use crate::error::{Error, Result};

const BUFFER: usize = 64 * 1024;

/// The pause between two reads of an empty pipe. A blocking read would miss a signal that arrives
/// just before it.
const PAUSE: Duration = Duration::from_millis(20);

/// Passes each line to `take` until it returns `Break` or `is_over` returns true. Passes
/// `None` whenever the pipe is empty.
pub fn lines(
    pipe: &mut File,
    mut is_over: impl FnMut() -> bool,
    mut take: impl FnMut(Option<&str>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut rest = Vec::new();
    while !is_over() {
        let size = match pipe.read(&mut buffer) {
            Ok(size) => size,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("reading trace_pipe")(error)),
        };
        if size == 0 {
            if take(None)?.is_break() {
                return Ok(());
            }
            sleep(PAUSE);
            continue;
        }
        rest.extend_from_slice(&buffer[..size]);
        let complete = rest
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        for line in rest[..complete].split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            if take(Some(&String::from_utf8_lossy(line)))?.is_break() {
                return Ok(());
            }
        }
        rest.drain(..complete);
    }
    Ok(())
}
