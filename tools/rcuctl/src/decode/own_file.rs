// SPDX-License-Identifier: GPL-2.0

//! Files that `decode` writes. They never replace a file of somebody else, such as a log.

use std::fs;
use std::io::Write;
use std::path::Path;

use stall_decode::Timeline;

use crate::atomic_file;
use crate::error::{Error, Result};

/// Bytes of a file in which it names its author.
const MAX_START: usize = 4096;

/// Refuses to replace a file that this program did not write.
pub fn check(option: &str, path: &Path) -> Result<()> {
    let Ok(old) = fs::read(path) else {
        return Ok(());
    };
    let author = Timeline::AUTHOR.as_bytes();
    let start = old.get(..MAX_START).unwrap_or(&old);
    if old.is_empty() || start.windows(author.len()).any(|part| part == author) {
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
