// SPDX-License-Identifier: GPL-2.0

//! Module parameters: given to `insmod`, read and changed in `/sys/module/rust_rcu_demo/parameters/`, described
//! by `modinfo`.
//!
//! The kernel's own `module!` knows none before 6.19, and from then on only what `insmod` sets and sysfs does
//! not show. So [`parameter!`] puts into the object file what C's macros put there:
//!
//! ```text
//!   .modinfo    "parm=NAME:DESCRIPTION"   "parmtype=NAME:TYPE"
//!   __param     struct kernel_param ──ops──► get(), set() below
//!                                   ──arg──► Parameter { name, show, set }
//! ```
//!
//! A parameter holds no value; it shows and sets what its user keeps in a static. Only a static will do:
//! `insmod` sets parameters before the module's init, and the files in sysfs are there from before init until
//! after exit.
//!
//! C header: [`include/linux/moduleparam.h`](srctree/include/linux/moduleparam.h)

use core::{
    ffi::CStr,
    fmt::{self, Write},
    ops::RangeInclusive,
    ptr, slice,
};
use kernel::{
    bindings,
    error::to_result,
    page::PAGE_SIZE,
    prelude::*,
    str::{BStr, Formatter},
};

/// Declares a module parameter:
///
/// ```ignore
/// parameter! {
///     loops: "uint", 0o644, "Passes of a run (default 1000)",
///     show: LOOPS.load(Ordering::Relaxed),
///     set: |argument| argument.number(1..=u32::MAX).map(|loops| LOOPS.store(loops, Ordering::Relaxed)),
/// }
/// ```
///
/// After the name come the type, in the words of C's `module_param()`, the mode of the file in sysfs (0 for
/// none), and the description. `show` is an expression that can be displayed, in less than a page; `set`
/// takes an [`Argument`] and returns a `Result`, whose error is that of `insmod` or of the write.
///
/// Context of both: may sleep. No two of a module's parameters are shown or set at the same time.
macro_rules! parameter {
    (
        $name:ident: $type:literal, $mode:literal, $description:literal,
        show: $show:expr,
        set: $set:expr $(,)?
    ) => {
        const _: () = {
            use $crate::kernel_ext::params::{c_string, inline, Entry, Parameter};

            static PARAMETER: Parameter = Parameter::new(
                c_string(concat!(stringify!($name), "\0")),
                |page| ::core::fmt::Write::write_fmt(page, ::core::format_args!("{}", $show)),
                $set,
            );
            #[used]
            #[link_section = "__param"]
            static ENTRY: Entry = Entry::new(&PARAMETER, $mode);

            const DESCRIPTION: &str = concat!("parm=", stringify!($name), ":", $description, "\0");
            #[used]
            #[link_section = ".modinfo"]
            static INLINE_DESCRIPTION: [u8; DESCRIPTION.len()] = inline(DESCRIPTION);

            const TYPE: &str = concat!("parmtype=", stringify!($name), ":", $type, "\0");
            #[used]
            #[link_section = ".modinfo"]
            static INLINE_TYPE: [u8; TYPE.len()] = inline(TYPE);
        };
    };
}
pub(crate) use parameter;

/// What [`get()`] and [`set()`] need to know about a parameter.
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

/// An entry in the section `__param`, an array that the module loader reads.
///
/// # Invariants
///
/// `arg` is a `&'static Parameter`.
#[repr(transparent)]
pub(crate) struct Entry(bindings::kernel_param);

// SAFETY: Nobody writes it, and a `Parameter` may be used from any thread.
unsafe impl Sync for Entry {}

impl Entry {
    /// For [`parameter!`].
    pub(crate) const fn new(parameter: &'static Parameter, mode: u16) -> Self {
        /// That of C's `module_param()`.
        const LEVEL: i8 = -1;
        // INVARIANT: That is where `arg` comes from.
        Self(bindings::kernel_param {
            name: parameter.name.as_ptr().cast(),
            mod_: &raw mut bindings::__this_module,
            ops: &OPERATIONS,
            perm: mode,
            level: LEVEL,
            flags: 0,
            __bindgen_anon_1: bindings::kernel_param__bindgen_ty_1 {
                arg: ptr::from_ref(parameter).cast_mut().cast(),
            },
        })
    }
}

/// Without `KERNEL_PARAM_OPS_FL_NOARG`: the kernel itself refuses a parameter without a value.
static OPERATIONS: bindings::kernel_param_ops = bindings::kernel_param_ops {
    flags: 0,
    set: Some(set),
    get: Some(get),
    free: None,
};

/// # Safety
///
/// `entry` points to an [`Entry`].
unsafe fn parameter_of(entry: *const bindings::kernel_param) -> &'static Parameter {
    // SAFETY: The caller vouches for the pointer, and `Entry` sets this field of the union.
    let parameter = unsafe { (*entry).__bindgen_anon_1.arg };
    // SAFETY: By the invariant of `Entry`.
    unsafe { &*parameter.cast::<Parameter>() }
}

/// Sets a parameter; called for `insmod` and for a write to its file.
///
/// # Safety
///
/// `text` is a C string, and `entry` points to an [`Entry`].
unsafe extern "C" fn set(text: *const c_char, entry: *const bindings::kernel_param) -> c_int {
    // SAFETY: As the caller promises.
    let parameter = unsafe { parameter_of(entry) };
    let argument = Argument {
        name: parameter.name,
        // SAFETY: As the caller promises; it lives longer than this call.
        text: unsafe { CStr::from_ptr(text.cast()) },
    };
    match (parameter.set)(&argument) {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// Writes what a read of the parameter's file returns, and returns how long it is.
///
/// # Safety
///
/// `page` is a page that was filled with zeroes and that nobody else uses during the call; `entry` points to
/// an [`Entry`].
unsafe extern "C" fn get(page: *mut c_char, entry: *const bindings::kernel_param) -> c_int {
    // SAFETY: As the caller promises.
    let parameter = unsafe { parameter_of(entry) };
    // One less than a page: sysfs takes a full one for an overflow.
    // SAFETY: As the caller promises; it lives longer than this call.
    let page = unsafe { slice::from_raw_parts_mut(page, PAGE_SIZE - 1) };
    let mut page = Formatter::new(page);
    match (parameter.show)(&mut page).and_then(|()| page.write_char('\n')) {
        Ok(()) => page.bytes_written() as c_int,
        Err(fmt::Error) => EOVERFLOW.to_errno(),
    }
}

/// The base of a number is in its prefix, as in C.
const BY_PREFIX: c_uint = 0;

/// What someone wants a parameter to be.
pub(crate) struct Argument<'a> {
    name: &'static CStr,
    text: &'a CStr,
}

impl Argument<'_> {
    /// The one of `choices` that has this name.
    ///
    /// Errors: `EINVAL`, and the log says what there is to choose from.
    pub(crate) fn choice<T: Copy>(&self, choices: &[T], name: fn(T) -> &'static str) -> Result<T> {
        choices
            .iter()
            .copied()
            .find(|choice| name(*choice).as_bytes() == self.line())
            .ok_or_else(|| self.refuse(EINVAL, format_args!("{}", Names(choices, name))))
    }

    /// A number within `range`, in decimal, or as C has it in octal or hexadecimal.
    ///
    /// Errors: `EINVAL` for what is no such number, `ERANGE` for one outside, and the log names the range.
    pub(crate) fn number<T>(&self, range: RangeInclusive<T>) -> Result<T>
    where
        T: TryFrom<u64> + TryFrom<i64> + PartialOrd + Default + fmt::Display,
    {
        let number = if *range.start() < T::default() {
            self.signed().map(|number| T::try_from(number).ok())
        } else {
            self.unsigned().map(|number| T::try_from(number).ok())
        };
        let in_range =
            |number: Option<T>| number.filter(|number| range.contains(number)).ok_or(ERANGE);
        number.and_then(in_range).map_err(|error| {
            let (least, most) = (range.start(), range.end());
            self.refuse(error, format_args!("a number from {least} to {most}"))
        })
    }

    /// Yes or no, in one of the ways that C's `kstrtobool()` knows.
    ///
    /// Errors: `EINVAL`, and the log says what would do.
    pub(crate) fn flag(&self) -> Result<bool> {
        let mut flag = false;
        // SAFETY: The string ends with NUL, and there is room for the answer.
        to_result(unsafe { bindings::kstrtobool(self.text.as_ptr().cast(), &mut flag) })
            .map_err(|error| self.refuse(error, format_args!("y or n")))?;
        Ok(flag)
    }

    fn signed(&self) -> Result<i64> {
        let mut number = 0;
        // SAFETY: The string ends with NUL, and there is room for the number.
        to_result(unsafe {
            bindings::kstrtoll(self.text.as_ptr().cast(), BY_PREFIX, &mut number)
        })?;
        Ok(number)
    }

    fn unsigned(&self) -> Result<u64> {
        let mut number = 0;
        // SAFETY: The string ends with NUL, and there is room for the number.
        to_result(unsafe {
            bindings::kstrtoull(self.text.as_ptr().cast(), BY_PREFIX, &mut number)
        })?;
        Ok(number)
    }

    /// Without the newline that `echo` puts at the end.
    fn line(&self) -> &[u8] {
        let text = self.text.to_bytes();
        text.strip_suffix(b"\n").unwrap_or(text)
    }

    /// Tells people what would have been right, and returns `error` for the program.
    fn refuse(&self, error: Error, wanted: fmt::Arguments<'_>) -> Error {
        // What was found comes last: the log cuts long lines.
        pr_err!(
            "parameter {}: want {wanted}, not {:?}\n",
            BStr::from_bytes(self.name.to_bytes()),
            BStr::from_bytes(self.line())
        );
        error
    }
}

/// A flag as the kernel shows those of its own.
pub(crate) struct YesNo(pub(crate) bool);

impl fmt::Display for YesNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char(if self.0 { 'Y' } else { 'N' })
    }
}

/// The names of choices, as a sentence lists them.
struct Names<'a, T>(&'a [T], fn(T) -> &'static str);

impl<T: Copy> fmt::Display for Names<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(choices, name) = *self;
        for (index, choice) in choices.iter().enumerate() {
            let separator = match index {
                0 => "",
                _ if index + 1 == choices.len() => " or ",
                _ => ", ",
            };
            write!(f, "{separator}{}", name(*choice))?;
        }
        Ok(())
    }
}

/// The C string that `text` is with its NUL. For [`parameter!`]: a panic is an error of the compiler.
pub(crate) const fn c_string(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(string) => string,
        Err(_) => panic!("no C string"),
    }
}

/// The bytes of `text` themselves instead of where they are. For [`parameter!`], as above.
pub(crate) const fn inline<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    match text.as_bytes().first_chunk() {
        Some(bytes) => *bytes,
        None => panic!("the text is shorter"),
    }
}
