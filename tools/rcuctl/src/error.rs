// SPDX-License-Identifier: GPL-2.0

//! Errors: as text for people, as JSON, and as an exit status.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use nix::errno::Errno;
use serde_json::{json, Value};
use thiserror::Error;

use crate::parameters::ParameterError;
use crate::run::RunError;
use crate::stall::StallError;
use crate::trace::TraceError;

pub type Result<T> = std::result::Result<T, Error>;

/// The program's exit status. The numbers are iproute2's; a shell reports 130 for a program that
/// Ctrl-C ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Done,
    Failed,
    Refused,
    Interrupted,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Done => ExitCode::SUCCESS,
            Status::Failed => ExitCode::from(1),
            Status::Refused => ExitCode::from(2),
            Status::Interrupted => ExitCode::from(130),
        }
    }
}

/// A line that the kernel refused: the errno and the kernel's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub errno: Errno,
    pub message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:?})", self.message, self.errno)?;
        if self.errno == Errno::EPERM {
            // The kernel's message names the missing capability.
            write!(f, "\nRun rcuctl as root, for example with sudo.")?;
        }
        Ok(())
    }
}

#[derive(Debug, Error)]
pub enum Error {
    #[error("{0}")]
    Usage(String),

    #[error("{}", explain_open(path, source))]
    Open { path: PathBuf, source: io::Error },

    #[error("{0}")]
    Refused(Refusal),

    /// The kernel refused a line of a file, after it had applied `applied` lines.
    #[error("{file}:{line}: {refusal}{}", explain_applied(*applied))]
    Line {
        file: String,
        line: u64,
        applied: Option<u64>,
        refusal: Refusal,
    },

    /// A signal ended a load, after it had applied `applied` lines.
    #[error("{}", explain_interrupt(*applied))]
    Interrupted { applied: u64 },

    #[error("{what}: {}", describe(source))]
    Io { what: String, source: io::Error },

    #[error("writing to standard output: {}", describe(.0))]
    Output(io::Error),

    /// The device does not speak the protocol of `device`.
    #[error("unexpected answer from the device: {0}")]
    Protocol(String),

    /// A torture run, scale run or stall ended without a result.
    #[error(transparent)]
    Run(#[from] RunError),

    /// A stall could not be provoked.
    #[error(transparent)]
    Stall(#[from] StallError),

    /// RCU could not be traced.
    #[error(transparent)]
    Trace(#[from] TraceError),

    /// A module parameter could not be read or written.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

impl Error {
    /// Turns an I/O error into an [`Error`] that names the failed action, such as "reading FILE".
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub fn status(&self) -> Status {
        match self {
            Self::Refused(_) => Status::Refused,
            Self::Interrupted { .. } => Status::Interrupted,
            _ => Status::Failed,
        }
    }

    /// Whether the reader of standard output has closed the pipe.
    pub fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }

    fn to_json(&self) -> Value {
        let mut error = json!({ "errno": self.errno().map(|errno| format!("{errno:?}")) });
        match self {
            Self::Refused(refusal) => error["message"] = json!(refusal.message),
            Self::Line {
                file,
                line,
                applied,
                refusal,
            } => {
                error["message"] = json!(refusal.message);
                error["file"] = json!(file);
                error["line"] = json!(line);
                if let Some(applied) = applied {
                    error["applied"] = json!(applied);
                }
            }
            Self::Interrupted { applied } => {
                error["message"] = json!(self.to_string());
                error["applied"] = json!(applied);
            }
            _ => error["message"] = json!(self.to_string()),
        }
        json!({ "error": error })
    }

    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused(refusal) | Self::Line { refusal, .. } => Some(refusal.errno),
            Self::Open { source, .. } | Self::Io { source, .. } | Self::Output(source) => {
                source.raw_os_error().map(Errno::from_raw)
            }
            Self::Run(error) => error.errno(),
            Self::Stall(error) => error.errno(),
            Self::Parameter(error) => error.errno(),
            Self::Interrupted { .. } => Some(Errno::EINTR),
            Self::Trace(error) => error.errno(),
            Self::Usage(_) | Self::Protocol(_) => None,
        }
    }
}

/// Prints an error on standard error: standard output carries results only.
pub fn report(error: &Error, json: bool) {
    if json {
        eprintln!("{}", error.to_json());
    } else {
        eprintln!("rcuctl: {error}");
    }
}

/// Formats an errno as its meaning and name. The standard library's text lacks the name.
pub fn describe(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(errno) => format!("{} ({errno:?})", errno.desc()),
        None => error.to_string(),
    }
}

fn explain_open(path: &std::path::Path, error: &io::Error) -> String {
    let path = path.display();
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => {
            format!("no {path}: is the module loaded? sudo insmod rust_rcu_demo.ko")
        }
        Some(Errno::EACCES) => format!(
            "permission denied on {path}: run rcuctl as root, for example with sudo, or change the node's mode by a udev rule"
        ),
        _ => format!("opening {path}: {}", describe(error)),
    }
}

/// Returns a line that says how much of a file was applied before the refused line; empty if that
/// is unknown.
pub fn explain_applied(applied: Option<u64>) -> String {
    match applied {
        None => String::new(),
        Some(0) => "\nNo line was applied.".to_string(),
        Some(1) => "\n1 line before it was applied.".to_string(),
        Some(lines) => format!("\n{lines} lines before it were applied."),
    }
}

fn explain_interrupt(applied: u64) -> String {
    match applied {
        0 => "interrupted; no route was loaded".to_string(),
        1 => "interrupted after 1 route, which is in the table".to_string(),
        routes => format!("interrupted after {routes} routes, which are in the table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(errno: Errno, message: &str) -> Refusal {
        Refusal {
            errno,
            message: message.to_string(),
        }
    }

    #[test]
    fn a_refusal_names_the_errno() {
        let error = Error::Refused(refusal(Errno::EEXIST, "10.0.0.0/8: route exists"));
        assert_eq!(error.to_string(), "10.0.0.0/8: route exists (EEXIST)");
        assert_eq!(error.status(), Status::Refused);
        assert_eq!(
            error.to_json().to_string(),
            r#"{"error":{"errno":"EEXIST","message":"10.0.0.0/8: route exists"}}"#
        );
    }

    #[test]
    fn eperm_names_the_capability_and_sudo() {
        let error = Error::Refused(refusal(Errno::EPERM, "changes require CAP_NET_ADMIN"));
        let text = error.to_string();
        assert!(
            text.contains("CAP_NET_ADMIN") && text.contains("sudo"),
            "{text}"
        );
    }

    #[test]
    fn a_refused_line_names_file_line_and_applied_count() {
        let error = Error::Line {
            file: "routes".to_string(),
            line: 7,
            applied: Some(5),
            refusal: refusal(Errno::EINVAL, "10.0.0.1/8: host bits set; use 10.0.0.0/8"),
        };
        assert_eq!(
            error.to_string(),
            "routes:7: 10.0.0.1/8: host bits set; use 10.0.0.0/8 (EINVAL)\n5 lines before it were applied."
        );
        assert_eq!(error.status(), Status::Failed);
        let json = error.to_json();
        assert_eq!(json["error"]["line"], 7);
        assert_eq!(json["error"]["applied"], 5);
    }

    #[test]
    fn an_interrupt_names_the_routes_in_the_table() {
        for (applied, message) in [
            (0, "interrupted; no route was loaded"),
            (1, "interrupted after 1 route, which is in the table"),
            (
                219_409,
                "interrupted after 219409 routes, which are in the table",
            ),
        ] {
            let error = Error::Interrupted { applied };
            assert_eq!(error.to_string(), message);
            assert_eq!(error.status(), Status::Interrupted);
            assert_eq!(error.to_json()["error"]["applied"], applied);
        }
    }

    #[test]
    fn a_missing_device_suggests_insmod() {
        let open = |errno: Errno| Error::Open {
            path: PathBuf::from("/dev/rust_rcu_demo"),
            source: io::Error::from_raw_os_error(errno as i32),
        };
        assert_eq!(
            open(Errno::ENOENT).to_string(),
            "no /dev/rust_rcu_demo: is the module loaded? sudo insmod rust_rcu_demo.ko"
        );
        assert!(open(Errno::EACCES).to_string().contains("sudo"));
        assert!(open(Errno::EBUSY).to_string().contains("EBUSY"));
        assert_eq!(open(Errno::ENOENT).to_json()["error"]["errno"], "ENOENT");
    }

    #[test]
    fn only_epipe_on_standard_output_is_a_closed_output() {
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(Error::Output(pipe()).is_closed_output());
        assert!(!Error::io("reading")(pipe()).is_closed_output());
        assert!(!Error::Output(io::Error::from_raw_os_error(28)).is_closed_output());
    }
}
