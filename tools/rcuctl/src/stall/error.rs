// SPDX-License-Identifier: GPL-2.0

//! Why a stall cannot be provoked, and what to do about it.

use nix::errno::Errno;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum StallError {
    #[error(
        "the loaded module does not know the kind {0}: it is older than this rcuctl. \
         Load the matching one: sudo rmmod rust_rcu_demo; sudo insmod rust_rcu_demo.ko"
    )]
    NoKind(String),

    #[error("the module refused {}: {}\n{}", .0.kind, .0.reason, .0.advice())]
    Refused(Refusal),

    #[error("CPU {cpu} is not online; online: {online}")]
    Offline { cpu: u32, online: String },

    #[error("starting `sleep`, which the OOM killer may end: {0}")]
    NoOomTarget(String),
}

/// A kind that the module refused.
#[derive(Debug)]
pub struct Refusal {
    pub kind: String,
    pub errno: Errno,
    /// The module's message in the log, or else the meaning of the errno.
    pub reason: String,
}

impl Refusal {
    fn advice(&self) -> &'static str {
        match self.errno {
            Errno::EPERM if self.reason.contains("stall_unsafe") => {
                "Add --unsafe if this machine may need a reboot afterwards, such as a virtual one."
            }
            Errno::EPERM => "Run it as root, for example with sudo.",
            Errno::EOPNOTSUPP => "`rcuctl stall list` shows the kinds that this kernel supports.",
            Errno::ERANGE => "--hold sets how long it lasts.",
            Errno::ENXIO => "--cpu selects the CPU that stalls.",
            _ => "`dmesg | tail` may say why.",
        }
    }
}

impl StallError {
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused(refusal) => Some(refusal.errno),
            Self::Offline { .. } => Some(Errno::ENXIO),
            Self::NoKind(_) | Self::NoOomTarget(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(errno: Errno, reason: &str) -> String {
        StallError::Refused(Refusal {
            kind: "use_after_free".to_string(),
            errno,
            reason: reason.to_string(),
        })
        .to_string()
    }

    #[test]
    fn a_refusal_has_the_modules_reason_and_advice() {
        let text = refused(Errno::EPERM, "use_after_free needs stall_unsafe=1: no more");
        assert_eq!(
            text,
            "the module refused use_after_free: use_after_free needs stall_unsafe=1: no more\n\
             Add --unsafe if this machine may need a reboot afterwards, such as a virtual one."
        );
        for (errno, reason, command) in [
            (Errno::EPERM, "CAP_SYS_ADMIN", "sudo"),
            (
                Errno::EOPNOTSUPP,
                "needs a kernel with CONFIG_KASAN",
                "rcuctl stall list",
            ),
            (Errno::ERANGE, "stall_hold_ms up to 10000", "--hold"),
            (Errno::ENXIO, "CPU 1 is not online", "--cpu"),
            (Errno::ENOMEM, "no memory", "dmesg"),
        ] {
            let text = refused(errno, reason);
            assert!(text.contains(command) && text.contains(reason), "{text}");
        }
    }

    #[test]
    fn an_old_module_is_to_be_replaced() {
        let text = StallError::NoKind("x".to_string()).to_string();
        assert!(text.contains("insmod"), "{text}");
    }
}
