// SPDX-License-Identifier: GPL-2.0

// The author of an `UpdatedUnder` must guarantee with `unsafe` that it changes only under the lock.

struct Mine(AtomicU32);

impl UpdatedUnder<State> for Mine {                      // VIOLATION: E0200
impl Mine {                                              // TWIN
    const HAS_HEADS: bool = true;
}
