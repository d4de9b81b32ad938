// SPDX-License-Identifier: GPL-2.0

// A section must end in the thread in which it began.

fn hand_over(section: Overlap<'static, u32>) {
    needs_send(section);                                 // VIOLATION: E0277
    drop(section);                                       // TWIN
}
