// SPDX-License-Identifier: GPL-2.0

//! Classes of kernel functions, read from `functions.txt`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::stack::base;

/// The purpose of a kernel function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Prints the report, or is the clock interrupt that detects the stall.
    Reporting,
    /// Enters an interrupt or exception.
    Entry,
    /// Runs the idle loop.
    Idle,
    /// Gives up the CPU and waits.
    Scheduler,
    /// Operates on a lock.
    Locking,
    /// Belongs to RCU.
    Rcu,
    /// Allocates memory.
    Memory,
    /// Checks a memory access, or copies memory.
    Access,
    /// Reads a clock, delays, or is called by code that the compiler inserts.
    Probe,
    /// Anything else: a possible culprit.
    Other,
}

impl Class {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "reporting" => Self::Reporting,
            "entry" => Self::Entry,
            "idle" => Self::Idle,
            "scheduler" => Self::Scheduler,
            "locking" => Self::Locking,
            "rcu" => Self::Rcu,
            "memory" => Self::Memory,
            "access" => Self::Access,
            "probe" => Self::Probe,
            "other" => Self::Other,
            _ => return None,
        })
    }

    /// Returns the class of a symbol.
    pub(crate) fn of(symbol: &str) -> Self {
        let name = base(symbol);
        // Rust calls C macros and inline functions through these helpers.
        let name = name.strip_prefix("rust_helper_").unwrap_or(name);
        if let Some(class) = FUNCTIONS.names.get(name) {
            return *class;
        }
        let mut prefixes = FUNCTIONS.prefixes.iter();
        let found = prefixes.find(|(prefix, _)| name.starts_with(prefix));
        found.map_or(Self::Other, |(_, class)| *class)
    }
}

struct Functions {
    names: HashMap<&'static str, Class>,
    prefixes: Vec<(&'static str, Class)>,
}

static FUNCTIONS: LazyLock<Functions> =
    LazyLock::new(|| Functions::parse(include_str!("functions.txt")));

impl Functions {
    fn parse(text: &'static str) -> Self {
        let mut functions = Self {
            names: HashMap::new(),
            prefixes: Vec::new(),
        };
        let mut class = Class::Other;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                class = Class::from_name(name).expect("functions.txt has only known classes");
            } else if let Some(prefix) = line.strip_suffix('*') {
                functions.prefixes.push((prefix, class));
            } else if !line.is_empty() {
                functions.names.insert(line, class);
            }
        }
        functions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_prefixes_have_the_class_of_their_section() {
        assert_eq!(Class::of("rcu_gp_kthread"), Class::Rcu);
        assert_eq!(Class::of("__schedule"), Class::Scheduler);
        assert_eq!(Class::of("rust_helper_mutex_lock"), Class::Locking);
        assert_eq!(Class::of("my_driver_work"), Class::Other);
    }

    #[test]
    fn an_exact_name_wins_over_a_prefix() {
        assert_eq!(Class::of("lockdep_rcu_suspicious"), Class::Reporting);
        assert_eq!(Class::of("lockdep_init_map_type"), Class::Locking);
    }

    #[test]
    fn the_first_of_two_prefixes_wins() {
        assert_eq!(Class::of("rcu_sched_clock_irq"), Class::Reporting);
    }

    #[test]
    fn rcutorture_may_be_the_culprit() {
        assert_eq!(Class::of("rcu_torture_reader"), Class::Other);
    }

    #[test]
    fn every_name_is_listed_once() {
        let names = include_str!("functions.txt")
            .lines()
            .filter(|line| !line.starts_with(['#', '[']) && !line.is_empty());
        assert_eq!(
            names.count(),
            FUNCTIONS.names.len() + FUNCTIONS.prefixes.len()
        );
    }
}
