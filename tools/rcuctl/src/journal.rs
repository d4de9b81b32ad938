// SPDX-License-Identifier: GPL-2.0

//! Records this process's changes of the kernel's settings in a file. If the process is killed, the
//! next rcuctl restores the settings.
//!
//! ```text
//!   /run/rcuctl/PID-START   one entry a line, as JSON: the setting, its old value, its new value
//! ```
//!
//! START is the start time of the process: it distinguishes a later process with the same PID. A
//! setting that another program has changed since keeps its value.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic_file;
use crate::error::{Error, Result};
use crate::parameters::{ParameterError, Parameters};
use crate::run::Job;

/// The folder of the files. A boot empties it, and resets the kernel's settings, too.
const FOLDER: &str = "/run/rcuctl";

/// The parameters that start and stop jobs. They have no value to restore.
const JOBS: [&str; 3] = ["scale", "stall", "torture"];

/// As [`open`], for a run of a job. Without the module the error names the module: it helps more
/// than an error of the journal.
pub fn open_for<'a, P: Parameters>(job: &Job, settings: &'a P) -> Result<Journal<'a, P>> {
    settings.read(job.parameter)?;
    open(settings)
}

/// Records the changes of this process. Names the settings that it restores for killed processes on
/// standard error.
pub fn open<P: Parameters>(settings: &P) -> Result<Journal<'_, P>> {
    let (journal, restored) = Journal::open(settings, Path::new(FOLDER))?;
    if !restored.is_empty() {
        eprintln!(
            "rcuctl: restored the settings that a killed rcuctl had changed: {}",
            restored.join(", ")
        );
    }
    Ok(journal)
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    name: String,
    before: String,
    /// The value that the kernel returns after the change; `None` before the change.
    now: Option<String>,
}

/// Settings whose changes are recorded.
pub struct Journal<'a, P> {
    settings: &'a P,
    path: PathBuf,
    entries: RefCell<Vec<Entry>>,
}

impl<'a, P: Parameters> Journal<'a, P> {
    /// Restores the settings that killed processes have changed, and begins to record. Also returns
    /// the names of the restored settings.
    pub fn open(settings: &'a P, folder: &Path) -> Result<(Self, Vec<String>)> {
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::PermissionDenied => ParameterError::NotRoot(folder.to_path_buf()).into(),
            _ => Error::io(format!("recording changes in {}", folder.display()))(error),
        };
        // Root writes what the files say, so only root may write them.
        let mut private = DirBuilder::new();
        private
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        let mut restored = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)?.flatten() {
            if has_ended(&entry.file_name()) {
                restored.extend(restore_killed(settings, &entry.path()));
            }
        }
        let pid = std::process::id();
        let start = start_time(pid).unwrap_or_default();
        let journal = Self {
            settings,
            path: folder.join(format!("{pid}-{start}")),
            entries: RefCell::new(Vec::new()),
        };
        journal.save()?;
        Ok((journal, restored))
    }

    fn save(&self) -> Result<()> {
        let entries = self.entries.borrow();
        let lines = entries
            .iter()
            .filter_map(|entry| serde_json::to_string(entry).ok());
        let text: String = lines.map(|line| line + "\n").collect();
        atomic_file::replace(&self.path, |mut file| {
            let written = file.write_all(text.as_bytes());
            written.map_err(Error::io(format!("writing {}", self.path.display())))
        })
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.entries
            .borrow()
            .iter()
            .position(|entry| entry.name == name)
    }

    fn change(&self, name: &str, value: &str) -> Result<()> {
        let before = self.settings.read(name)?;
        self.entries.borrow_mut().push(Entry {
            name: name.to_string(),
            before,
            now: None,
        });
        self.save()?;
        let written = self.settings.write(name, value);
        let now = self.settings.read(name).ok();
        if let Some(entry) = self.entries.borrow_mut().last_mut() {
            entry.now = now;
        }
        if written.is_err() {
            self.entries.borrow_mut().pop();
        }
        self.save()?;
        written
    }
}

impl<P: Parameters> Parameters for Journal<'_, P> {
    fn read(&self, name: &str) -> Result<String> {
        self.settings.read(name)
    }

    /// Records the value before the first change of a setting. A write of that value ends the
    /// record, but does not overwrite a value that another program has set since.
    fn write(&self, name: &str, value: &str) -> Result<()> {
        if !is_recorded(name) || self.settings.read(name).is_err() {
            return self.settings.write(name, value);
        }
        let Some(index) = self.position(name) else {
            return self.change(name, value);
        };
        let entry = self.entries.borrow()[index].clone();
        if entry.before == value {
            restore(self.settings, &entry)?;
            self.entries.borrow_mut().remove(index);
        } else {
            self.settings.write(name, value)?;
            self.entries.borrow_mut()[index].now = self.settings.read(name).ok();
        }
        self.save()
    }
}

impl<P> Drop for Journal<'_, P> {
    fn drop(&mut self) {
        // The next rcuctl tries again to restore the remaining entries.
        if self.entries.borrow().is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether to record a setting. Files below /proc/PID disappear with their process.
fn is_recorded(name: &str) -> bool {
    !JOBS.contains(&name) && (!name.starts_with("/proc/") || name.starts_with("/proc/sys/"))
}

/// Restores a setting, unless another program has changed it since. Returns whether it wrote.
fn restore(settings: &impl Parameters, entry: &Entry) -> Result<bool> {
    let found = settings.read(&entry.name)?;
    if entry.now.as_ref().is_some_and(|now| *now != found) || entry.before == found {
        return Ok(false);
    }
    settings.write(&entry.name, &entry.before)?;
    Ok(true)
}

/// Whether a file's name is that of an ended process. Files with other names are temporary, or not
/// rcuctl's.
fn has_ended(file: &OsStr) -> bool {
    let name = file.to_str().and_then(|name| name.split_once('-'));
    name.and_then(|(pid, start)| Some((pid.parse().ok()?, start)))
        .is_some_and(|(pid, start)| start_time(pid).is_none_or(|found| found != start))
}

/// The time at which a process started, in ticks since the boot: field 22 of its `stat`.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name, in parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_string)
}

/// Restores the settings in the file of a killed process, and removes the file.
fn restore_killed(settings: &impl Parameters, path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let entries = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Entry>(line).ok());
    let restored = entries.filter(|entry| matches!(restore(settings, entry), Ok(true)));
    let restored = restored.map(|entry| entry.name).collect();
    let _ = fs::remove_file(path);
    restored
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torture::fake::Fake;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn open<'a>(fake: &'a Fake, folder: &tempfile::TempDir) -> (Journal<'a, Fake>, Vec<String>) {
        Journal::open(fake, folder.path()).expect("a writable folder")
    }

    /// Leaves the journal's file under the name of an ended process: none with PID 1 started at 7.
    fn kill(journal: Journal<'_, Fake>, folder: &tempfile::TempDir) {
        fs::rename(&journal.path, folder.path().join("1-7")).expect("its file");
    }

    #[test]
    fn the_next_process_restores_the_settings_of_a_killed_one() {
        let (fake, folder) = (Fake::new(), folder());
        let (journal, restored) = open(&fake, &folder);
        assert_eq!(restored, [""; 0]);
        journal.write("stutter", "5").expect("accepted");
        journal.write("bug", "skip_gp").expect("accepted");
        kill(journal, &folder);
        assert_eq!(fake.value("bug"), "skip_gp");
        let (journal, restored) = open(&fake, &folder);
        assert_eq!(restored, ["stutter", "bug"]);
        assert_eq!(
            (fake.value("stutter"), fake.value("bug")),
            ("0".into(), "none".into())
        );
        drop(journal);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn a_live_process_keeps_its_settings() {
        let (fake, folder) = (Fake::new(), folder());
        let (journal, _) = open(&fake, &folder);
        journal.write("stutter", "5").expect("accepted");
        let name = journal.path.file_name().expect("a name");
        assert!(!has_ended(name) && !has_ended(OsStr::new(".rcuctl-x")));
        assert_eq!(open(&fake, &folder).1, [""; 0]);
        assert_eq!(fake.value("stutter"), "5");
    }

    #[test]
    fn a_value_that_another_program_has_set_is_kept() {
        let (fake, folder) = (Fake::new(), folder());
        let (journal, _) = open(&fake, &folder);
        journal.write("stutter", "5").expect("accepted");
        fake.write("stutter", "7").expect("accepted");
        journal.write("stutter", "0").expect("accepted");
        assert_eq!(fake.value("stutter"), "7");

        journal.write("bug", "skip_gp").expect("accepted");
        fake.write("bug", "early_free").expect("accepted");
        kill(journal, &folder);
        assert_eq!(open(&fake, &folder).1, [""; 0]);
        assert_eq!(fake.value("bug"), "early_free");
    }

    #[test]
    fn a_change_that_was_not_finished_is_restored() {
        let (fake, folder) = (Fake::new(), folder());
        fake.write("stutter", "5").expect("accepted");
        let record = r#"{"name":"stutter","before":"0","now":null}"#;
        fs::write(
            folder.path().join("1-7"),
            format!("{record}\n{{\"name\":\"b"),
        )
        .expect("a file");
        assert_eq!(open(&fake, &folder).1, ["stutter"]);
        assert_eq!(fake.value("stutter"), "0");
    }

    #[test]
    fn jobs_and_files_of_processes_are_not_recorded() {
        for name in [
            "stall",
            "torture",
            "/proc/self/oom_score_adj",
            "/proc/7/oom_score_adj",
        ] {
            assert!(!is_recorded(name), "{name}");
        }
        for name in ["stutter", "/proc/sys/kernel/hung_task_warnings"] {
            assert!(is_recorded(name), "{name}");
        }
    }
}
