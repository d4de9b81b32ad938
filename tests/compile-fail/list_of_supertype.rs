// SPDX-License-Identifier: GPL-2.0

// A list that took another type for its own would give readers a value that is not theirs.

fn push(list: &List<Handler<Static>, State>) {}

fn confuse(list: &List<Handler<Any>, State>) {           // VIOLATION
fn confuse(list: &List<Handler<Static>, State>) {        // TWIN
    push(list);                                          // VIOLATION: E0308
    push(list);                                          // TWIN
}
