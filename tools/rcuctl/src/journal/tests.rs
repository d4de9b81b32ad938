// SPDX-License-Identifier: GPL-2.0

//! Tests of the journal.

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
            fs::rename(folder.path().join("1-9"), folder.path().join("hidden")).expect("a file");
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
