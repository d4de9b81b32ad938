// SPDX-License-Identifier: GPL-2.0

//! `route save`: the table into a file that `route load` reads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::device::Device;
use crate::error::{Error, Result, Status};
use crate::output::Output;

const BUFFER: usize = 256 * 1024;

pub fn run(
    device: &mut Device<impl Read + Write>,
    file: &Path,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    if file == Path::new("-") {
        return to_stdout(device, out);
    }
    let saved = to_file(device, file)?;
    let file = file.display().to_string();
    if out.json() {
        out.document(&json!({ "saved": saved, "file": file }))?;
    } else {
        out.line(&format!("saved {saved} routes to {file}"))?;
    }
    Ok(Status::Done)
}

fn to_stdout(
    device: &mut Device<impl Read + Write>,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    if out.json() {
        let message = "save writes what load reads; use `rcuctl --json route show` for JSON";
        return Err(Error::Usage(message.to_string()));
    }
    device.for_each_line(|line| out.line(line))?;
    Ok(Status::Done)
}

/// Writes beside the file and renames, so that nobody ever sees half a table.
fn to_file(device: &mut Device<impl Read + Write>, file: &Path) -> Result<u64> {
    let failed = |error| Error::io(format!("writing {}", file.display()))(error);
    // A link stays a link: what it points to is replaced.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let old = fs::metadata(&target).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        // A pipe or a terminal cannot be renamed over.
        let open = OpenOptions::new()
            .write(true)
            .open(&target)
            .map_err(failed)?;
        return copy(device, open, failed).map(|(routes, _)| routes);
    }
    let beside = Beside::new(&target).map_err(failed)?;
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&beside.path);
    let (routes, written) = copy(device, created.map_err(failed)?, failed)?;
    if let Some(old) = old {
        written.set_permissions(old.permissions()).map_err(failed)?;
    }
    written.sync_all().map_err(failed)?;
    fs::rename(&beside.path, &target).map_err(failed)?;
    Ok(routes)
}

/// Copies the table and counts its routes.
fn copy(
    device: &mut Device<impl Read + Write>,
    file: File,
    failed: impl Fn(io::Error) -> Error,
) -> Result<(u64, File)> {
    let mut writer = BufWriter::with_capacity(BUFFER, file);
    let mut routes = 0;
    device.for_each_line(|line| {
        routes += 1;
        writer
            .write_all(line.as_bytes())
            .and_then(|()| writer.write_all(b"\n"))
            .map_err(&failed)
    })?;
    let file = writer
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    Ok((routes, file))
}

/// The name of a temporary file in the target's folder; what stands there is removed at the end.
/// After the rename nothing does.
struct Beside {
    path: PathBuf,
}

impl Beside {
    fn new(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let name = format!(".{}.{}", name.to_string_lossy(), std::process::id());
        Ok(Self {
            path: target.with_file_name(name),
        })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It may never have been created, and a leftover hurts nobody.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use std::os::unix::fs::{symlink, FileTypeExt, PermissionsExt};

    /// A folder for one test, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("rcuctl-{name}-{}", std::process::id()));
            fs::create_dir(&path).expect("a writable temporary folder");
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).expect("readable");
            let names = entries.map(|entry| entry.expect("readable").file_name());
            names
                .map(|name| name.to_string_lossy().into_owned())
                .collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).expect("still there");
        }
    }

    fn save(fake: Fake, file: &Path) -> Result<String> {
        let mut text = Vec::new();
        run(
            &mut Device::new(fake),
            file,
            &mut Output::new(&mut text, true),
        )?;
        Ok(String::from_utf8(text).expect("text"))
    }

    fn table() -> Fake {
        Fake::new().table(&["10.0.0.0/8 dev a", "::/0 dev a"])
    }

    #[test]
    fn the_file_is_the_table() {
        let folder = Folder::new("save");
        let file = folder.0.join("routes");
        let text = save(table(), &file).expect("saved");
        assert!(
            text.starts_with("{\"file\":") && text.contains("\"saved\":2"),
            "{text}"
        );
        let content = fs::read_to_string(&file).expect("saved");
        assert_eq!(content, "10.0.0.0/8 dev a\n::/0 dev a\n");
        assert_eq!(folder.names(), ["routes"]);
    }

    #[test]
    fn a_failed_save_leaves_the_old_file_and_nothing_else() {
        let folder = Folder::new("failed");
        let file = folder.0.join("routes");
        fs::write(&file, "old\n").expect("writable");
        save(table().fail_read_after(20), &file).expect_err("the read fails");
        assert_eq!(fs::read_to_string(&file).expect("still there"), "old\n");
        assert_eq!(folder.names(), ["routes"]);
    }

    #[test]
    fn links_and_modes_stay() {
        let folder = Folder::new("link");
        let (file, link) = (folder.0.join("routes"), folder.0.join("link"));
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

    /// With a pipe of its own: with /dev/null a fault here, run as root, would replace the machine's.
    #[test]
    fn what_is_no_file_is_written_to_and_not_replaced() {
        let folder = Folder::new("pipe");
        let pipe = folder.0.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo is there").success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe)
        });
        save(table(), &pipe).expect("written");
        let kept = fs::symlink_metadata(&pipe).expect("still there");
        assert!(kept.file_type().is_fifo());
        let content = reader.join().expect("no panic").expect("readable");
        assert_eq!(content, "10.0.0.0/8 dev a\n::/0 dev a\n");
    }

    #[test]
    fn a_folder_is_no_target() {
        let folder = Folder::new("folder");
        assert!(save(table(), &folder.0).is_err());
        assert!(save(table(), &folder.0.join("missing/routes")).is_err());
    }

    #[test]
    fn standard_output_is_for_load_and_not_json() {
        let mut text = Vec::new();
        let dash = Path::new("-");
        run(
            &mut Device::new(table()),
            dash,
            &mut Output::new(&mut text, false),
        )
        .expect("printed");
        assert_eq!(text, b"10.0.0.0/8 dev a\n::/0 dev a\n");
        assert!(matches!(save(table(), dash), Err(Error::Usage(_))));
    }
}
