// SPDX-License-Identifier: GPL-2.0

//! Files that `decode` writes. They never replace a file of somebody else, such as a log.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use stall_decode::Timeline;

use crate::atomic_file;
use crate::error::{Error, Result};

/// Bytes of a file in which it names its author.
const MAX_START: u64 = 4096;

/// Refuses to replace a file that this program did not write.
pub fn check(option: &str, path: &Path) -> Result<()> {
    // A pipe, a terminal or a device is written, not replaced. Reading it may never end.
    if !atomic_file::replaces(path) {
        return Ok(());
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|old| old.take(MAX_START).read_to_end(&mut start))
        .map_err(Error::io(format!("reading {}", path.display())))?;
    let author = Timeline::AUTHOR.as_bytes();
    if start.is_empty() || start.windows(author.len()).any(|part| part == author) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{option} {name}: the file exists, and rcuctl did not write it; pass another name, or --force to replace it",
        name = path.display()
    )))
}

/// Writes a file whole or not at all.
pub fn write(path: &Path, text: &str) -> Result<()> {
    atomic_file::replace(path, |mut new| {
        let failed = Error::io(format!("writing {}", path.display()));
        new.write_all(text.as_bytes()).map_err(failed)
    })
}
