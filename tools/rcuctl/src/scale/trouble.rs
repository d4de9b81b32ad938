// SPDX-License-Identifier: GPL-2.0

//! What keeps a scale run from its results, and what to do about it.

use std::time::Duration;

use nix::errno::Errno;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum Trouble {
    #[error(
        "a scale run is going on already: `rcuctl scale --status` shows it, `rcuctl scale --stop` ends it"
    )]
    Busy,

    #[error(
        "the run was told to end, and goes on {} s later. `dmesg | tail` and `rcuctl scale --status` show more",
        .0.as_secs()
    )]
    NoEnd(Duration),

    #[error(
        "not waiting for the end; the run was told to stop, and `rcuctl scale --status` will show it"
    )]
    GaveUp,

    #[error("run {0} was followed by run {1} before it was read: someone else began that")]
    Overtaken(u64, u64),

    #[error("the module was unloaded before the run was read")]
    Unloaded,
}

impl Trouble {
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Busy => Some(Errno::EBUSY),
            Self::NoEnd(_) => Some(Errno::ETIMEDOUT),
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
            (Trouble::Busy, "rcuctl scale --stop"),
            (Trouble::NoEnd(Duration::from_secs(9)), "dmesg"),
            (Trouble::GaveUp, "rcuctl scale --status"),
        ] {
            assert!(trouble.to_string().contains(command), "{trouble}");
        }
    }
}
