// SPDX-License-Identifier: GPL-2.0

//! Knobs: module parameters that a run reads when it begins. A later change affects the next run.
//!
//! [`knobs!`] declares all knobs of one job. Each is one entry:
//!
//! ```ignore
//! knobs! {
//!     /// The knobs at the time of a snapshot.
//!     struct Knobs, require: permission::check {
//!         loops: u32 = 1000, in 1..=MAX_LOOPS, "Passes of a run";
//!         hold_ms: u32 = 0, in 0..=MAX_MS, unit "ms", "Duration of a stall; 0: the kind's own";
//!         onoff_interval: u32 = 0, unit "s", check: can_hotplug, "Interval of CPU hotplugs";
//!         family: Families = Families::Both, "Routes to look up";
//!     }
//! }
//! ```
//!
//! The type implements [`Stored`]. `require` and `check` are optional: `require` gets the
//! parameter's name before any value is parsed, and `check` gets the parsed value. Both return a
//! `Result`. The macro generates:
//!
//! - a [`parameter!`](crate::kernel_ext::params::parameter) for each knob, with its default in
//!   `modinfo`;
//! - a static that stores the values;
//! - `Knobs`, with a field for each knob, and `Knobs::snapshot()`.

use crate::kernel_ext::params::{Choice, Value};
use core::{
    marker::PhantomData,
    sync::atomic::{AtomicI64, Ordering},
};

/// Declares the knobs of a job. See the [module](self).
macro_rules! knobs {
    (
        $(#[$meta:meta])*
        $vis:vis struct $Knobs:ident $(, require: $require:path)? {
            $(
                $name:ident: $type:ty = $default:expr,
                $(in $range:expr,)? $(unit $unit:literal,)? $(check: $check:path,)?
                $description:literal;
            )+
        }
    ) => {
        $(#[$meta])*
        $vis struct $Knobs {
            $($vis $name: $type,)+
        }

        const _: () = {
            use $crate::{
                kernel_ext::params::{parameter, Value},
                lab::knobs::{default_text, Knob},
            };
            use ::kernel::error::Result;

            struct Storage {
                $($name: Knob<$type>,)+
            }

            static STORAGE: Storage = Storage {
                $($name: Knob::new($default as i64),)+
            };

            impl $Knobs {
                /// Reads all knobs.
                $vis fn snapshot() -> Self {
                    Self {
                        $($name: STORAGE.$name.get(),)+
                    }
                }
            }

            fn require(_parameter: &str) -> Result {
                $($require(_parameter)?;)?
                Ok(())
            }

            $(
                parameter! {
                    $name: $type,
                    $(in $range,)? $(unit $unit,)?
                    default default_text::<$type>($default as i64, stringify!($default)),
                    $description,
                    require: require,
                    show: STORAGE.$name.get().shown(),
                    set: |value| {
                        $($check(value)?;)?
                        STORAGE.$name.set(value);
                        Ok(())
                    },
                }
            )+
        };
    };
}
pub(crate) use knobs;

/// A type that [`Knob`] stores as an integer.
pub(crate) trait Stored: Value {
    /// The texts of all values in the order of their integers; none for numbers.
    const TEXTS: &'static [&'static str] = &[];

    fn to_stored(self) -> i64;
    fn from_stored(stored: i64) -> Self;
}

/// The stored value of a knob.
pub(crate) struct Knob<T> {
    stored: AtomicI64,
    _type: PhantomData<fn() -> T>,
}

// ORDERING: Relaxed: the knobs are independent of each other, and publish no other memory.
impl<T: Stored> Knob<T> {
    pub(crate) const fn new(stored: i64) -> Self {
        Self {
            stored: AtomicI64::new(stored),
            _type: PhantomData,
        }
    }

    pub(crate) fn get(&self) -> T {
        T::from_stored(self.stored.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, value: T) {
        self.stored.store(value.to_stored(), Ordering::Relaxed);
    }
}

impl Stored for i32 {
    fn to_stored(self) -> i64 {
        self.into()
    }

    fn from_stored(stored: i64) -> Self {
        stored as Self
    }
}

impl Stored for u32 {
    fn to_stored(self) -> i64 {
        self.into()
    }

    fn from_stored(stored: i64) -> Self {
        stored as Self
    }
}

impl Stored for bool {
    const TEXTS: &'static [&'static str] = &["N", "Y"];

    fn to_stored(self) -> i64 {
        self.into()
    }

    fn from_stored(stored: i64) -> Self {
        stored != 0
    }
}

/// Stored as its index in [`Choice::ALL`].
impl<C: Choice> Stored for C {
    const TEXTS: &'static [&'static str] = C::NAMES;

    fn to_stored(self) -> i64 {
        let index = C::ALL
            .iter()
            .position(|choice| choice.name() == self.name());
        index.map_or(0, |index| index as i64)
    }

    fn from_stored(stored: i64) -> Self {
        C::ALL[stored as usize]
    }
}

/// Returns a default as `modinfo` shows it.
pub(crate) const fn default_text<T: Stored>(stored: i64, number: &'static str) -> &'static str {
    match T::TEXTS.len() {
        0 => number,
        _ => T::TEXTS[stored as usize],
    }
}
