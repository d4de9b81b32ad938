// SPDX-License-Identifier: GPL-2.0

//! What a finding means, for who has not read docs/torture.md.

/// Words of a finding, and what it means. The first that fits holds.
const MEANINGS: &[(&str, &str)] = &[
    (
        "was told what was not valid",
        "A lookup in the route table gave an answer that was not right at any time while it went on.",
    ),
    (
        "reached a reclaimed node",
        "The route table gave back a node that a reader could still reach: a use after free, but for the test's marks.",
    ),
    (
        "changed under it",
        "A reader looked twice at the same route inside one critical section, and found two.",
    ),
    (
        "half a transaction",
        "A snapshot of the route table had some changes of a transaction, and not the others.",
    ),
    (
        "dump was wrong",
        "A dump of the route table missed a route that was there, had one twice, or one that was not there.",
    ),
    (
        "change failed that must not",
        "The route table refused a change that it has to make, or made one that it has to refuse.",
    ),
    (
        "what was retired never came back",
        "A callback of the route table was lost: its memory is leaked, and counts as retired for ever.",
    ),
    (
        "grace periods ago",
        "A grace period ended while a reader that it had to wait for was still in its critical section.",
    ),
    (
        "that was freed",
        "What a reader could still reach was given back: without the test's pool, a use after free.",
    ),
    (
        "before it was initialised",
        "A pointer was published before what it points to was written, or memory was reused under a reader.",
    ),
    (
        "element reused",
        "What a reader could still reach was used for something new.",
    ),
    (
        "contents of its past",
        "A reader saw the new pointer and what memory held before: publication is not ordered.",
    ),
    (
        "cookie told",
        "A polled grace period was said to be over while a reader that it has to wait for was still there.",
    ),
    (
        "cookie did not tell",
        "A polled grace period was not said to be over after one that began later: who waits for it may wait for ever.",
    ),
    (
        "kvfree_rcu()",
        "kvfree_rcu() freed an object that a reader could still reach.",
    ),
    (
        "rcu_barrier() returned",
        "What comes behind a barrier, unloading the module for one, meets callbacks that have not run.",
    ),
    (
        "never came back",
        "Callbacks were lost: what they are to free is leaked, and who waits for them waits for ever.",
    ),
    (
        "made no progress",
        "Callbacks run too slowly, or not at all: memory runs out behind them.",
    ),
    (
        "was stuck",
        "A grace period did not end. The kernel's log may have a report of an RCU stall.",
    ),
    ("place that was taken", "A callback ran twice."),
    (
        "could not be started",
        "The run was smaller than it should have been; the errno says why.",
    ),
];

/// A sentence, if the finding is a known one.
pub fn meaning(finding: &str) -> Option<&'static str> {
    MEANINGS
        .iter()
        .find_map(|(words, meaning)| finding.contains(words).then_some(*meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The module's own words, from where it has them.
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
            .map(|finding| meaning(finding).unwrap_or_else(|| panic!("{finding:?} means nothing")))
            .collect();
        meanings.sort_unstable();
        meanings.dedup();
        assert_eq!(meanings.len(), findings.len());
    }

    #[test]
    fn what_is_unknown_is_not_explained() {
        assert_eq!(meaning("reader found a unicorn"), None);
    }
}
