// SPDX-License-Identifier: GPL-2.0

//! Replaces files, so that no reader sees a partial one.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use crate::error::{Error, Result};

/// Standard output, also if a shell has redirected it to a file, which no rename may replace.
const STDOUT: &str = "/dev/stdout";

/// Returns whether `replace` would replace an existing file, and not write to a pipe or a device.
pub fn replaces(file: &Path) -> bool {
    file != Path::new(STDOUT) && fs::metadata(file).is_ok_and(|old| old.is_file())
}

/// Passes a temporary file beside `file` to `write`, and renames it to `file`. If `write` fails,
/// `file` is unchanged.
///
/// Writes to a pipe, a terminal, a device or standard output directly.
pub fn replace<T>(file: &Path, write: impl FnOnce(&File) -> Result<T>) -> Result<T> {
    let failed = |error| Error::io(format!("writing {}", file.display()))(error);
    if file == Path::new(STDOUT) {
        // A duplicate shares its position with the text that the program prints.
        let open = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
        return write(&File::from(open));
    }
    // Replaces the target of a symbolic link, not the link.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let old = fs::metadata(&target).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        // A rename would replace a pipe or a terminal by a file.
        let open = File::options().write(true).open(&target).map_err(failed)?;
        return write(&open);
    }
    let new = tempfile::Builder::new()
        .prefix(".rcuctl-")
        .make_in(target.with_file_name("."), |path| File::create_new(path))
        .map_err(failed)?;
    let written = write(new.as_file())?;
    if let Some(old) = old {
        let permissions = old.permissions();
        new.as_file().set_permissions(permissions).map_err(failed)?;
    }
    new.as_file().sync_all().map_err(failed)?;
    new.persist(&target).map_err(|error| failed(error.error))?;
    Ok(written)
}
