// SPDX-License-Identifier: GPL-2.0

//! The kernel module's RCU layer and route table, unchanged, in user space.
//!
//! The sources are the module's own, reached through symbolic links; the crate `kernel` that they
//! import is the stand-in in `hosted/kernel`, over liburcu. What is tested here is the code that
//! ships:
//!
//! | here | tests |
//! |---|---|
//! | [`rcu`] | `tests/rcu.rs`, `rcu_memory.rs`, `rcu_list.rs`, `rcu_list_threads.rs`, `rcu_hash_table.rs`, `srcu.rs`, `srcu_memory.rs`; `rcu_cases/`, which run in the kernel too |
//! | [`rcu_table`] | `tests/table.rs`, `dump.rs`, `stats.rs`, `together.rs`, `properties.rs`, `published_trie.rs`, `out_of_memory.rs`, `threads.rs`, `churn/`, `back_pressure.rs`, `quarantine.rs`, `table_torture/`, `hostile.rs`; suites that others wrote: `ported_*.rs` |
//! | `device::command`, `device::lines`, `device::wire` | beside them, in `src/device/` |
//!
//! All but the documentation's tests run under AddressSanitizer too. Debian's compiler comes without
//! the sanitizer's library, so clang's takes its place:
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 \
//! RUSTFLAGS='-Zsanitizer=address -Zexternal-clangrt -Clinker=clang -Clink-arg=-fsanitize=address' \
//!     cargo test --target x86_64-unknown-linux-gnu -p kernel -p rcu-routes --tests
//! ```
//!
//! ThreadSanitizer is of no use here: liburcu does not tell it what its barriers order.
//!
//! # Examples
//!
//! ```
//! use kernel::{prelude::*, sync::Arc};
//! use rcu_routes::rcu_table::{read_lock, Mode, NextHop, Prefix, Route, Table};
//!
//! let table = Arc::pin_init(Table::new(), GFP_KERNEL)?;
//! let prefix = Prefix::new([10, 0, 0, 0].into(), 8).unwrap();
//! let route = Route { prefix, metric: 0, next_hop: NextHop::Blackhole };
//! table.insert(&route, Mode::Add)?;
//! let serving = table.lookup([10, 1, 2, 3].into(), &read_lock());
//! assert_eq!(serving, Some(route));
//! # Ok::<(), Error>(())
//! ```

mod device;
#[path = "../../../kernel_ext"]
mod kernel_ext {
    pub(crate) mod sched;
}
#[path = "../../.."]
mod module {
    pub mod rcu;
    pub mod rcu_table;
}
pub mod testing;

pub use module::{rcu, rcu_table};
