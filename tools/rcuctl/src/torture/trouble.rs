// SPDX-License-Identifier: GPL-2.0

//! What keeps a torture run from its verdict, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use thiserror::Error;

use crate::error::describe;

#[derive(Debug, Error)]
pub enum Trouble {
    #[error("no {}: is the module loaded? sudo insmod rust_rcu_demo.ko", .0.display())]
    NoModule(PathBuf),

    #[error(
        "the loaded module has no parameter {0}: it is older than this rcuctl, or built without torture. \
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

    #[error(
        "a torture run is going on already: `rcuctl torture --status` shows it, `rcuctl torture --stop` ends it"
    )]
    Busy,

    #[error("unexpected report of the module: {0}")]
    Report(String),

    #[error(
        "no verdict {} s after the run was to end: a thread of it may be stuck in a grace period that never \
         ends. `dmesg | tail` and `rcuctl torture --status` show more",
        .0.as_secs()
    )]
    NoVerdict(Duration),

    #[error(
        "not waiting for the verdict; the run was told to stop, and `rcuctl torture --status` will show it"
    )]
    GaveUp,

    #[error("run {ours} was followed by run {found} before its verdict was read: someone else began that")]
    Overtaken { ours: u64, found: u64 },

    #[error("the module was unloaded before the verdict of the run was read")]
    Unloaded,
}

impl Trouble {
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::NoModule(_) | Self::NoParameter(_) => Some(Errno::ENOENT),
            Self::NotRoot(_) => Some(Errno::EACCES),
            Self::Busy => Some(Errno::EBUSY),
            Self::Refused { source, .. } => source.raw_os_error().map(Errno::from_raw),
            Self::NoVerdict(_) => Some(Errno::ETIMEDOUT),
            Self::GaveUp => Some(Errno::EINTR),
            Self::Report(_) | Self::Overtaken { .. } | Self::Unloaded => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_kernels_words_and_says_where_more_is() {
        let trouble = Trouble::Refused {
            setting: "onoff_interval=5".to_string(),
            source: io::Error::from_raw_os_error(Errno::EOPNOTSUPP as i32),
        };
        let text = trouble.to_string();
        for part in ["onoff_interval=5", "not supported", "EOPNOTSUPP", "dmesg"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(trouble.errno(), Some(Errno::EOPNOTSUPP));
    }

    #[test]
    fn trouble_names_a_command_that_helps() {
        for (trouble, command) in [
            (Trouble::NoModule("/sys/module/x".into()), "insmod"),
            (Trouble::NoParameter("torture".to_string()), "insmod"),
            (Trouble::NotRoot("/sys/module/x/torture".into()), "sudo"),
            (Trouble::Busy, "rcuctl torture --stop"),
            (Trouble::NoVerdict(Duration::from_secs(9)), "dmesg"),
            (Trouble::GaveUp, "rcuctl torture --status"),
        ] {
            assert!(trouble.to_string().contains(command), "{trouble}");
        }
    }
}
