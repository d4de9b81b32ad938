// SPDX-License-Identifier: GPL-2.0

// A pointer to a supertype would give readers values of a wrong type.

fn publish(current: &Rcu<Handler<Static>>) {}

fn confuse(current: &Rcu<Handler<Any>>) {                // VIOLATION
fn confuse(current: &Rcu<Handler<Static>>) {             // TWIN
    publish(current);                                    // VIOLATION: E0308
    publish(current);                                    // TWIN
}
