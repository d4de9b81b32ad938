// SPDX-License-Identifier: GPL-2.0

#![doc = include_str!("../README.md")]
//!
//! # Parts and tests
//!
//! This crate has no source of its own for them: `#[path]` attributes below compile the module's
//! files `rcu.rs`, `rcu_table.rs`, `kernel_ext/sched.rs` and parts of `device/` unchanged. They
//! import a crate `kernel`; here that is the stand-in in `hosted/kernel`, over liburcu.
//!
//! | part | tests |
//! |---|---|
//! | [`rcu`] | `tests/rcu.rs`, `rcu_memory.rs`, `rcu_list.rs`, `rcu_list_threads.rs`, `rcu_hash_table.rs`, `rcu_reentrant.rs`, `srcu.rs`, `srcu_memory.rs`, and `rcu_cases/`, which runs in the kernel too |
//! | [`rcu_table`] | all other files of `tests/`; the suites in `ported_*.rs` come from other projects |
//! | `device::command`, `device::lines`, `device::wire` | `src/device/*_tests.rs` |
//!
//! [`testing`] has the helpers that tests share. The fuzzers and benchmarks use them too.
//!
//! Everything but the doc tests also runs under AddressSanitizer. Debian's compiler lacks the
//! sanitizer's library, so clang's replaces it:
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 \
//! RUSTFLAGS='-Zsanitizer=address -Zexternal-clangrt -Clinker=clang -Clink-arg=-fsanitize=address' \
//!     cargo test --target x86_64-unknown-linux-gnu -p kernel -p rcu-routes --tests
//! ```
//!
//! ThreadSanitizer does not work here: liburcu does not annotate the ordering of its barriers.

mod device;
#[path = "../../../kernel_ext"]
mod kernel_ext {
    #[path = "../hosted/rcu-routes/src/mutex.rs"]
    pub(crate) mod mutex;
    #[path = "../hosted/rcu-routes/src/poll_queue.rs"]
    pub mod poll_queue;
    pub(crate) mod sched;
    #[path = "../hosted/rcu-routes/src/signal.rs"]
    pub(crate) mod signal;
    #[path = "../hosted/rcu-routes/src/wakeup.rs"]
    pub mod wakeup;
}
#[path = "../../.."]
mod module {
    pub mod rcu;
    pub mod rcu_table;
}
pub mod testing;
mod text;

pub use kernel::{self, flavour};
pub use kernel_ext::poll_queue::PollQueue;
pub use module::{rcu, rcu_table};
pub use text::ParseError;
