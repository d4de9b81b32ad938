// SPDX-License-Identifier: GPL-2.0

//! Modules that wait for their callbacks before they are unloaded.

#![expect(unsafe_code, reason = "states when a module is unloaded")]

use super::drain;
use kernel::{bindings, prelude::*, InPlaceModule};

// The exported name is in the root of the crate, where it must not collide with an import of
// `drained_module`.
#[doc(hidden)]
#[macro_export]
macro_rules! __rcu_drained_module {
    (type: $module:ident, drains: [$($($drain:ident)::+),* $(,)?], $($metadata:tt)*) => {
        const MODULE_DRAINS: &[$crate::rcu::Drain] = &[$($($drain)::+::DRAIN),*];

        type DrainedModule = $crate::rcu::Drained<$module>;

        // `module!` finds the type from inside of a module, too. In the body of a function that is
        // another type of the same name, if there is one.
        mod __rcu_drained_module {
            #[allow(
                unsafe_code,
                clippy::undocumented_unsafe_blocks,
                reason = "clippy does not find the comment in a macro"
            )]
            // SAFETY: `module!` below makes `Drained` of this type the crate's module, as
            // `DECLARED` checks, and a crate has one.
            unsafe impl $crate::rcu::DrainedModule for super::$module {
                const DRAINS: &'static [$crate::rcu::Drain] = super::MODULE_DRAINS;
                const DECLARED: fn(super::DrainedModule) = |_: super::LocalModule| {};
            }
        }

        ::kernel::prelude::module! { type: DrainedModule, $($metadata)* }
    };
    (type: $module:ident, $($metadata:tt)*) => {
        $crate::__rcu_drained_module! { type: $module, drains: [], $($metadata)* }
    };
}

/// Declares a module whose code remains loaded until its last callback has run. It takes the place
/// of the kernel crate's `module!`.
///
/// In a module that `module!` declares, objects that need a callback are leaked, with an error in
/// the log.
///
/// Unload, and an init that fails, first drop the module's value, then wait. So values that nobody
/// drops do no harm: those that a `static` owns, or that were forgotten. If a reader of SRCU was
/// leaked, unload never ends.
///
/// `drains:` names further modules whose constant `DRAIN`, a [`Drain`], does the same for other
/// code of the module, such as threads.
///
/// The crate must not give the name `kernel`, `core` or `pin_init` to another crate: the library and
/// macros find these crates by them.
///
/// # Examples
///
/// ```ignore
/// rcu::drained_module! {
///     type: MyModule,
///     name: "my_module",
///     license: "GPL",
/// }
/// ```
#[doc(inline)]
pub use __rcu_drained_module as drained_module;

/// A type that [`drained_module!`] declares as a module.
///
/// # Safety
///
/// `module!` declares [`Drained<Self>`] as the module of this crate.
#[doc(hidden)]
pub unsafe trait DrainedModule: InPlaceModule + Sized {
    const DRAINS: &'static [Drain];

    /// A function of the type that `module!` declares. The compiler checks that it is
    /// `Drained<Self>`: a crate's `rcu` may be another module, with another `Drained`.
    const DECLARED: fn(Drained<Self>);
}

/// Waits before unload for code of the module that runs outside of its functions.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Drain {
    open: unsafe fn(),
    close: unsafe fn(),
}

impl Drain {
    /// Creates a drain. `open` permits such code to start: it is called before the module's init.
    /// `close` forbids such code to start, and waits until none runs: it is called after the
    /// module's value was dropped and before the module is unloaded.
    ///
    /// A list may name a drain twice. Then both calls of `open` precede both calls of `close`.
    ///
    /// # Safety
    ///
    /// The functions are sound if they are called so. No such code runs without a call of `open`,
    /// nor after the first call of `close`.
    pub const unsafe fn new(open: unsafe fn(), close: unsafe fn()) -> Self {
        Self { open, close }
    }
}

/// The module's value, and then its drains.
#[doc(hidden)]
#[pin_data]
pub struct Drained<M: DrainedModule> {
    // Fields are dropped in this order.
    #[pin]
    module: M,
    drains: OpenDrains,
}

impl<M: DrainedModule> InPlaceModule for Drained<M> {
    fn init(this_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // If a step fails, the earlier fields are dropped.
        try_pin_init!(&this in Self {
            // SAFETY: By the promise of `DrainedModule` the static that `module!` declares has this
            // type. `open()` refuses all other places.
            drains: unsafe { OpenDrains::open(this.as_ptr().cast(), this_module, M::DRAINS)? },
            module <- M::init(this_module),
        })
    }
}

/// The open drains of the module. `module!` drops this before the module is unloaded.
struct OpenDrains(&'static [Drain]);

impl OpenDrains {
    /// Opens all drains. Returns an error unless `place` is the static of `module!`: safe code can
    /// initialise a [`Drained`] elsewhere, and never drop it.
    ///
    /// # Safety
    ///
    /// `module!` has declared a static with the type of `place`, which it drops before the module
    /// is unloaded.
    unsafe fn open(
        place: *const c_void,
        this_module: &ThisModule,
        drains: &'static [Drain],
    ) -> Result<Self> {
        let kind = bindings::mod_mem_type_MOD_DATA as usize;
        // SAFETY: The module is loaded, so its `struct module` is valid. The record of its data does
        // not change meanwhile.
        let data = unsafe { (*this_module.as_ptr()).mem[kind] };
        let offset = (place as usize).wrapping_sub(data.base as usize);
        if offset >= data.size as usize {
            return Err(EINVAL);
        }
        // SAFETY: The place is in the module's data, which only the static of `module!` provides
        // for this type. It is dropped before unload, and that calls `close()`.
        unsafe { drain::open()? };
        for drain in drains {
            // SAFETY: `drain::open()` succeeds once, and the drop below closes the drain. `new()`
            // was promised that this suffices.
            unsafe { (drain.open)() };
        }
        Ok(Self(drains))
    }
}

impl Drop for OpenDrains {
    fn drop(&mut self) {
        for drain in self.0.iter().rev() {
            // SAFETY: `open()` has opened all drains, and this is dropped once.
            unsafe { (drain.close)() };
        }
        // SAFETY: `open()` has opened it, and this is dropped once.
        unsafe { drain::close() };
    }
}
