// SPDX-License-Identifier: GPL-2.0

// Objects are reclaimed in one of two contexts. Unload would not wait for a third.

struct Elsewhere;

impl Context for Elsewhere { const MAY_SLEEP: bool = true; const HAS_WORK: bool = true; } // VIOLATION: E0277
