// SPDX-License-Identifier: GPL-2.0

//! Why a job failed, in words.

use core::fmt;
use kernel::prelude::*;

/// The errors that jobs return, and what each means for a job. The kernel itself knows their names
/// only with `CONFIG_SYMBOLIC_ERRNAME`.
const MEANINGS: [(Error, &str); 9] = [
    (EAGAIN, "EAGAIN: the kernel could not start a thread"),
    (EBUSY, "EBUSY: the resource is in use"),
    (EINTR, "EINTR: a signal interrupted the job"),
    (EINVAL, "EINVAL: a parameter has an invalid value"),
    (ENODEV, "ENODEV: the module is being unloaded"),
    (ENOENT, "ENOENT: the table has no routes"),
    (ENOMEM, "ENOMEM: the memory ran out"),
    (ENXIO, "ENXIO: a CPU went offline"),
    (ESRCH, "ESRCH: the kernel has no such thread"),
];

/// Displays the name of an error and what it means for a job.
pub(crate) struct Failure(pub(crate) Error);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match MEANINGS.iter().find(|(error, _)| *error == self.0) {
            Some((_, meaning)) => f.write_str(meaning),
            None => write!(f, "errno {}", self.0.to_errno().unsigned_abs()),
        }
    }
}
