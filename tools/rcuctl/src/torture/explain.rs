// SPDX-License-Identifier: GPL-2.0

//! The meaning of each finding. docs/torture.md has more.

/// A part of a finding, and its meaning. The first part that matches counts.
const MEANINGS: &[(&str, &str)] = &[
    (
        "got an answer that was not valid",
        "A lookup in the route table returned an answer that was not valid at any time during the lookup.",
    ),
    (
        "reached a reclaimed node",
        "The route table reclaimed a node that a reader could still reach. Outside of this test, that is a use after free.",
    ),
    (
        "changed under a reader",
        "A reader read a route twice in one critical section, and found two different ones.",
    ),
    (
        "half a transaction",
        "A snapshot of the route table had some changes of a transaction, but not all.",
    ),
    (
        "dump was wrong",
        "A dump of the route table omitted a route, had one twice, or had one that did not exist.",
    ),
    (
        "a valid change failed",
        "The route table refused a valid change, or made an invalid one.",
    ),
    (
        "never reclaimed",
        "A callback of the route table was lost: its memory is leaked, and counts as retired forever.",
    ),
    (
        "grace periods ago",
        "A grace period ended while a reader that started before it was still in its critical section.",
    ),
    (
        "that was freed",
        "An element was freed that a reader could still reach. Outside of this test, that is a use after free.",
    ),
    (
        "before it was initialised",
        "A pointer was published before its element was initialized, or memory was reused under a reader.",
    ),
    (
        "element reused",
        "An element was reused that a reader could still reach.",
    ),
    (
        "contents of its past",
        "A reader saw the new pointer, but the old contents: the publication has no ordering.",
    ),
    (
        "cookie was complete",
        "A cookie reported the end of a grace period while a reader that started before it was still active.",
    ),
    (
        "cookie was incomplete",
        "A cookie did not report the end of its grace period after a later one had ended: an updater may wait forever.",
    ),
    (
        "kvfree_rcu()",
        "kvfree_rcu() freed an object that a reader could still reach.",
    ),
    (
        "rcu_barrier() returned",
        "Code after a barrier, such as unloading the module, runs before the callbacks.",
    ),
    (
        "never ran",
        "Callbacks were lost: their memory is leaked, and an updater that waits for them waits forever.",
    ),
    (
        "made no progress",
        "Callbacks run too slowly, or not at all: memory will be exhausted.",
    ),
    (
        "was stuck",
        "A grace period did not end. The kernel's log may have a report of an RCU stall.",
    ),
    ("returned to the pool twice", "A callback ran twice."),
    (
        "could not be started",
        "The run had fewer threads than requested; the errno says why.",
    ),
];

/// The meaning of a finding, if it is known.
pub fn meaning(finding: &str) -> Option<&'static str> {
    MEANINGS
        .iter()
        .find_map(|(words, meaning)| finding.contains(words).then_some(*meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The findings in the module's source.
    fn findings() -> Vec<String> {
        let path = std::path::Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo's"))
            .join("../../torture/findings.rs");
        let source = std::fs::read_to_string(path).expect("the module's source");
        let list = source
            .split_once("\nfindings! {")
            .and_then(|(_, rest)| rest.split_once("\n}"))
            .expect("a list of findings")
            .0;
        list.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .filter_map(|line| Some(line.split_once(": \"")?.1.strip_suffix("\",")?.to_string()))
            .collect()
    }

    #[test]
    fn every_finding_of_the_module_has_a_meaning_of_its_own() {
        let findings = findings();
        assert!(findings.len() > 10, "{findings:?}");
        let mut meanings: Vec<_> = findings
            .iter()
            .map(|finding| meaning(finding).unwrap_or_else(|| panic!("{finding:?} has no meaning")))
            .collect();
        meanings.sort_unstable();
        meanings.dedup();
        assert_eq!(meanings.len(), findings.len());
    }

    #[test]
    fn an_unknown_finding_has_no_meaning() {
        assert_eq!(meaning("reader found a unicorn"), None);
    }
}
