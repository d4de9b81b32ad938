// SPDX-License-Identifier: GPL-2.0

// An object that must not move cannot be swapped with another.

fn exchange(one: &mut UniqueRcuBox<Pinned>, other: &mut UniqueRcuBox<Pinned>) {
    mem::swap(&mut **one, &mut **other);                 // VIOLATION: E0596
    mem::swap(one, other);                               // TWIN
}
