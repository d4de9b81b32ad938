// SPDX-License-Identifier: GPL-2.0

// Objects are reclaimed in one of two contexts. A CallbackDrain would not wait for a third.

struct Anywhere;

impl Context for Anywhere { const MAY_SLEEP: bool = true; } // VIOLATION: E0277
