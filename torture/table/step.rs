// SPDX-License-Identifier: GPL-2.0

//! What writers do.

/// Declares the kinds of steps with the names under which they are counted.
macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident: $text:literal,)*) => {
        /// What a writer's step was.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Step {
            $($(#[$doc])* $name,)*
        }

        impl Step {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name under which such steps are counted.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

steps! {
    /// A route was added.
    Add: "adds",
    /// A route's next hop was changed.
    Change: "changes",
    /// A route was deleted.
    Delete: "deletes",
    /// Several changes were made at once.
    Transaction: "transactions",
    /// A transaction that must fail did, or a change that may fail.
    Refused: "refused",
    /// A reload was given up before its commit.
    Abandoned: "abandoned",
    /// All routes were replaced at once.
    Reload: "reloads",
    /// A transaction removed all routes and put back those that stay.
    Flush: "flushes",
    /// Another way to reclaim was set.
    SwitchMode: "mode_switches",
    /// Another limit of what may wait to be reclaimed was set.
    SwitchLimit: "limit_switches",
    /// There was no memory for the change, which was not made.
    NoMemory: "out_of_memory",
}
