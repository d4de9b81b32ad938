// SPDX-License-Identifier: GPL-2.0

// The number of elements bounds what readers access, so nobody can change it.

fn grow(numbers: &mut UniqueRcuBox<Flexible<u32, u32>>) {
    numbers.len = 100;                                   // VIOLATION: E0616
    numbers.header = 100;                                // TWIN
}
