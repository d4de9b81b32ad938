// SPDX-License-Identifier: GPL-2.0

//! The kernel's lists of CPUs.

use crate::error::Result;
use crate::parameters::{ParameterError, Parameters};

const ONLINE: &str = "/sys/devices/system/cpu/online";

/// Reads the online CPUs. Also returns the kernel's list of them.
pub fn online(parameters: &impl Parameters) -> Result<(Vec<u32>, String)> {
    let list = parameters.read(ONLINE)?;
    match parse(&list) {
        Some(cpus) => Ok((cpus, list)),
        None => Err(ParameterError::Report(format!("{ONLINE}: {list:?}")).into()),
    }
}

/// Parses a list such as `0-3,5`.
pub fn parse(list: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cpus_has_numbers_and_ranges() {
        assert_eq!(parse("0"), Some(vec![0]));
        assert_eq!(parse("0-2,5,7-8"), Some(vec![0, 1, 2, 5, 7, 8]));
        for bad in ["", "a", "0-", "-1", "0,,1"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
