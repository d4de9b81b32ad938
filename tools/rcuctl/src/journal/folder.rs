// SPDX-License-Identifier: GPL-2.0

//! The folder of the journal, and the locks in it. Only root can open them: a user who can open a
//! file can also lock it.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::geteuid;

use super::start_time;
use crate::error::{Error, Result};
use crate::parameters::ParameterError;
use crate::run::RunError;

/// The most characters of a parameter's path in the name of its lock. A name has up to 255 bytes.
const MAX_NAME: usize = 60;

/// A folder that only this process's user can read and write.
pub struct PrivateFolder {
    pub path: PathBuf,
}

impl PrivateFolder {
    /// Opens the folder. Creates it if it does not exist.
    ///
    /// Errors: as for [`PrivateFolder::existing`].
    pub fn create(path: &Path) -> Result<Self> {
        let creating = |error| failed("creating", path, error);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(creating)?;
        }
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(creating(error)),
            _ => {}
        }
        Self::existing(path)?.ok_or_else(|| creating(ErrorKind::NotFound.into()))
    }

    /// Opens the folder if it exists.
    ///
    /// Errors: it is a symbolic link or no folder, it has another owner, or others have access.
    pub fn existing(path: &Path) -> Result<Option<Self>> {
        let found = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            found => found.map_err(|error| failed("reading", path, error))?,
        };
        let mode = found.mode() & 0o7777;
        let wrong = if !found.is_dir() {
            "is no folder".to_string()
        } else if found.uid() != geteuid().as_raw() {
            format!("belongs to user {}", found.uid())
        } else if mode & 0o077 != 0 {
            format!("has mode {mode:04o}")
        } else {
            let path = path.to_path_buf();
            return Ok(Some(Self { path }));
        };
        Err(match geteuid().is_root() {
            true => RunError::NotPrivate(path.to_path_buf(), wrong).into(),
            false => ParameterError::NotRoot(path.to_path_buf()).into(),
        })
    }

    /// Waits until no other process has locked the file, and locks it.
    pub fn lock(&self, name: &str) -> Result<Option<Flock<File>>> {
        lock(self.file(name)?, FlockArg::LockExclusive).map_err(|error| self.failed(error))
    }

    /// Locks the job of a parameter.
    ///
    /// Errors: another process has locked it.
    pub fn claim(&self, parameter: &Path) -> Result<Option<Flock<File>>> {
        let name = lock_name(parameter)?;
        match lock(self.file(&name)?, FlockArg::LockExclusiveNonblock) {
            Ok(mut claim) => {
                // Only messages need the text.
                if let Some(claim) = &mut claim {
                    let pid = std::process::id();
                    let start = start_time(pid).unwrap_or_default();
                    let _ = claim
                        .set_len(0)
                        .and_then(|()| write!(claim, "{pid}-{start}"));
                }
                Ok(claim)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(RunError::InUse {
                parameter: parameter.to_path_buf(),
                holder: self.holder(&name),
            }
            .into()),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Returns the PID in a lock, if that process lives.
    fn holder(&self, name: &str) -> Option<u32> {
        let text = fs::read_to_string(self.path.join(name)).ok()?;
        let (pid, start) = text.split_once('-')?;
        let pid = pid.parse().ok()?;
        start_time(pid)
            .is_some_and(|found| found == start)
            .then_some(pid)
    }

    /// Opens a file to lock it. An existing file keeps its text.
    fn file(&self, name: &str) -> Result<File> {
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        let options = options.mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits());
        let file = options.open(self.path.join(name));
        let file = file.map_err(|error| self.failed(error))?;
        let private = file.set_permissions(Permissions::from_mode(0o600));
        private.map_err(|error| self.failed(error))?;
        Ok(file)
    }

    /// Explains why a file of the folder cannot be used.
    pub fn failed(&self, error: std::io::Error) -> Error {
        failed("recording changes in", &self.path, error)
    }
}

fn failed(doing: &str, path: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::PermissionDenied => ParameterError::NotRoot(path.to_path_buf()).into(),
        _ => Error::io(format!("{doing} {}", path.display()))(error),
    }
}

/// Locks a file until the result is dropped or the process ends. A kernel without
/// `CONFIG_FILE_LOCKING` locks nothing.
///
/// Errors: `EWOULDBLOCK` if another process has locked the file and `kind` does not wait.
fn lock(file: File, kind: FlockArg) -> std::io::Result<Option<Flock<File>>> {
    match Flock::lock(file, kind) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::ENOSYS)) => Ok(None),
        Err((_, errno)) => Err(errno.into()),
    }
}

/// The name of the lock for a parameter: the end of its path.
fn lock_name(parameter: &Path) -> Result<String> {
    let path = fs::canonicalize(parameter)
        .map_err(Error::io(format!("locking {}", parameter.display())))?;
    let path = path.to_string_lossy().replace('/', "-");
    let start = path.chars().count().saturating_sub(MAX_NAME);
    Ok(path.chars().skip(start).chain(".lock".chars()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn create(parent: &tempfile::TempDir) -> PrivateFolder {
        PrivateFolder::create(&parent.path().join("run/rcuctl")).expect("a new folder")
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("a file").mode() & 0o777
    }

    fn refusal(path: &Path) -> String {
        let created = PrivateFolder::create(path).err().expect("refused");
        let existing = PrivateFolder::existing(path).err().expect("refused");
        assert_eq!(created.to_string(), existing.to_string());
        created.to_string()
    }

    #[test]
    fn a_folder_that_others_can_change_is_refused() {
        let parent = folder();
        let path = create(&parent).path;
        assert_eq!(mode(&path), 0o700);
        PrivateFolder::create(&path).expect("its own folder");
        for wrong in [0o777, 0o770, 0o755] {
            fs::set_permissions(&path, Permissions::from_mode(wrong)).expect("its own folder");
            let text = refusal(&path);
            assert!(text.contains(path.to_str().expect("a path")), "{text}");
        }
    }

    #[test]
    fn a_symbolic_link_or_a_file_is_no_private_folder() {
        let parent = folder();
        let path = create(&parent).path;
        let [link, file] = ["link", "file"].map(|name| parent.path().join(name));
        symlink(&path, &link).expect("a link");
        File::create(&file).expect("a file");
        refusal(&link);
        refusal(&file);
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        // Only root can give a folder away. For others, a folder of root is one of another user.
        let parent = folder();
        let mut path = create(&parent).path;
        if std::os::unix::fs::chown(&path, Some(12345), None).is_err() {
            path = PathBuf::from("/sys");
        }
        refusal(&path);
    }

    #[test]
    fn a_missing_folder_has_no_records() {
        let path = folder().path().join("none");
        assert!(PrivateFolder::existing(&path).expect("no error").is_none());
    }

    #[test]
    fn one_process_at_a_time_runs_a_job() {
        let parent = folder();
        let private = create(&parent);
        let [stall, torture] = ["stall", "torture"].map(|name| parent.path().join(name));
        fs::write(&stall, "none").expect("a file");
        fs::write(&torture, "0").expect("a file");
        let claimed = private.claim(&stall).expect("no other process");
        let error = private.claim(&stall).expect_err("another process");
        let error = error.to_string();
        let holder = format!("/stall: another rcuctl (pid {})", std::process::id());
        assert!(error.contains(&holder), "{error}");
        private.claim(&torture).expect("another job");
        drop(claimed);
        private.claim(&stall).expect("no other process any more");
    }

    #[test]
    fn a_user_who_locks_the_parameter_blocks_no_job() {
        let parent = folder();
        let private = create(&parent);
        let parameter = parent.path().join("torture");
        fs::write(&parameter, "0").expect("a file");
        let file = File::open(&parameter).expect("a readable file");
        let _user = Flock::lock(file, FlockArg::LockExclusive).expect("a lock");
        let _claimed = private.claim(&parameter).expect("no other rcuctl");
        let name = lock_name(&parameter).expect("a name");
        assert_eq!(mode(&private.path.join(name)), 0o600);
    }

    #[test]
    fn a_lock_is_no_symbolic_link() {
        let parent = folder();
        let private = create(&parent);
        let target = parent.path().join("target");
        symlink(&target, private.path.join("lock")).expect("a link");
        private.lock("lock").expect_err("a link");
        assert!(!target.exists());
    }

    #[test]
    fn a_holder_that_has_ended_is_not_named() {
        let parent = folder();
        let private = create(&parent);
        fs::write(private.path.join("x.lock"), "1-7").expect("a file");
        assert_eq!(private.holder("x.lock"), None);
        assert_eq!(private.holder("none"), None);
    }

    #[test]
    fn a_long_path_has_a_lock() {
        let parent = folder();
        let private = create(&parent);
        let long = parent.path().join("é".repeat(120));
        fs::create_dir(&long).expect("a folder");
        let parameter = long.join("torture");
        fs::write(&parameter, "0").expect("a file");
        private.claim(&parameter).expect("a lock");
    }
}
