// SPDX-License-Identifier: GPL-2.0

//! `route save`: writes the table to a file that `route load` reads.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use serde_json::json;

use crate::atomic_file;
use crate::cli::Family;
use crate::device::{Access, Device};
use crate::error::{Error, Result, Status};
use crate::output::Output;
use crate::route::text::wrapped;

const BUFFER: usize = 256 * 1024;

/// Saves the table, or the routes of `family`. A newly opened device returns the whole table.
pub fn run<S: Read + Write>(
    open: impl FnOnce(Access) -> Result<Device<S>>,
    file: &Path,
    family: Option<Family>,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let mut device = match family {
        None => open(Access::Read)?,
        Some(family) => {
            let mut device = open(Access::ReadWrite)?;
            device.command(&format!("show {family}\n"))?;
            device
        }
    };
    if file == Path::new("-") {
        return save_to_stdout(&mut device, out);
    }
    let saved = save_to_file(&mut device, file)?;
    let file = file.display().to_string();
    if out.json() {
        out.document(&json!({ "saved": saved, "file": file }))?;
    } else {
        out.line(&format!("saved {saved} routes to {file}"))?;
    }
    Ok(Status::Done)
}

fn save_to_stdout(
    device: &mut Device<impl Read + Write>,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    if out.json() {
        let message = "save has no JSON format; use `rcuctl --json route show`";
        return Err(Error::Usage(message.to_string()));
    }
    device.for_each_line(|line| out.line(&wrapped(line)))?;
    Ok(Status::Done)
}

/// Writes the table to a file, and returns the number of routes.
fn save_to_file(device: &mut Device<impl Read + Write>, file: &Path) -> Result<u64> {
    atomic_file::replace(file, |new| {
        copy(device, new, |error| {
            Error::io(format!("writing {}", file.display()))(error)
        })
    })
}

/// Copies the table and returns the number of routes.
fn copy(
    device: &mut Device<impl Read + Write>,
    file: &File,
    failed: impl Fn(io::Error) -> Error,
) -> Result<u64> {
    let mut writer = BufWriter::with_capacity(BUFFER, file);
    let mut routes = 0;
    device.for_each_line(|line| {
        // The table's next-hop objects precede its routes.
        routes += u64::from(!line.starts_with("nexthop "));
        writeln!(writer, "{}", wrapped(line)).map_err(&failed)
    })?;
    writer.flush().map_err(failed)?;
    Ok(routes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use std::fs;
    use std::os::unix::fs::{symlink, FileTypeExt, PermissionsExt};
    use tempfile::TempDir;

    fn folder() -> TempDir {
        tempfile::tempdir().expect("a writable temporary folder")
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("readable");
        let names = entries.map(|entry| entry.expect("readable").file_name());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    }

    fn save(fake: Fake, file: &Path) -> Result<String> {
        let mut text = Vec::new();
        let out = &mut Output::new(&mut text, true);
        run(|_| Ok(Device::new(fake)), file, None, out)?;
        Ok(String::from_utf8(text).expect("text"))
    }

    fn table() -> Fake {
        Fake::new().table(&["10.0.0.0/8 dev a", "::/0 dev a"])
    }

    #[test]
    fn the_saved_file_has_the_routes_of_the_table() {
        let folder = folder();
        let file = folder.path().join("routes");
        let text = save(table(), &file).expect("saved");
        assert!(
            text.starts_with("{\"file\":") && text.contains("\"saved\":2"),
            "{text}"
        );
        let content = fs::read_to_string(&file).expect("saved");
        assert_eq!(content, "10.0.0.0/8 dev a\n::/0 dev a\n");
        assert_eq!(names(&folder), ["routes"]);
    }

    #[test]
    fn a_family_is_saved_alone() {
        let fake = table().answer("show inet6", "::/0 dev a\n");
        let mut text = Vec::new();
        let out = &mut Output::new(&mut text, false);
        let family = Some(Family::Inet6);
        run(|_| Ok(Device::new(fake)), Path::new("-"), family, out).expect("printed");
        assert_eq!(text, b"::/0 dev a\n");
    }

    #[test]
    fn a_failed_save_keeps_the_old_file_and_leaves_no_temporary_file() {
        let folder = folder();
        let file = folder.path().join("routes");
        fs::write(&file, "old\n").expect("writable");
        save(table().fail_read_after(20), &file).expect_err("the read fails");
        assert_eq!(fs::read_to_string(&file).expect("still there"), "old\n");
        assert_eq!(names(&folder), ["routes"]);
    }

    #[test]
    fn saving_keeps_symbolic_links_and_modes() {
        let folder = folder();
        let (file, link) = (folder.path().join("routes"), folder.path().join("link"));
        fs::write(&file, "old\n").expect("writable");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("own file");
        symlink(&file, &link).expect("a link");
        save(table(), &link).expect("saved");
        assert!(fs::symlink_metadata(&link)
            .expect("still there")
            .is_symlink());
        assert!(fs::read_to_string(&file)
            .expect("saved")
            .starts_with("10.0.0.0/8"));
        let mode = fs::metadata(&file)
            .expect("still there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    /// Not with /dev/null: a bug, run as root, would replace it.
    #[test]
    fn a_pipe_is_written_and_not_replaced() {
        let folder = folder();
        let pipe = folder.path().join("pipe");
        let created = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(created.expect("mkfifo starts").success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe)
        });
        save(table(), &pipe).expect("written");
        let after = fs::symlink_metadata(&pipe).expect("still there");
        assert!(after.file_type().is_fifo());
        let content = reader.join().expect("no panic").expect("readable");
        assert_eq!(content, "10.0.0.0/8 dev a\n::/0 dev a\n");
    }

    #[test]
    fn a_missing_folder_is_reported_with_its_errno() {
        let error = save(table(), &folder().path().join("missing/routes")).expect_err("ENOENT");
        assert!(error.to_string().ends_with("(ENOENT)"), "{error}");
    }

    #[test]
    fn saving_to_a_folder_or_into_a_missing_folder_fails() {
        let folder = folder();
        assert!(save(table(), folder.path()).is_err());
        assert!(save(table(), &folder.path().join("missing/routes")).is_err());
    }

    #[test]
    fn standard_output_gets_text_and_refuses_json() {
        let mut text = Vec::new();
        let dash = Path::new("-");
        let out = &mut Output::new(&mut text, false);
        run(|_| Ok(Device::new(table())), dash, None, out).expect("printed");
        assert_eq!(text, b"10.0.0.0/8 dev a\n::/0 dev a\n");
        assert!(matches!(save(table(), dash), Err(Error::Usage(_))));
    }
}
