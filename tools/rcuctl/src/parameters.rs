// SPDX-License-Identifier: GPL-2.0

//! The module's parameters, as files in sysfs, and other settings of the kernel.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use thiserror::Error;

use crate::affinity;
use crate::error::{describe, Error, Result};

/// The folder of the module's parameters.
pub const PARAMETERS: &str = "/sys/module/rust_rcu_demo/parameters";

/// Reads and writes parameters of the kernel, or of a fake in tests.
pub trait Parameters {
    /// Reads a value, without the newline at its end. A name that is an absolute path is a file of
    /// the kernel elsewhere, and one of [`affinity`] is the CPUs of a thread.
    fn read(&self, name: &str) -> Result<String>;
    fn write(&self, name: &str, value: &str) -> Result<()>;
}

/// A failed read or write of a parameter.
#[derive(Debug, Error)]
pub enum ParameterError {
    #[error("no {}: is the module loaded? sudo insmod rust_rcu_demo.ko", .0.display())]
    NoModule(PathBuf),

    #[error(
        "the loaded module has no parameter {0}: it is older than this rcuctl, or built without it. \
         Load the matching one: sudo rmmod rust_rcu_demo; sudo insmod rust_rcu_demo.ko"
    )]
    NoParameter(String),

    #[error("no permission to open {}: run rcuctl as root, for example with sudo", .0.display())]
    NotRoot(PathBuf),

    #[error(
        "the kernel refused {setting}: {}; `dmesg | tail` may say why",
        describe(source)
    )]
    Refused { setting: String, source: io::Error },

    #[error("unexpected report of the module: {0}")]
    Report(String),
}

impl ParameterError {
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::NoModule(_) | Self::NoParameter(_) => Some(Errno::ENOENT),
            Self::NotRoot(_) => Some(Errno::EACCES),
            Self::Refused { source, .. } => source.raw_os_error().map(Errno::from_raw),
            Self::Report(_) => None,
        }
    }
}

/// The parameters of the loaded module.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    /// The file of a parameter.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Explains why the file of a parameter cannot be opened.
    fn open_error(&self, name: &str, error: io::Error) -> Error {
        let path = self.path.join(name);
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT) if !self.path.exists() => {
                ParameterError::NoModule(self.path.clone()).into()
            }
            Some(Errno::ENOENT) => ParameterError::NoParameter(name.to_string()).into(),
            Some(Errno::EACCES) => ParameterError::NotRoot(path).into(),
            _ => Error::io(format!("opening {}", path.display()))(error),
        }
    }
}

impl Parameters for Folder {
    fn read(&self, name: &str) -> Result<String> {
        if let Some(thread) = affinity::thread(name) {
            return thread.and_then(affinity::read).map_err(Error::io(name));
        }
        let text = fs::read_to_string(self.path.join(name))
            .map_err(|error| self.open_error(name, error))?;
        Ok(text.trim_end_matches('\n').to_string())
    }

    fn write(&self, name: &str, value: &str) -> Result<()> {
        if let Some(thread) = affinity::thread(name) {
            let written = thread.and_then(|thread| affinity::write(thread, value));
            return written.map_err(Error::io(name));
        }
        let mut file = File::options()
            .write(true)
            .truncate(true)
            .open(self.path.join(name))
            .map_err(|error| self.open_error(name, error))?;
        // In one call, as each write() to sysfs sets the parameter.
        file.write_all(format!("{value}\n").as_bytes())
            .map_err(|source| {
                ParameterError::Refused {
                    setting: format!("{name}={value}"),
                    source,
                }
                .into()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A temporary folder.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir()
                .join(format!("rcuctl-parameters-{name}-{}", std::process::id()));
            fs::create_dir(&path).expect("a writable temporary folder");
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).expect("still there");
        }
    }

    #[test]
    fn a_parameter_is_one_line() {
        let scratch = Scratch::new("line");
        fs::write(scratch.0.join("bug"), "early_free\n").expect("a file");
        let folder = Folder::new(&scratch.0);
        assert_eq!(folder.read("bug").expect("readable"), "early_free");
        folder.write("bug", "none").expect("writable");
        assert_eq!(folder.read("bug").expect("readable"), "none");
    }

    #[test]
    fn no_module_and_an_old_module_are_distinct_errors() {
        let scratch = Scratch::new("old");
        let error = |path: &Path| match Folder::new(path).read("torture") {
            Err(Error::Parameter(error)) => error,
            other => panic!("{other:?}"),
        };
        assert!(
            matches!(error(&scratch.0), ParameterError::NoParameter(name) if name == "torture")
        );
        let gone = scratch.0.join("none");
        assert!(matches!(error(&gone), ParameterError::NoModule(path) if path == gone));
    }

    #[test]
    fn writing_creates_no_file() {
        let scratch = Scratch::new("create");
        let result = Folder::new(&scratch.0).write("torture", "1");
        assert!(
            matches!(
                result,
                Err(Error::Parameter(ParameterError::NoParameter(_)))
            ),
            "{result:?}"
        );
    }

    #[test]
    fn a_denied_permission_asks_for_root() {
        let folder = Folder::new(Path::new("/sys/module/rust_rcu_demo/parameters"));
        let denied = io::Error::from_raw_os_error(Errno::EACCES as i32);
        assert!(matches!(
            folder.open_error("torture", denied),
            Error::Parameter(ParameterError::NotRoot(_))
        ));
    }

    #[test]
    fn a_refused_setting_is_part_of_the_error() {
        let scratch = Scratch::new("refused");
        std::os::unix::fs::symlink("/dev/full", scratch.0.join("stutter")).expect("a link");
        let result = Folder::new(&scratch.0).write("stutter", "5");
        let Err(Error::Parameter(error)) = result else {
            panic!("{result:?}");
        };
        let text = error.to_string();
        for part in ["stutter=5", "No space left", "ENOSPC", "dmesg"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(error.errno(), Some(Errno::ENOSPC));
    }

    #[test]
    fn an_absolute_path_is_read_from_outside_the_folder() {
        let scratch = Scratch::new("absolute");
        let other = scratch.0.join("hung_task_timeout_secs");
        fs::write(&other, "120\n").expect("a file");
        let folder = Folder::new(&scratch.0.join("parameters"));
        let name = other.to_str().expect("an ASCII path");
        assert_eq!(folder.read(name).expect("readable"), "120");
    }

    #[test]
    fn errors_name_a_command_that_helps() {
        for (error, command) in [
            (ParameterError::NoModule("/sys/module/x".into()), "insmod"),
            (ParameterError::NoParameter("torture".to_string()), "insmod"),
            (
                ParameterError::NotRoot("/sys/module/x/torture".into()),
                "sudo",
            ),
        ] {
            assert!(error.to_string().contains(command), "{error}");
        }
    }
}
