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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stall::Fake as StallFake;
    use crate::torture::fake::Fake;
    use nix::fcntl::FlockArg;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn private(folder: &tempfile::TempDir) -> PrivateFolder {
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(folder.path(), mode).expect("its own folder");
        PrivateFolder::create(folder.path()).expect("a private folder")
    }

    fn open<'a>(fake: &'a Fake, folder: &tempfile::TempDir) -> (Journal<'a, Fake>, Recovery) {
        Journal::open(fake, &private(folder), None).expect("a writable folder")
    }

    fn recover(fake: &Fake, folder: &tempfile::TempDir) -> Recovery {
        Recovery::run(fake, &private(folder)).expect("a readable folder")
    }

    /// Leaves the journal's file under the name of a process with PID 1 that started at `start`.
    /// None did.
    fn kill(journal: Journal<'_, Fake>, start: u64) {
        let file = journal.path.with_file_name(format!("1-{start}"));
        fs::rename(&journal.path, file).expect("its file");
    }

    /// The names of the files that record changes.
    fn records(folder: &tempfile::TempDir) -> Vec<String> {
        let files = fs::read_dir(folder.path()).expect("a folder").flatten();
        let names = files.filter_map(|file| file.file_name().into_string().ok());
        names.filter(|name| name != "lock").collect()
    }

    #[test]
    fn the_next_process_restores_the_settings_of_a_killed_one() {
        let (fake, folder) = (Fake::new(), folder());
        let (journal, recovery) = open(&fake, &folder);
        assert_eq!(recovery, Recovery::default());
        journal.write("stutter", "5").expect("accepted");
        journal.write("bug", "skip_gp").expect("accepted");
        kill(journal, 7);
        assert_eq!(fake.value("bug"), "skip_gp");
        let (journal, recovery) = open(&fake, &folder);
        assert_eq!(recovery.restored, ["stutter", "bug"]);
        assert_eq!(fake.changed(), [""; 0]);
        drop(journal);
        assert_eq!(records(&folder), [""; 0]);
    }

    #[test]
    fn a_live_process_keeps_its_settings() {
        let (fake, folder) = (Fake::new(), folder());
        let (journal, _) = open(&fake, &folder);
        journal.write("stutter", "5").expect("accepted");
        let name = journal.path.file_name().and_then(|name| name.to_str());
        assert_eq!(ended_process(name.expect("a name")), None);
        for name in [".rcuctl-x", "lock"] {
            assert_eq!(ended_process(name), None);
        }
        assert_eq!(recover(&fake, &folder), Recovery::default());
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
        kill(journal, 7);
        assert_eq!(recover(&fake, &folder), Recovery::default());
        assert_eq!(fake.value("bug"), "early_free");
    }

    const KTHREAD: &str = "cpus of rcu_preempt 16";

    /// A fake whose stall has bound the grace-period kthread, whose CPUs rcuctl had changed.
    fn bound_kthread() -> StallFake {
        StallFake::new().running("cpu_preempt_off").with(|module| {
            let cpus = ("1".to_string(), KTHREAD.to_string());
            module.values.insert(cpus.1, cpus.0);
        })
    }

    fn end_stall(fake: &StallFake) {
        fake.write("stall", "none").expect("accepted");
        while stall::is_active(fake).expect("a report") {}
        // The module restores the CPUs that it has found.
        fake.write(KTHREAD, "0").expect("accepted");
    }

    #[test]
    fn the_cpus_of_a_thread_are_restored_after_the_stall_that_has_bound_it() {
        let (fake, folder) = (bound_kthread(), folder());
        let record = format!(r#"{{"name":"{KTHREAD}","before":"0,1","now":"0"}}"#);
        fs::write(folder.path().join("1-7"), record).expect("a file");
        let recover = || Recovery::run(&fake, &private(&folder)).expect("a readable folder");
        for cpus in ["1", "0"] {
            fake.write(KTHREAD, cpus).expect("accepted");
            let recovery = recover();
            assert!(
                recovery.failed[0].contains("a stall is active"),
                "{recovery:?}"
            );
            assert_eq!(fake.value(KTHREAD), cpus);
        }
        end_stall(&fake);
        assert_eq!(recover().restored, [KTHREAD]);
        assert_eq!(fake.value(KTHREAD), "0,1");
        assert_eq!(records(&folder), [""; 0]);
    }

    #[test]
    fn a_process_that_ends_during_its_stall_leaves_the_cpus_of_a_thread_recorded() {
        let (fake, folder) = (bound_kthread(), folder());
        fake.write(KTHREAD, "0,1").expect("accepted");
        let (journal, _) = Journal::open(&fake, &private(&folder), None).expect("a folder");
        journal.write(KTHREAD, "0").expect("accepted");
        journal
            .write(KTHREAD, "0,1")
            .expect_err("a stall is active");
        let file = folder.path().join("1-7");
        let own = journal.path.clone();
        drop(journal);
        fs::rename(own, file).expect("its file");
        end_stall(&fake);
        let recovery = Recovery::run(&fake, &private(&folder)).expect("a readable folder");
        assert_eq!(recovery.restored, [KTHREAD]);
    }

    #[test]
    fn a_setting_that_does_not_take_its_value_stays_recorded() {
        let (fake, folder) = (Fake::new(), folder());
        let (journal, _) = open(&fake, &folder);
        journal.write("stutter", "5").expect("accepted");
        kill(journal, 7);
        let deaf = Deaf(&fake);
        let recovery = Recovery::run(&deaf, &private(&folder)).expect("a readable folder");
        assert_eq!(recovery.restored, [""; 0]);
        assert!(recovery.failed[0].contains("\"5\""), "{recovery:?}");
        assert_eq!(records(&folder), ["1-7"]);
    }

    /// Accepts writes, and ignores them.
    struct Deaf<'a>(&'a Fake);

    impl Parameters for Deaf<'_> {
        fn read(&self, name: &str) -> Result<String> {
            self.0.read(name)
        }

        fn write(&self, _: &str, _: &str) -> Result<()> {
            Ok(())
        }
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
        assert_eq!(recover(&fake, &folder).restored, ["stutter"]);
        assert_eq!(fake.value("stutter"), "0");
        assert_eq!(records(&folder), ["1-7.unreadable"]);
    }

    #[test]
    fn an_unreadable_record_is_set_aside_once() {
        let (fake, folder) = (Fake::new(), folder());
        let (journal, _) = open(&fake, &folder);
        journal.write("stutter", "5").expect("accepted");
        kill(journal, 7);
        let path = |name| folder.path().join(name);
        fs::create_dir(path("1-8")).expect("a folder");
        fs::write(path("1-9"), b"\xff\xfe\n").expect("a file");
        std::os::unix::fs::symlink("/dev/zero", path("1-10")).expect("a link");
        nix::unistd::mkfifo(&path("1-11"), nix::sys::stat::Mode::S_IRUSR).expect("a pipe");
        let recovery = recover(&fake, &folder);
        assert_eq!(recovery.restored, ["stutter"]);
        assert_eq!(recovery.unreadable.len(), 4, "{recovery:?}");
        assert_eq!(recover(&fake, &folder), Recovery::default());
        open(&fake, &folder);
    }

    #[test]
    fn a_record_with_an_unreadable_line_keeps_an_entry_that_cannot_be_restored() {
        let (fake, folder) = (Fake::new(), folder());
        fake.write("stutter", "5").expect("accepted");
        let record = "\u{fffd}\n{\"name\":\"stutter\",\"before\":\"0\",\"now\":\"5\"}\n";
        fs::write(folder.path().join("1-7"), record).expect("a file");
        fake.refuse_from_now("stutter", Errno::EIO);
        assert_eq!(recover(&fake, &folder).failed.len(), 1);
        fake.accept_from_now("stutter");
        let recovery = recover(&fake, &folder);
        assert_eq!(recovery.restored, ["stutter"]);
        assert_eq!(recovery.unreadable, [""; 0]);
    }

    #[test]
    fn a_setting_that_cannot_be_restored_stays_recorded_until_it_can() {
        let (fake, folder) = (Fake::new(), folder());
        let (journal, _) = open(&fake, &folder);
        journal.write("stutter", "5").expect("accepted");
        journal.write("bug", "skip_gp").expect("accepted");
        kill(journal, 7);
        fake.refuse_from_now("stutter", Errno::EIO);
        let recovery = recover(&fake, &folder);
        assert_eq!(recovery.restored, ["bug"]);
        assert!(
            recovery.failed[0].starts_with("stutter to \"0\": the kernel refused"),
            "{recovery:?}"
        );
        assert_eq!(records(&folder), ["1-7"]);
        fake.accept_from_now("stutter");
        assert_eq!(recover(&fake, &folder).restored, ["stutter"]);
        assert_eq!(fake.changed(), [""; 0]);
        assert_eq!(records(&folder), [""; 0]);
    }

    #[test]
    fn a_setting_that_no_longer_exists_is_forgotten() {
        let (fake, folder) = (Fake::new(), folder());
        let (journal, _) = open(&fake, &folder);
        journal.write("stutter", "5").expect("accepted");
        kill(journal, 7);
        let fake = Fake::new().without("stutter");
        assert_eq!(recover(&fake, &folder), Recovery::default());
        assert_eq!(records(&folder), [""; 0]);
    }

    #[test]
    fn of_two_killed_processes_the_later_one_is_restored_first() {
        let (fake, folder) = (Fake::new(), folder());
        // Not the order of their names.
        for (start, value) in [(9, "5"), (10, "7")] {
            let (journal, _) = open(&fake, &folder);
            journal.write("stutter", value).expect("accepted");
            fake.refuse_from_now("stutter", Errno::EIO);
            kill(journal, start);
            recover(&fake, &folder);
            fake.accept_from_now("stutter");
            if start == 9 {
                // Hides the record from the second process.
                fs::rename(folder.path().join("1-9"), folder.path().join("hidden"))
                    .expect("a file");
            }
        }
        fs::rename(folder.path().join("hidden"), folder.path().join("1-9")).expect("a file");
        assert_eq!(recover(&fake, &folder).restored, ["stutter", "stutter"]);
        assert_eq!(fake.value("stutter"), "0");
    }

    #[test]
    fn one_process_at_a_time_restores_settings() {
        let (fake, folder) = (Fake::new(), folder());
        let (journal, _) = open(&fake, &folder);
        journal.write("stutter", "5").expect("accepted");
        kill(journal, 7);
        let file = File::create(folder.path().join("lock")).expect("a file");
        let other = Flock::lock(file, FlockArg::LockExclusive).expect("a lock");
        let (done, is_done) = mpsc::channel();
        thread::scope(|scope| {
            let private = private(&folder);
            scope.spawn(move || {
                let recovery = Recovery::run(&Fake::new(), &private).expect("a readable folder");
                done.send(recovery).expect("a receiver");
            });
            let waits = is_done.recv_timeout(Duration::from_millis(50)).is_err();
            drop(other);
            assert!(waits);
        });
        assert_eq!(is_done.recv(), Ok(Recovery::default()));
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
