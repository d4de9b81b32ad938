// SPDX-License-Identifier: GPL-2.0

// Where objects are reclaimed is one of two places: another would not be waited for.

struct Anywhere;

impl Context for Anywhere { fn defer<T: Reclaim<Context = Self> + ?Sized>(old: Retired<T>) {} } // VIOLATION: E0277
