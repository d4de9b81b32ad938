// SPDX-License-Identifier: GPL-2.0

//! Replaces files, so that no reader sees a partial one.

use std::fs::{self, File};
use std::path::Path;

use crate::error::{Error, Result};

/// Passes a temporary file beside `file` to `write`, and renames it to `file`. If `write` fails,
/// `file` is unchanged.
///
/// Writes to a pipe or a terminal directly.
pub fn replace<T>(file: &Path, write: impl FnOnce(&File) -> Result<T>) -> Result<T> {
    let failed = |error| Error::io(format!("writing {}", file.display()))(error);
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
