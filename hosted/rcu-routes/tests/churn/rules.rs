// SPDX-License-Identifier: GPL-2.0

//! The rules find what is wrong.

use super::{
    check::Checker,
    history::{History, State},
    snapshot,
    universe::{Answer, Kind, Universe, ROUTE_COUNT},
};

/// A history of those states after an empty table.
fn history(states: &[State]) -> History {
    let history = History::new();
    for (step, state) in (1..).zip(states) {
        history.begin(step, state);
        history.end(step);
    }
    history
}

/// The number of the route with that prefix that comes first.
fn route(universe: &Universe, text: &str) -> usize {
    let is_it = |place: &usize| {
        let route = universe.routes[*place];
        format!("{}/{}", route.address, route.len) == text
    };
    (0..ROUTE_COUNT).find(is_it).expect("a known prefix")
}

fn asked(universe: &Universe, text: &str) -> usize {
    let is_it = |asked: &super::universe::Asked| asked.address.to_string() == text;
    universe
        .asked
        .iter()
        .position(is_it)
        .expect("a known address")
}

/// A state with those routes, each put there by the step beside it.
fn state(routes: &[(usize, u32)]) -> State {
    let mut state = [0; ROUTE_COUNT];
    for &(route, step) in routes {
        state[route] = step;
    }
    state
}

#[test]
fn an_answer_is_right_if_it_served_after_a_step_of_the_window() {
    let universe = Universe::new();
    let cover = route(&universe, "10.0.0.0/8");
    let host = route(&universe, "10.20.30.41/32");
    let address = asked(&universe, "10.20.30.41");
    let states = [
        state(&[(cover, 1)]),
        state(&[(cover, 1), (host, 2)]),
        state(&[(cover, 1), (host, 3)]),
    ];
    let history = history(&states);
    let told = |window: core::ops::RangeInclusive<u32>, route: usize, step: u32| {
        let mut checker = Checker::new(&universe, &history);
        let answer = (step != 0).then_some(Answer { route, step });
        checker.lookup(&window, address, answer).is_ok()
    };
    assert!(told(1..=1, cover, 1) && told(1..=2, cover, 1) && told(1..=2, host, 2));
    assert!(told(2..=3, host, 2) && told(2..=3, host, 3) && told(0..=1, cover, 0));
    // Not yet, no more, never, and nothing at all.
    assert!(!told(1..=1, host, 2) && !told(2..=3, cover, 1) && !told(3..=3, host, 2));
    assert!(!told(1..=3, host, 1) && !told(1..=3, cover, 0));
}

#[test]
fn an_answer_may_mix_two_steps_of_several_only() {
    let universe = Universe::new();
    let cover = route(&universe, "10.0.0.0/8");
    let host = route(&universe, "10.20.30.41/32");
    let address = asked(&universe, "10.20.30.41");
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
fn who_has_seen_a_step_is_not_told_what_was_before() {
    let universe = Universe::new();
    let (one, other) = (
        route(&universe, "198.18.0.1/32"),
        route(&universe, "198.18.0.2/32"),
    );
    let (ask_one, ask_other) = (
        asked(&universe, "198.18.0.1"),
        asked(&universe, "198.18.0.2"),
    );
    let history = history(&[
        state(&[(one, 1), (other, 1)]),
        state(&[(one, 2), (other, 2)]),
    ]);
    let told = |answers: [(usize, usize, u32); 2]| {
        let mut checker = Checker::new(&universe, &history);
        answers.iter().all(|&(asked, route, step)| {
            let answer = Some(Answer { route, step });
            checker.lookup(&(1..=2), asked, answer).is_ok()
        })
    };
    assert!(told([(ask_one, one, 1), (ask_other, other, 2)]));
    assert!(!told([(ask_one, one, 2), (ask_other, other, 1)]));
}

#[test]
fn a_group_of_lookups_is_right_after_one_step() {
    let universe = Universe::new();
    let (one, other) = (
        route(&universe, "198.18.0.1/32"),
        route(&universe, "fd00::/8"),
    );
    let cover = route(&universe, "0.0.0.0/0");
    let (ask_one, ask_other) = (asked(&universe, "198.18.0.1"), asked(&universe, "fdff::"));
    let history = history(&[
        state(&[(one, 1), (other, 1)]),
        state(&[(one, 2), (other, 2)]),
        state(&[(cover, 3)]),
    ]);
    let told = |window, one_step: u32, other_step: u32| {
        let mut checker = Checker::new(&universe, &history);
        let answer = |route, step| (step != 0).then_some(Answer { route, step });
        let answers = [
            (ask_one, answer(one, one_step)),
            (ask_other, answer(other, other_step)),
        ];
        checker.group(&window, &answers).is_ok()
    };
    assert!(told(1..=2, 1, 1) && told(1..=2, 2, 2) && told(1..=3, 0, 0));
    assert!(!told(1..=2, 1, 2) && !told(1..=2, 2, 1) && !told(2..=2, 1, 1));
    assert!(!told(1..=3, 0, 2) && !told(1..=2, 0, 0));
    // What serves instead does not matter.
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
fn a_flush_may_come_between_the_lookups_of_a_group() {
    let universe = Universe::new();
    let (v4, v6) = (
        route(&universe, "198.18.0.1/32"),
        route(&universe, "fd00::/8"),
    );
    let (ask_v4, ask_v6) = (asked(&universe, "198.18.0.1"), asked(&universe, "fdff::"));
    let there = (ask_v6, Some(Answer { route: v6, step: 1 }));
    let gone = (ask_v6, None);
    let stays = (ask_v4, Some(Answer { route: v4, step: 1 }));
    let told = |after: &[(usize, u32)], answers: &[(usize, Option<Answer>)]| {
        let history = history(&[state(&[(v4, 1), (v6, 1)]), state(after)]);
        let mut checker = Checker::new(&universe, &history);
        checker.group(&(1..=2), answers).is_ok()
    };
    let flushed = [(v4, 1)];
    assert!(told(&flushed, &[there, stays, gone]) && told(&flushed, &[gone, stays]));
    assert!(!told(&flushed, &[gone, stays, there]));
    // A transaction may not.
    assert!(!told(&[], &[there, stays, gone]) && !told(&[(v4, 2)], &[there, gone]));
}

#[test]
fn a_dump_has_what_was_there_throughout_once_and_in_order() {
    let universe = Universe::new();
    let (stays, goes) = (
        route(&universe, "10.0.0.0/8"),
        route(&universe, "192.0.2.128/25"),
    );
    let history = history(&[state(&[(stays, 1), (goes, 1)]), state(&[(stays, 2)])]);
    let found = |answers: &[(usize, u32)]| {
        let mut checker = Checker::new(&universe, &history);
        let dump: Vec<_> = answers
            .iter()
            .map(|&(route, step)| Answer { route, step })
            .collect();
        checker.dump(&(1..=2), &dump).is_ok()
    };
    assert!(found(&[(stays, 1)]) && found(&[(stays, 2)]));
    assert!(found(&[(stays, 1), (goes, 1)]) && found(&[(stays, 2), (goes, 1)]));
    assert!(!found(&[]) && !found(&[(goes, 1)]));
    assert!(!found(&[(goes, 1), (stays, 1)]) && !found(&[(stays, 1), (stays, 2)]));
    assert!(!found(&[(stays, 1), (goes, 2)]));
}

#[test]
fn what_was_forgotten_is_counted_and_not_checked() {
    let universe = Universe::new();
    let history = History::new();
    for step in 1..20_000 {
        history.begin(step, &state(&[]));
        history.end(step);
    }
    let mut checker = Checker::new(&universe, &history);
    let never = Some(Answer { route: 0, step: 77 });
    checker.lookup(&(1..=2), 0, never).unwrap();
    assert_eq!(checker.tally.lost, 1);
    assert!(checker.lookup(&(19_998..=19_999), 0, never).is_err());
}

#[test]
fn both_families_have_routes_of_batches() {
    let universe = Universe::new();
    let batched = snapshot::batched(&universe);
    let of = |is_ipv4: bool| {
        batched
            .iter()
            .filter(|&&asked| universe.asked[asked].address.is_ipv4() == is_ipv4)
            .count()
    };
    assert!(of(true) > 3 && of(false) > 3);
    for kind in [Kind::Stable, Kind::Single, Kind::Batched] {
        assert!(universe.routes.iter().any(|route| route.kind == kind));
    }
}
