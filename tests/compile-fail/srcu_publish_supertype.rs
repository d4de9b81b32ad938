// SPDX-License-Identifier: GPL-2.0

// A pointer that took another type for its own would give readers a value that is not theirs.

fn publish(current: &SrcuPointer<Handler<Static>>) {}

fn confuse(current: &SrcuPointer<Handler<Any>>) {        // VIOLATION
fn confuse(current: &SrcuPointer<Handler<Static>>) {     // TWIN
    publish(current);                                    // VIOLATION: E0308
    publish(current);                                    // TWIN
}
