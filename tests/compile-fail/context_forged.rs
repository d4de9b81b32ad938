// SPDX-License-Identifier: GPL-2.0

// Objects are reclaimed in one of the library's contexts. Unload would not wait for another.

struct Elsewhere;

impl Context for Elsewhere {                             // VIOLATION: E0277
impl Elsewhere {                                         // TWIN
    const MAY_SLEEP: bool = true;
    const HAS_WORK: bool = true;
    type Head = [usize; 0];                              // VIOLATION
}
