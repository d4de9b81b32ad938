// SPDX-License-Identifier: GPL-2.0

// A pointer to a supertype would give readers values of a wrong type.

fn publish(current: &SrcuPointer<Handler<Static>>) {}

fn confuse(current: &SrcuPointer<Handler<Any>>) {        // VIOLATION
fn confuse(current: &SrcuPointer<Handler<Static>>) {     // TWIN
    publish(current);                                    // VIOLATION: E0308
    publish(current);                                    // TWIN
}
