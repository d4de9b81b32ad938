// SPDX-License-Identifier: GPL-2.0

//! The module's parameters, as files in sysfs, and other knobs of the kernel.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use thiserror::Error;

use crate::error::{describe, Error, Result};

/// The folder of the module's parameters.
pub const PARAMETERS: &str = "/sys/module/rust_rcu_demo/parameters";

/// What reads and sets parameters: the kernel, or what stands in for it in a test.
pub trait Parameters {
    /// Without the newline at the end. A name that is an absolute path is that of another knob of the kernel.
    fn read(&self, name: &str) -> Result<String>;
    fn write(&self, name: &str, value: &str) -> Result<()>;
}

/// Why a parameter cannot be read or set, and what to do about it.
#[derive(Debug, Error)]
pub enum Trouble {
    #[error("no {}: is the module loaded? sudo insmod rust_rcu_demo.ko", .0.display())]
    NoModule(PathBuf),

    #[error(
        "the loaded module has no parameter {0}: it is older than this rcuctl, or built without it. \
         Load the one that came with it: sudo rmmod rust_rcu_demo; sudo insmod rust_rcu_demo.ko"
    )]
    NoParameter(String),

    #[error("may not open {}: run it as root, for example with sudo", .0.display())]
    NotRoot(PathBuf),

    #[error(
        "the kernel refused {setting}: {}; `dmesg | tail` has more about it",
        describe(source)
    )]
    Refused { setting: String, source: io::Error },

    #[error("unexpected report of the module: {0}")]
    Report(String),
}

impl Trouble {
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::NoModule(_) | Self::NoParameter(_) => Some(Errno::ENOENT),
            Self::NotRoot(_) => Some(Errno::EACCES),
            Self::Refused { source, .. } => source.raw_os_error().map(Errno::from_raw),
            Self::Report(_) => None,
        }
    }
}

/// The parameters of a module that is loaded.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    /// What it means that the file of a parameter cannot be opened.
    fn unopened(&self, name: &str, error: io::Error) -> Error {
        let path = self.path.join(name);
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT) if !self.path.exists() => {
                Trouble::NoModule(self.path.clone()).into()
            }
            Some(Errno::ENOENT) => Trouble::NoParameter(name.to_string()).into(),
            Some(Errno::EACCES) => Trouble::NotRoot(path).into(),
            _ => Error::io(format!("opening {}", path.display()))(error),
        }
    }
}

impl Parameters for Folder {
    fn read(&self, name: &str) -> Result<String> {
        let text =
            fs::read_to_string(self.path.join(name)).map_err(|error| self.unopened(name, error))?;
        Ok(text.trim_end_matches('\n').to_string())
    }

    fn write(&self, name: &str, value: &str) -> Result<()> {
        let mut file = File::options()
            .write(true)
            .truncate(true)
            .open(self.path.join(name))
            .map_err(|error| self.unopened(name, error))?;
        // At once: each write() of sysfs sets the parameter anew.
        file.write_all(format!("{value}\n").as_bytes())
            .map_err(|source| {
                Trouble::Refused {
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

    /// A folder that is gone when the test is over.
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
    fn no_module_and_an_old_module_are_told_apart() {
        let scratch = Scratch::new("old");
        let trouble = |path: &Path| match Folder::new(path).read("torture") {
            Err(Error::Parameter(trouble)) => trouble,
            other => panic!("{other:?}"),
        };
        assert!(matches!(trouble(&scratch.0), Trouble::NoParameter(name) if name == "torture"));
        let gone = scratch.0.join("none");
        assert!(matches!(trouble(&gone), Trouble::NoModule(path) if path == gone));
    }

    #[test]
    fn setting_makes_no_file() {
        let scratch = Scratch::new("create");
        let result = Folder::new(&scratch.0).write("torture", "1");
        assert!(
            matches!(result, Err(Error::Parameter(Trouble::NoParameter(_)))),
            "{result:?}"
        );
    }

    #[test]
    fn permission_denied_asks_for_root() {
        let folder = Folder::new(Path::new("/sys/module/rust_rcu_demo/parameters"));
        let denied = io::Error::from_raw_os_error(Errno::EACCES as i32);
        assert!(matches!(
            folder.unopened("torture", denied),
            Error::Parameter(Trouble::NotRoot(_))
        ));
    }

    #[test]
    fn a_refused_value_is_named() {
        let scratch = Scratch::new("refused");
        std::os::unix::fs::symlink("/dev/full", scratch.0.join("stutter")).expect("a link");
        let result = Folder::new(&scratch.0).write("stutter", "5");
        let Err(Error::Parameter(trouble)) = result else {
            panic!("{result:?}");
        };
        let text = trouble.to_string();
        for part in ["stutter=5", "No space left", "ENOSPC", "dmesg"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(trouble.errno(), Some(Errno::ENOSPC));
    }

    #[test]
    fn an_absolute_path_is_another_knob() {
        let scratch = Scratch::new("absolute");
        let other = scratch.0.join("hung_task_timeout_secs");
        fs::write(&other, "120\n").expect("a file");
        let folder = Folder::new(&scratch.0.join("parameters"));
        let name = other.to_str().expect("an ASCII path");
        assert_eq!(folder.read(name).expect("readable"), "120");
    }

    #[test]
    fn trouble_names_a_command_that_helps() {
        for (trouble, command) in [
            (Trouble::NoModule("/sys/module/x".into()), "insmod"),
            (Trouble::NoParameter("torture".to_string()), "insmod"),
            (Trouble::NotRoot("/sys/module/x/torture".into()), "sudo"),
        ] {
            assert!(trouble.to_string().contains(command), "{trouble}");
        }
    }
}
