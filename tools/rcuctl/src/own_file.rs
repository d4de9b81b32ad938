// SPDX-License-Identifier: GPL-2.0

//! Files that `decode` and `trace` write. They never replace a file of somebody else, such as a log.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use stall_decode::Timeline;

use crate::atomic_file;
use crate::error::{Error, Result};

/// The author in the pictures and pages of `trace`.
pub const TRACE_DRAWING: &str = "drawn by rcuctl trace";

/// The first line of the recordings of `trace`.
pub const TRACE_RECORDING: &str = "# recorded by rcuctl trace";

/// Texts by which a file names this program as its author.
const AUTHORS: [&str; 3] = [Timeline::AUTHOR, TRACE_DRAWING, TRACE_RECORDING];

/// Bytes of a file in which it names its author.
const MAX_START: u64 = 4096;

/// An option, and the file that the command writes for it.
pub type Target<'a> = (&'static str, &'a Option<PathBuf>);

/// Refuses two options with the same file, to replace an input, and, unless `force`, to replace a
/// file that this program did not write.
pub fn check(targets: &[Target], inputs: &[&Path], force: bool) -> Result<()> {
    let inputs: Vec<_> = inputs.iter().filter_map(|path| Place::of(path)).collect();
    let mut earlier = Vec::new();
    for (option, path) in targets {
        let Some(path) = path else { continue };
        let refused = |why: &str| {
            let name = path.display();
            Err(Error::Usage(format!("{option} {name}: {why}")))
        };
        if let Some(place) = Place::of(path) {
            if inputs.contains(&place) {
                return refused("the file is also the input; pass another name");
            }
            if earlier.contains(&place) {
                return refused("another option has the same file; pass another name");
            }
            earlier.push(place);
        }
        if !force && !is_own(path)? {
            return refused("the file exists, and rcuctl did not write it; pass another name, or --force to replace it");
        }
    }
    Ok(())
}

/// The identity of a regular file, which may have several names.
#[derive(PartialEq)]
enum Place {
    Inode(u64, u64),
    /// The file does not exist yet.
    Path(PathBuf),
}

impl Place {
    /// Returns `None` for a pipe, a terminal or a device: several writers may use it.
    fn of(path: &Path) -> Option<Self> {
        match fs::metadata(path) {
            Ok(file) if file.is_file() => Some(Self::Inode(file.dev(), file.ino())),
            Ok(_) => None,
            Err(_) => {
                let folder = fs::canonicalize(path.with_file_name("."));
                let folder = folder.unwrap_or_default();
                Some(Self::Path(folder.join(path.file_name()?)))
            }
        }
    }
}

/// Returns whether a file is empty, names this program as its author, or would not be replaced.
fn is_own(path: &Path) -> Result<bool> {
    // A pipe, a terminal or a device is written, not replaced. Reading it may never end.
    if !atomic_file::replaces(path) {
        return Ok(true);
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|old| old.take(MAX_START).read_to_end(&mut start))
        .map_err(Error::io(format!("reading {}", path.display())))?;
    let names = |author: &str| {
        start
            .windows(author.len())
            .any(|part| part == author.as_bytes())
    };
    Ok(start.is_empty() || AUTHORS.into_iter().any(names))
}

/// Writes a file whole or not at all.
pub fn write(path: &Path, text: &str) -> Result<()> {
    atomic_file::replace(path, |mut new| {
        let failed = Error::io(format!("writing {}", path.display()));
        new.write_all(text.as_bytes()).map_err(failed)
    })
}
