// SPDX-License-Identifier: GPL-2.0

//! Records this process's changes of the kernel's settings in a file. If the process is killed, the
//! next rcuctl restores the settings.
//!
//! ```text
//!   /run/rcuctl/PID-START   one entry a line, as JSON: the setting, its old value, its new value
//!              lock        locked by an rcuctl that restores settings
//!              NAME.unreadable  set aside: the next rcuctl could not read it, or a line of it
//!              PATH.lock   locked by an rcuctl that runs the job of that parameter; has its PID
//! ```
//!
//! The lock of a job keeps other processes from taking its changes for the user's values.
//!
//! START is the start time of the process: it distinguishes a later process with the same PID. A
//! setting that another program has changed since keeps its value.

mod folder;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::cmp::Reverse;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::Flock;
use serde::{Deserialize, Serialize};

use crate::affinity;
use crate::atomic_file;
use crate::error::{Error, Result};
use crate::parameters::{Folder, Parameters};
use crate::run::{self, Job, RunError};
use crate::stall;

use folder::PrivateFolder;

/// The folder of the files. A boot empties it, and resets the kernel's settings, too.
const FOLDER: &str = "/run/rcuctl";

/// The parameters that start and stop jobs. They have no value to restore.
const JOBS: [&str; 3] = ["scale", "stall", "torture"];

/// As [`open`], for a run of a job. Without the module the error names the module: it helps more
/// than an error of the journal.
pub fn open_for<'a>(job: &'static Job, settings: &'a Folder) -> Result<Journal<'a, Folder>> {
    settings.read(job.parameter)?;
    open(settings, Some(job.parameter)).map_err(|error| match error {
        Error::Run(RunError::InUse { .. }) if run::is_active(settings, job).unwrap_or(false) => {
            RunError::Busy(job).into()
        }
        error => error,
    })
}

/// Restores the settings of killed processes, and records the changes that this process makes to
/// start the job of a parameter.
///
/// Errors: another rcuctl runs that job.
pub fn open<'a>(settings: &'a Folder, parameter: Option<&str>) -> Result<Journal<'a, Folder>> {
    let folder = PrivateFolder::create(Path::new(FOLDER))?;
    let claimed = parameter.map(|name| folder.claim(&settings.path(name)));
    let only_one = claimed.transpose()?.flatten();
    let (journal, recovery) = Journal::open(settings, &folder, only_one)?;
    recovery.report();
    Ok(journal)
}

/// Restores the settings of killed processes.
pub fn recover(settings: &impl Parameters) -> Result<()> {
    if let Some(folder) = PrivateFolder::existing(Path::new(FOLDER))? {
        Recovery::run(settings, &folder)?.report();
    }
    Ok(())
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
    _only_one: Option<Flock<File>>,
}

impl<'a, P: Parameters> Journal<'a, P> {
    /// Restores the settings that killed processes have changed, and begins to record.
    fn open(
        settings: &'a P,
        folder: &PrivateFolder,
        only_one: Option<Flock<File>>,
    ) -> Result<(Self, Recovery)> {
        let recovery = Recovery::run(settings, folder)?;
        let pid = std::process::id();
        let start = start_time(pid).unwrap_or_default();
        let journal = Self {
            settings,
            path: folder.path.join(format!("{pid}-{start}")),
            entries: RefCell::new(Vec::new()),
            _only_one: only_one,
        };
        journal.save()?;
        Ok((journal, recovery))
    }

    fn save(&self) -> Result<()> {
        save(&self.path, &self.entries.borrow())
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

fn save(path: &Path, entries: &[Entry]) -> Result<()> {
    let lines = entries
        .iter()
        .filter_map(|entry| serde_json::to_string(entry).ok());
    let text: String = lines.map(|line| line + "\n").collect();
    atomic_file::replace(path, |mut file| {
        let written = file.write_all(text.as_bytes());
        written.map_err(Error::io(format!("writing {}", path.display())))
    })
}

/// Restores a setting, unless another program has changed it since. Returns whether it wrote.
///
/// Errors: the setting has another value after the write; or it is the CPUs of a thread, and a stall
/// is active. The stall may have bound the thread, and will then restore the CPUs that it found.
fn restore(settings: &impl Parameters, entry: &Entry) -> Result<bool> {
    if affinity::is_setting(&entry.name) && stall::is_active(settings)? {
        return Err(RunError::BoundByStall.into());
    }
    let found = settings.read(&entry.name)?;
    if entry.now.as_ref().is_some_and(|now| *now != found) || entry.before == found {
        return Ok(false);
    }
    settings.write(&entry.name, &entry.before)?;
    let found = settings.read(&entry.name)?;
    match found == entry.before {
        true => Ok(true),
        false => Err(RunError::NotRestored(found).into()),
    }
}

/// What became of the settings that killed processes have changed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Recovery {
    /// The names of the restored settings.
    restored: Vec<String>,
    /// The settings that could not be restored, with the reasons. Their entries are kept.
    failed: Vec<String>,
    /// The records that could not be read, with the reasons. They are set aside.
    unreadable: Vec<String>,
}

impl Recovery {
    /// Restores the settings in the files of ended processes. A process that another one has
    /// followed is the last one to be restored, because its entries have the oldest values.
    fn run(settings: &impl Parameters, folder: &PrivateFolder) -> Result<Self> {
        let _only_one = folder.lock("lock")?;
        let files = fs::read_dir(&folder.path).map_err(|error| folder.failed(error))?;
        let mut ended: Vec<_> = files
            .flatten()
            .filter_map(|file| Some((ended_process(file.file_name().to_str()?)?, file.path())))
            .collect();
        ended.sort_by_key(|(start, _)| Reverse(*start));
        let mut recovery = Self::default();
        for (_, path) in ended {
            recovery.restore(settings, &path);
        }
        Ok(recovery)
    }

    /// Restores the settings in the file of a killed process. Removes the restored entries, and
    /// sets an unreadable file aside: it must not fail each later run.
    fn restore(&mut self, settings: &impl Parameters, path: &Path) {
        let text = match read_record(path) {
            Ok(text) => text,
            Err(error) => return self.set_aside(path, error, |aside| fs::rename(path, aside)),
        };
        let lines = text.lines().map(serde_json::from_str::<Entry>);
        let (entries, wrong): (Vec<_>, Vec<_>) = lines.partition(|entry| entry.is_ok());
        if let Some(error) = wrong.into_iter().find_map(|entry| entry.err()) {
            // The readable entries stay in the record until they are restored.
            self.set_aside(path, error, |aside| fs::copy(path, aside).map(drop));
        }
        let entries = entries.into_iter().flatten();
        let mut kept = Vec::new();
        for entry in entries {
            match restore(settings, &entry) {
                Ok(true) => self.restored.push(entry.name),
                Ok(false) => {}
                // The module was unloaded, or the thread has ended.
                Err(error) if matches!(error.errno(), Some(Errno::ENOENT | Errno::ESRCH)) => {}
                Err(error) => {
                    let Entry { name, before, .. } = &entry;
                    self.failed.push(format!("{name} to {before:?}: {error}"));
                    kept.push(entry);
                }
            }
        }
        let removed = match kept.is_empty() {
            true => {
                fs::remove_file(path).map_err(Error::io(format!("removing {}", path.display())))
            }
            false => save(path, &kept),
        };
        if let Err(error) = removed {
            self.failed.push(error.to_string());
        }
    }

    /// Sets a record aside by `move_to`, and records why.
    fn set_aside(
        &mut self,
        path: &Path,
        error: impl std::fmt::Display,
        move_to: impl FnOnce(&Path) -> std::io::Result<()>,
    ) {
        let aside = path.with_extension("unreadable");
        let result = match move_to(&aside) {
            Ok(()) => format!("it is now {}", aside.display()),
            Err(error) => format!("it could not be set aside: {error}"),
        };
        let path = path.display();
        self.unreadable.push(format!("{path}: {error}; {result}"));
    }

    /// Prints what was restored, and what was not, on standard error.
    fn report(&self) {
        if !self.restored.is_empty() {
            let names = self.restored.join(", ");
            eprintln!("rcuctl: restored the settings that a killed rcuctl had changed: {names}");
        }
        for failed in &self.failed {
            eprintln!(
                "rcuctl: cannot restore {failed}. A killed rcuctl had changed it; the next rcuctl \
                 tries again"
            );
        }
        for unreadable in &self.unreadable {
            eprintln!("rcuctl: cannot read a record of a killed rcuctl, {unreadable}");
        }
    }
}

/// Reads a record. A pipe would block the reader.
fn read_record(path: &Path) -> std::io::Result<String> {
    match fs::symlink_metadata(path)?.is_file() {
        true => Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned()),
        false => Err(std::io::Error::other("not a regular file")),
    }
}

/// Returns the start time of the ended process whose file has that name; `None` if the process
/// lives. Files with other names are temporary, or no records.
fn ended_process(file: &str) -> Option<u64> {
    let (pid, start) = file.split_once('-')?;
    let started = start.parse().ok()?;
    let lives = start_time(pid.parse().ok()?).is_some_and(|found| found == start);
    (!lives).then_some(started)
}

/// The time at which a process started, in ticks since the boot: field 22 of its `stat`.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name, in parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_string)
}
