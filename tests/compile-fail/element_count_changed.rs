// SPDX-License-Identifier: GPL-2.0

// The number of elements says how far readers may read: nobody changes it.

fn grow(numbers: &mut RcuBox<Flexible<u32, u32>>) {
    numbers.len = 100;                                   // VIOLATION: E0616
    numbers.header = 100;                                // TWIN
}
