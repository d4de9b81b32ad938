// SPDX-License-Identifier: GPL-2.0

// The author of a `ReadSide` must guarantee with `unsafe` that grace periods wait for it.

struct Mine;

impl ReadSide for Mine {}                                // VIOLATION: E0200
