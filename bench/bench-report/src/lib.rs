// SPDX-License-Identifier: GPL-2.0

//! Line plots as SVG, which other programs draw too.

#![forbid(unsafe_code)]

pub mod plot;
