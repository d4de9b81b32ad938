// SPDX-License-Identifier: GPL-2.0

// A list whose entries have a supertype would give readers values of a wrong type.

fn push(list: &List<Handler<Static>, State>) {}

fn confuse(list: &List<Handler<Any>, State>) {           // VIOLATION
fn confuse(list: &List<Handler<Static>, State>) {        // TWIN
    push(list);                                          // VIOLATION: E0308
    push(list);                                          // TWIN
}
