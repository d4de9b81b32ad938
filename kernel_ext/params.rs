// SPDX-License-Identifier: GPL-2.0

//! Module parameters: set by `insmod`, read and written in `/sys/module/rust_rcu_demo/parameters/`,
//! described by `modinfo`.
//!
//! Before 6.19 the kernel's `module!` has no parameters. Since then it has some that only `insmod`
//! sets and that sysfs does not show. So [`parameter!`] emits what C's `module_param_cb()` emits:
//!
//! ```text
//!   .modinfo    "parm=NAME:DESCRIPTION"   "parmtype=NAME:TYPE"
//!   __param     struct kernel_param ──ops──► get(), set() below
//!                                   ──arg──► Parameter { name, show, set }
//! ```
//!
//! A parameter stores no value: its `show` and `set` access a static. `insmod` sets parameters
//! before the module's init, and the files in sysfs exist from before init until after exit.
//!
//! C header: [`include/linux/moduleparam.h`](srctree/include/linux/moduleparam.h)

#![expect(
    unsafe_code,
    reason = "the module loader and sysfs use C structures and callbacks"
)]

mod modinfo;
mod value;

pub(crate) use modinfo::{c_string, description, parameter_type, Text};
pub(crate) use value::{choices, names, Choice, Value};

use core::{
    ffi::CStr,
    fmt::{self, Write},
    ptr, slice,
};
use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*,
    str::{BStr, Formatter},
};

/// Declares a module parameter:
///
/// ```ignore
/// parameter! {
///     loops: u32, in 1..=MAX_LOOPS, unit "passes", default "1000", "Length of a run",
///     require: permission::check,
///     show: LOOPS.load(Ordering::Relaxed),
///     set: |loops| { LOOPS.store(loops, Ordering::Relaxed); Ok(()) },
/// }
/// ```
///
/// - The type implements [`Value`], which parses the written text. `in` limits a number.
/// - `require` names a function that gets the parameter's name before the value is parsed.
/// - `show` is an expression that implements `Display`, in less than a page.
/// - `set` gets the parsed value. Its error, or that of `require`, is the error of `insmod` or of
///   the write.
///
/// `lab::knobs::knobs!` declares parameters that also store their value.
///
/// Context of all expressions: may sleep. The kernel shows or sets one parameter of a module at a
/// time.
macro_rules! parameter {
    (
        $name:ident: $type:ty,
        $(in $range:expr,)? $(unit $unit:literal,)? default $default:expr,
        $description:literal,
        $(require: $require:expr,)?
        show: $show:expr,
        set: $set:expr $(,)?
    ) => {
        #[expect(unsafe_code, reason = "the module loader reads these statics by their section")]
        const _: () = {
            use $crate::kernel_ext::params;

            static PARAMETER: params::Parameter = params::Parameter::new(
                params::c_string(concat!(stringify!($name), "\0")),
                |page| ::core::fmt::Write::write_fmt(page, ::core::format_args!("{}", $show)),
                |argument| {
                    $($require(stringify!($name))?;)?
                    let set: fn($type) -> ::kernel::error::Result = $set;
                    let range = None $(.or(Some($range)))?;
                    set(<$type as params::Value>::parse(argument, range)?)
                },
            );
            #[used(compiler)]
            #[link_section = "__param"]
            static KERNEL_PARAM: params::KernelParam = params::KernelParam::new(&PARAMETER);

            const DESCRIPTION: params::Text = params::description(
                stringify!($name),
                $description,
                <$type as params::Value>::NAMES,
                concat!("" $(, $unit, "; ")?),
                $default,
            );
            #[used(compiler)]
            #[link_section = ".modinfo"]
            static MODINFO_DESCRIPTION: [u8; DESCRIPTION.len()] = DESCRIPTION.bytes();

            const TYPE: params::Text =
                params::parameter_type(stringify!($name), <$type as params::Value>::TYPE);
            #[used(compiler)]
            #[link_section = ".modinfo"]
            static MODINFO_TYPE: [u8; TYPE.len()] = TYPE.bytes();
        };
    };
}
pub(crate) use parameter;

/// A parameter's name, and the functions that [`get()`] and [`set()`] call.
pub(crate) struct Parameter {
    name: &'static CStr,
    show: fn(&mut Formatter<'_>) -> fmt::Result,
    set: fn(&Argument<'_>) -> Result,
}

impl Parameter {
    /// For [`parameter!`].
    pub(crate) const fn new(
        name: &'static CStr,
        show: fn(&mut Formatter<'_>) -> fmt::Result,
        set: fn(&Argument<'_>) -> Result,
    ) -> Self {
        Self { name, show, set }
    }
}

/// An element of the section `__param`, an array that the module loader reads.
///
/// # Invariants
///
/// `arg` is a `&'static Parameter`.
#[repr(transparent)]
pub(crate) struct KernelParam(bindings::kernel_param);

// SAFETY: The module loader only reads it, and `Parameter` is `Sync`.
unsafe impl Sync for KernelParam {}

impl KernelParam {
    /// For [`parameter!`].
    pub(crate) const fn new(parameter: &'static Parameter) -> Self {
        /// The level of C's `module_param()`.
        const LEVEL: i8 = -1;
        /// Everyone can read the file in sysfs; its owner can write it.
        const MODE: u16 = 0o644;
        // INVARIANT: `arg` is `parameter`, a `&'static Parameter`.
        Self(bindings::kernel_param {
            name: parameter.name.to_bytes_with_nul().as_ptr().cast(),
            mod_: &raw mut bindings::__this_module,
            ops: &OPERATIONS,
            perm: MODE,
            level: LEVEL,
            flags: 0,
            __bindgen_anon_1: bindings::kernel_param__bindgen_ty_1 {
                arg: ptr::from_ref(parameter).cast_mut().cast(),
            },
        })
    }
}

/// Without `KERNEL_PARAM_OPS_FL_NOARG` the kernel itself refuses a parameter without a value.
static OPERATIONS: bindings::kernel_param_ops = bindings::kernel_param_ops {
    flags: 0,
    set: Some(set),
    get: Some(get),
    free: None,
};

/// Returns the [`Parameter`] of an element of `__param`.
///
/// # Safety
///
/// `param` points to a [`KernelParam`].
unsafe fn parameter_of(param: *const bindings::kernel_param) -> &'static Parameter {
    // SAFETY: `param` is valid, and `KernelParam::new()` has written this field of the union.
    let parameter = unsafe { (*param).__bindgen_anon_1.arg };
    // SAFETY: By the invariant of `KernelParam`, `arg` is a `&'static Parameter`.
    unsafe { &*parameter.cast::<Parameter>() }
}

/// Sets a parameter, for `insmod` and for a write to its file.
///
/// # Safety
///
/// `text` is a C string, and `param` points to a [`KernelParam`].
#[allow(
    clippy::disallowed_methods,
    reason = "6.18 lacks the method that clippy of 7.3 asks for"
)]
unsafe extern "C" fn set(text: *const c_char, param: *const bindings::kernel_param) -> c_int {
    // SAFETY: `param` points to a `KernelParam`.
    let parameter = unsafe { parameter_of(param) };
    let argument = Argument {
        name: parameter.name,
        // SAFETY: `text` is a C string, which the kernel frees after this call.
        text: unsafe { CStr::from_ptr(text.cast()) },
    };
    match (parameter.set)(&argument) {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// Writes the text for a read of the parameter's file, and returns its length.
///
/// # Safety
///
/// `page` is a zeroed page that nothing else uses during the call. `param` points to a
/// [`KernelParam`].
unsafe extern "C" fn get(page: *mut c_char, param: *const bindings::kernel_param) -> c_int {
    // SAFETY: `param` points to a `KernelParam`.
    let parameter = unsafe { parameter_of(param) };
    // One byte less than a page: sysfs treats a full one as an overflow.
    // SAFETY: `page` is initialised, and this call has exclusive use of it.
    let page = unsafe { slice::from_raw_parts_mut(page, PAGE_SIZE - 1) };
    let mut page = Formatter::new(page);
    match (parameter.show)(&mut page).and_then(|()| page.write_char('\n')) {
        Ok(()) => page.bytes_written() as c_int,
        Err(fmt::Error) => EOVERFLOW.to_errno(),
    }
}

/// The text that was written to a parameter.
pub(crate) struct Argument<'a> {
    name: &'static CStr,
    text: &'a CStr,
}

impl Argument<'_> {
    /// Returns the text without the newline that `echo` appends.
    fn line(&self) -> &[u8] {
        let text = self.text.to_bytes();
        text.strip_suffix(b"\n").unwrap_or(text)
    }

    /// Logs the expected and the found value, and returns `error`.
    fn refuse(&self, error: Error, expected: fmt::Arguments<'_>) -> Error {
        // The text comes last, because the log cuts long lines.
        pr_err!(
            "parameter {}: expected {expected}, found {:?}\n",
            BStr::from_bytes(self.name.to_bytes()),
            BStr::from_bytes(self.line())
        );
        error
    }
}
