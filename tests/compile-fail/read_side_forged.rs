// SPDX-License-Identifier: GPL-2.0

// That grace periods wait for something is for its author to promise with `unsafe`.

struct Mine;

impl ReadSide for Mine {}                                // VIOLATION: E0200
