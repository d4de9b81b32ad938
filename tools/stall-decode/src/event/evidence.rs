// SPDX-License-Identifier: GPL-2.0

//! Facts that the parsers and the incidents collect for the diagnosis.

/// Facts for the diagnosis. They are not part of the JSON.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// The log has only the part of the stack that made the report.
    pub(crate) is_stack_cut: bool,
    /// The CPU was in user mode when it was interrupted.
    pub(crate) is_in_user_mode: bool,
}
