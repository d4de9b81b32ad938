// SPDX-License-Identifier: GPL-2.0

// What must not move is not exchanged for another.

fn exchange(one: &mut RcuBox<Pinned>, other: &mut RcuBox<Pinned>) {
    mem::swap(&mut **one, &mut **other);                 // VIOLATION: E0596
    mem::swap(one, other);                               // TWIN
}
