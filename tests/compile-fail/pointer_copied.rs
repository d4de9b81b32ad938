// SPDX-License-Identifier: GPL-2.0

// A second pointer to an object would not notice that the first one unpublished it.

struct Pair { first: Rcu<Config>, second: Rcu<Config> }

fn copy(pair: Pair) -> Pair {
    Pair { first: pair.first.clone(), second: pair.first } // VIOLATION: E0599
    Pair { first: pair.second, second: pair.first }      // TWIN
}
