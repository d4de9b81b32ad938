// SPDX-License-Identifier: GPL-2.0

//! The kinds of writers' steps.

/// Declares the kinds of steps with the names of their counters.
macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident: $text:literal,)*) => {
        /// The kind of a writer's step.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Step {
            $($(#[$doc])* $name,)*
        }

        impl Step {
            /// All kinds.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Returns the name of the counter of such steps.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

steps! {
    /// Added a route.
    Add: "adds",
    /// Changed the next hop of a route.
    Change: "changes",
    /// Deleted a route.
    Delete: "deletes",
    /// Committed a transaction.
    Transaction: "transactions",
    /// The table refused an invalid transaction, or a change of a fake writer.
    Refused: "refused",
    /// Dropped a reload before its commit.
    Abandoned: "abandoned",
    /// Replaced all routes by a reload.
    Reload: "reloads",
    /// Removed all routes, and inserted those of the new versions, in one transaction.
    Flush: "flushes",
    /// Switched the method of reclaim.
    SwitchMode: "mode_switches",
    /// Changed the limit of memory that may wait to be reclaimed.
    SwitchLimit: "limit_switches",
    /// Changed nothing, because an allocation failed.
    NoMemory: "out_of_memory",
}
