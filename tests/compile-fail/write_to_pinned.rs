// SPDX-License-Identifier: GPL-2.0

// What must not move is changed by methods that leave it in place.

fn change(pinned: &mut RcuBox<Pinned>) {
    let pinned: &mut Pinned = pinned;                    // VIOLATION: E0596
    let pinned: Pin<&mut Pinned> = pinned.as_pin_mut();  // TWIN
}
