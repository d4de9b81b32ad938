// SPDX-License-Identifier: GPL-2.0

// An object that must not move changes only through a pinned reference.

fn change(pinned: &mut UniqueRcuBox<Pinned>) {
    let pinned: &mut Pinned = pinned;                    // VIOLATION: E0596
    let pinned: Pin<&mut Pinned> = pinned.as_pin_mut();  // TWIN
}
