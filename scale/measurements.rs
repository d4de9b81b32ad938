// SPDX-License-Identifier: GPL-2.0

//! The list of all measurements. To add one, write it in a file of its own and add a line here.

use super::{grace_period, lookup, measurement::Measurement, read, update};
use crate::kernel_ext::params::{names, Choice};

const MEASUREMENTS: [&Measurement; 4] = [
    &read::READ,
    &lookup::LOOKUP,
    &update::UPDATE,
    &grace_period::GRACE_PERIOD,
];

impl Choice for &'static Measurement {
    const ALL: &'static [Self] = &MEASUREMENTS;
    const NAMES: &'static [&'static str] = &names!(MEASUREMENTS, |measurement| measurement.name);

    fn name(self) -> &'static str {
        self.name
    }
}
