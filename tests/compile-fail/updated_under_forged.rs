// SPDX-License-Identifier: GPL-2.0

// That nothing changes a structure without its lock is for its author to promise with `unsafe`.

struct Mine(AtomicU32);

impl UpdatedUnder<State> for Mine {}                     // VIOLATION: E0200
