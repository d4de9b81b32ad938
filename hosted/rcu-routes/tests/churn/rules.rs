// SPDX-License-Identifier: GPL-2.0

//! Tests of the rules: they accept right answers and reject wrong ones.

use super::{
    check::Checker,
    history::{History, State},
    snapshot,
    universe::{Answer, Lifetime, Query, Universe, ROUTE_COUNT},
};

/// Returns the history of those states after an empty table.
fn history(states: &[State]) -> History {
    let history = History::new();
    for (step, state) in (1..).zip(states) {
        history.begin(step, state);
        history.end(step);
    }
    history
}

/// Returns the lowest number of a route with that prefix.
fn route(universe: &Universe, text: &str) -> usize {
    let matches = |number: &usize| {
        let route = universe.routes[*number];
        format!("{}/{}", route.address, route.len) == text
    };
    (0..ROUTE_COUNT).find(matches).expect("a known prefix")
}

/// Returns the number of the query for that address.
fn query(universe: &Universe, text: &str) -> usize {
    let matches = |query: &Query| query.address.to_string() == text;
    let mut queries = universe.queries.iter();
    queries.position(matches).expect("a known address")
}

/// Returns the state with those routes, each inserted by the step beside it.
fn state(routes: &[(usize, u32)]) -> State {
    let mut state = [0; ROUTE_COUNT];
    for &(route, step) in routes {
        state[route] = step;
    }
    state
}

#[test]
fn an_answer_that_served_in_the_window_is_accepted() {
    let universe = Universe::new();
    let cover = route(&universe, "10.0.0.0/8");
    let host = route(&universe, "10.20.30.41/32");
    let address = query(&universe, "10.20.30.41");
    let states = [
        state(&[(cover, 1)]),
        state(&[(cover, 1), (host, 2)]),
        state(&[(cover, 1), (host, 3)]),
    ];
    let history = history(&states);
    let accepts = |window: core::ops::RangeInclusive<u32>, route: usize, step: u32| {
        let mut checker = Checker::new(&universe, &history);
        let answer = (step != 0).then_some(Answer { route, step });
        checker.lookup(&window, address, answer).is_ok()
    };
    assert!(accepts(1..=1, cover, 1) && accepts(1..=2, cover, 1) && accepts(1..=2, host, 2));
    assert!(accepts(2..=3, host, 2) && accepts(2..=3, host, 3) && accepts(0..=1, cover, 0));
    // Too early, too late, never present, and no answer.
    assert!(!accepts(1..=1, host, 2) && !accepts(2..=3, cover, 1) && !accepts(3..=3, host, 2));
    assert!(!accepts(1..=3, host, 1) && !accepts(1..=3, cover, 0));
}

#[test]
fn a_mixed_answer_is_accepted_only_in_a_window_of_several_steps() {
    let universe = Universe::new();
    let cover = route(&universe, "10.0.0.0/8");
    let host = route(&universe, "10.20.30.41/32");
    let address = query(&universe, "10.20.30.41");
    let history = history(&[
        state(&[(cover, 1), (host, 1)]),
        state(&[(cover, 2), (host, 1)]),
        state(&[(cover, 2)]),
    ]);
    let mut checker = Checker::new(&universe, &history);
    let old = Some(Answer {
        route: cover,
        step: 1,
    });
    assert!(checker.lookup(&(1..=2), address, old).is_err());
    assert!(checker.lookup(&(2..=3), address, old).is_err());
    assert_eq!(checker.tally.mixed, 0);
    checker.lookup(&(1..=3), address, old).unwrap();
    assert_eq!(checker.tally.mixed, 1);
}

#[test]
fn an_answer_older_than_one_seen_before_is_rejected() {
    let universe = Universe::new();
    let (one, other) = (
        route(&universe, "198.18.0.1/32"),
        route(&universe, "198.18.0.2/32"),
    );
    let (ask_one, ask_other) = (
        query(&universe, "198.18.0.1"),
        query(&universe, "198.18.0.2"),
    );
    let history = history(&[
        state(&[(one, 1), (other, 1)]),
        state(&[(one, 2), (other, 2)]),
        state(&[(one, 3), (other, 3)]),
    ]);
    let accepts = |answers: [(usize, usize, u32); 2]| {
        let mut checker = Checker::new(&universe, &history);
        answers.iter().all(|&(query, route, step)| {
            let answer = Some(Answer { route, step });
            checker.lookup(&(1..=3), query, answer).is_ok()
        })
    };
    assert!(accepts([(ask_one, one, 1), (ask_other, other, 3)]));
    assert!(!accepts([(ask_one, one, 2), (ask_one, one, 1)]));
    // A change reaches one address after the other, and the next change comes after all of it.
    assert!(accepts([(ask_one, one, 2), (ask_other, other, 1)]));
    assert!(!accepts([(ask_one, one, 3), (ask_other, other, 1)]));
}

#[test]
fn answers_in_one_snapshot_must_be_right_after_the_same_step() {
    let universe = Universe::new();
    let (one, other) = (
        route(&universe, "198.18.0.1/32"),
        route(&universe, "fd00::/8"),
    );
    let cover = route(&universe, "0.0.0.0/0");
    let (ask_one, ask_other) = (query(&universe, "198.18.0.1"), query(&universe, "fdff::"));
    let history = history(&[
        state(&[(one, 1), (other, 1)]),
        state(&[(one, 2), (other, 2)]),
        state(&[(cover, 3)]),
    ]);
    let accepts = |window, one_step: u32, other_step: u32| {
        let mut checker = Checker::new(&universe, &history);
        let answer = |route, step| (step != 0).then_some(Answer { route, step });
        let answers = [
            (ask_one, answer(one, one_step)),
            (ask_other, answer(other, other_step)),
        ];
        checker.group(&window, &answers).is_ok()
    };
    assert!(accepts(1..=2, 1, 1) && accepts(1..=2, 2, 2) && accepts(1..=3, 0, 0));
    assert!(!accepts(1..=2, 1, 2) && !accepts(1..=2, 2, 1) && !accepts(2..=2, 1, 1));
    assert!(!accepts(1..=3, 0, 2) && !accepts(1..=2, 0, 0));
    // The group rule ignores other routes.
    let cover = Some(Answer {
        route: cover,
        step: 3,
    });
    let mut checker = Checker::new(&universe, &history);
    checker
        .group(&(3..=3), &[(ask_one, cover), (ask_other, None)])
        .unwrap();
}

#[test]
fn a_flush_can_come_between_lookups_in_one_snapshot() {
    let universe = Universe::new();
    let (v4, v6) = (
        route(&universe, "198.18.0.1/32"),
        route(&universe, "fd00::/8"),
    );
    let (ask_v4, ask_v6) = (query(&universe, "198.18.0.1"), query(&universe, "fdff::"));
    let there = (ask_v6, Some(Answer { route: v6, step: 1 }));
    let gone = (ask_v6, None);
    let stays = (ask_v4, Some(Answer { route: v4, step: 1 }));
    let accepts = |after: &[(usize, u32)], answers: &[(usize, Option<Answer>)]| {
        let history = history(&[state(&[(v4, 1), (v6, 1)]), state(after)]);
        let mut checker = Checker::new(&universe, &history);
        checker.group(&(1..=2), answers).is_ok()
    };
    let flushed = [(v4, 1)];
    assert!(accepts(&flushed, &[there, stays, gone]) && accepts(&flushed, &[gone, stays]));
    assert!(!accepts(&flushed, &[gone, stays, there]));
    // A transaction cannot come between lookups.
    assert!(!accepts(&[], &[there, stays, gone]) && !accepts(&[(v4, 2)], &[there, gone]));
}

#[test]
fn a_dump_must_have_each_route_present_throughout_once_and_in_order() {
    let universe = Universe::new();
    let (kept, removed) = (
        route(&universe, "10.0.0.0/8"),
        route(&universe, "192.0.2.128/25"),
    );
    let history = history(&[state(&[(kept, 1), (removed, 1)]), state(&[(kept, 2)])]);
    let accepts = |answers: &[(usize, u32)]| {
        let mut checker = Checker::new(&universe, &history);
        let dump: Vec<_> = answers
            .iter()
            .map(|&(route, step)| Answer { route, step })
            .collect();
        checker.dump(&(1..=2), &dump).is_ok()
    };
    assert!(accepts(&[(kept, 1)]) && accepts(&[(kept, 2)]));
    assert!(accepts(&[(kept, 1), (removed, 1)]) && accepts(&[(kept, 2), (removed, 1)]));
    assert!(!accepts(&[]) && !accepts(&[(removed, 1)]));
    assert!(!accepts(&[(removed, 1), (kept, 1)]) && !accepts(&[(kept, 1), (kept, 2)]));
    assert!(!accepts(&[(kept, 1), (removed, 2)]));
}

#[test]
fn a_check_against_overwritten_history_is_skipped_and_counted() {
    let universe = Universe::new();
    let history = History::new();
    for step in 1..20_000 {
        history.begin(step, &state(&[]));
        history.end(step);
    }
    let mut checker = Checker::new(&universe, &history);
    let never = Some(Answer { route: 0, step: 77 });
    checker.lookup(&(1..=2), 0, never).unwrap();
    assert_eq!(checker.tally.skipped, 1);
    assert!(checker.lookup(&(19_998..=19_999), 0, never).is_err());
}

#[test]
fn both_families_have_batched_routes() {
    let universe = Universe::new();
    let batched = snapshot::batched(&universe);
    let of = |is_ipv4: bool| {
        batched
            .iter()
            .filter(|&&number| universe.queries[number].address.is_ipv4() == is_ipv4)
            .count()
    };
    assert!(of(true) > 3 && of(false) > 3);
    for lifetime in [Lifetime::Permanent, Lifetime::Single, Lifetime::Batched] {
        let mut routes = universe.routes.iter();
        assert!(routes.any(|route| route.lifetime == lifetime));
    }
}
