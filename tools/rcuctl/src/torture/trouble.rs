// SPDX-License-Identifier: GPL-2.0

//! What keeps a torture run from its verdict, and what to do about it.

use std::time::Duration;

use nix::errno::Errno;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum Trouble {
    #[error(
        "a torture run is going on already: `rcuctl torture --status` shows it, `rcuctl torture --stop` ends it"
    )]
    Busy,

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

    #[error(
        "run {0} was followed by run {1} before its verdict was read: someone else began that"
    )]
    Overtaken(u64, u64),

    #[error("the module was unloaded before the verdict of the run was read")]
    Unloaded,
}

impl Trouble {
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Busy => Some(Errno::EBUSY),
            Self::NoVerdict(_) => Some(Errno::ETIMEDOUT),
            Self::GaveUp => Some(Errno::EINTR),
            Self::Overtaken(..) | Self::Unloaded => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_names_a_command_that_helps() {
        for (trouble, command) in [
            (Trouble::Busy, "rcuctl torture --stop"),
            (Trouble::NoVerdict(Duration::from_secs(9)), "dmesg"),
            (Trouble::GaveUp, "rcuctl torture --status"),
        ] {
            assert!(trouble.to_string().contains(command), "{trouble}");
        }
    }
}
