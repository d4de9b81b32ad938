// SPDX-License-Identifier: GPL-2.0

//! What keeps a stall from its result, and what to do about it.

use std::time::Duration;

use nix::errno::Errno;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum Trouble {
    #[error("a stall goes on already; `rcuctl stall stop` ends it")]
    Busy,

    #[error(
        "the loaded module does not know the kind {0}: it is older than this rcuctl. Load the one that came with \
         it: sudo rmmod rust_rcu_demo; sudo insmod rust_rcu_demo.ko"
    )]
    NoKind(String),

    #[error("the module refused {}: {}\n{}", .0.kind, .0.reason, .0.advice())]
    Denied(Denied),

    #[error("CPU {cpu} is not online; online: {online}")]
    Offline { cpu: u32, online: String },

    #[error(
        "the stall goes on {} s after it was told to end. `dmesg | tail` and `rcuctl stall stop` show more",
        .0.as_secs()
    )]
    NoEnd(Duration),

    #[error("not waiting for the end; the stall was told to, and time-outs are put back")]
    GaveUp,

    #[error("run {0} was followed by run {1} before its end was seen: someone else began that")]
    Overtaken(u64, u64),

    #[error("the module was unloaded meanwhile")]
    Unloaded,

    #[error("no process for the OOM killer: starting `sleep`: {0}")]
    NoVictim(String),
}

/// The module's no to a kind.
#[derive(Debug)]
pub struct Denied {
    pub kind: String,
    pub errno: Errno,
    /// In the module's own words, or else the errno's.
    pub reason: String,
}

impl Denied {
    fn advice(&self) -> &'static str {
        match self.errno {
            Errno::EPERM if self.reason.contains("stall_unsafe") => {
                "Add --unsafe if this machine may be left like that, such as a virtual one."
            }
            Errno::EPERM => "Run it as root, for example with sudo.",
            Errno::EOPNOTSUPP => "`rcuctl stall list` shows what this kernel has.",
            Errno::ERANGE => "--hold says how long it lasts.",
            Errno::ENXIO => "--cpu says which CPU suffers.",
            _ => "`dmesg | tail` has more about it.",
        }
    }
}

impl Trouble {
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Busy => Some(Errno::EBUSY),
            Self::Denied(denied) => Some(denied.errno),
            Self::Offline { .. } => Some(Errno::ENXIO),
            Self::NoEnd(_) => Some(Errno::ETIMEDOUT),
            Self::GaveUp => Some(Errno::EINTR),
            Self::NoKind(_) | Self::Overtaken(..) | Self::Unloaded | Self::NoVictim(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(errno: Errno, reason: &str) -> String {
        Trouble::Denied(Denied {
            kind: "use_after_free".to_string(),
            errno,
            reason: reason.to_string(),
        })
        .to_string()
    }

    #[test]
    fn a_refusal_has_the_modules_words_and_what_to_do() {
        let text = denied(Errno::EPERM, "use_after_free needs stall_unsafe=1: no more");
        assert_eq!(
            text,
            "the module refused use_after_free: use_after_free needs stall_unsafe=1: no more\n\
             Add --unsafe if this machine may be left like that, such as a virtual one."
        );
        for (errno, reason, command) in [
            (Errno::EPERM, "want CAP_SYS_ADMIN", "sudo"),
            (
                Errno::EOPNOTSUPP,
                "needs a kernel with CONFIG_KASAN",
                "rcuctl stall list",
            ),
            (Errno::ERANGE, "wants stall_hold_ms up to 10000", "--hold"),
            (Errno::ENXIO, "CPU 1 is not online", "--cpu"),
            (Errno::ENOMEM, "no memory", "dmesg"),
        ] {
            let text = denied(errno, reason);
            assert!(text.contains(command) && text.contains(reason), "{text}");
        }
    }

    #[test]
    fn trouble_names_a_command_that_helps() {
        for (trouble, command) in [
            (Trouble::Busy, "rcuctl stall stop"),
            (Trouble::NoKind("x".to_string()), "insmod"),
            (Trouble::NoEnd(Duration::from_secs(9)), "dmesg"),
        ] {
            assert!(trouble.to_string().contains(command), "{trouble}");
        }
    }
}
