// SPDX-License-Identifier: GPL-2.0

//! The types of module parameters, and how their values are parsed and shown.

use super::Argument;
use core::{
    fmt::{self, Display},
    ops::RangeInclusive,
};
use kernel::{
    bindings,
    error::{code::*, to_result, Result},
    ffi::c_uint,
};

/// The type of a parameter.
pub(crate) trait Value: Copy + 'static {
    /// The type in the words of C's `module_param()`.
    const TYPE: &'static str;

    /// The names of all values for `modinfo`; none for numbers.
    const NAMES: &'static [&'static str] = &[];

    /// Parses the text that was written to a parameter. Only numbers use `range`.
    ///
    /// Errors: `EINVAL` if the text is no value of this type, `ERANGE` if the value is outside
    /// `range`. The log states the valid values.
    fn parse(argument: &Argument<'_>, range: Option<RangeInclusive<Self>>) -> Result<Self>;

    /// Returns the value as a read of the parameter's file shows it.
    fn shown(self) -> impl Display;
}

/// A type with a fixed set of named values. [`choices!`] declares one.
pub(crate) trait Choice: Copy + 'static {
    /// All values.
    const ALL: &'static [Self];

    /// The names of all values, in the order of [`Self::ALL`].
    const NAMES: &'static [&'static str];

    /// Returns the name of this value.
    fn name(self) -> &'static str;
}

/// Declares an enumeration that implements [`Choice`].
macro_rules! choices {
    (
        $(#[$meta:meta])*
        $vis:vis enum $Choice:ident {
            $($(#[$value_meta:meta])* $Value:ident = $name:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $Choice {
            $($(#[$value_meta])* $Value,)+
        }

        impl $crate::kernel_ext::params::Choice for $Choice {
            const ALL: &'static [Self] = &[$(Self::$Value),+];
            const NAMES: &'static [&'static str] = &[$($name),+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$Value => $name,)+
                }
            }
        }
    };
}
pub(crate) use choices;

/// Returns the array of the names of all items of a constant array, for [`Choice::NAMES`].
macro_rules! names {
    ($items:expr, |$item:ident| $name:expr) => {{
        let mut names = [""; $items.len()];
        let mut index = 0;
        while index < names.len() {
            let $item = $items[index];
            names[index] = $name;
            index += 1;
        }
        names
    }};
}
pub(crate) use names;

fn parse_number<T>(argument: &Argument<'_>, range: RangeInclusive<T>) -> Result<T>
where
    T: TryFrom<u64> + TryFrom<i64> + PartialOrd + Default + Display,
{
    /// The base is in the number's prefix, as in C.
    const BASE: c_uint = 0;

    let text = argument.text.to_bytes_with_nul().as_ptr().cast();
    let number = if *range.start() < T::default() {
        let mut number = 0;
        // SAFETY: `text` is a C string, and `number` is valid for writes.
        to_result(unsafe { bindings::kstrtoll(text, BASE, &mut number) })
            .map(|()| T::try_from(number).ok())
    } else {
        let mut number = 0;
        // SAFETY: `text` is a C string, and `number` is valid for writes.
        to_result(unsafe { bindings::kstrtoull(text, BASE, &mut number) })
            .map(|()| T::try_from(number).ok())
    };
    let in_range = |number: Option<T>| number.filter(|number| range.contains(number));
    number
        .and_then(|number| in_range(number).ok_or(ERANGE))
        .map_err(|error| {
            let (least, most) = (range.start(), range.end());
            argument.refuse(error, format_args!("a number from {least} to {most}"))
        })
}

macro_rules! number {
    ($type:ty, $name:literal) => {
        impl Value for $type {
            const TYPE: &'static str = $name;

            fn parse(argument: &Argument<'_>, range: Option<RangeInclusive<Self>>) -> Result<Self> {
                parse_number(argument, range.unwrap_or(Self::MIN..=Self::MAX))
            }

            fn shown(self) -> impl Display {
                self
            }
        }
    };
}
number!(i32, "int");
number!(u32, "uint");
number!(usize, "ulong");

impl Value for bool {
    const TYPE: &'static str = "bool";

    fn parse(argument: &Argument<'_>, _range: Option<RangeInclusive<Self>>) -> Result<Self> {
        let mut value = false;
        let text = argument.text.to_bytes_with_nul().as_ptr().cast();
        // SAFETY: `text` is a C string, and `value` is valid for writes.
        to_result(unsafe { bindings::kstrtobool(text, &mut value) })
            .map_err(|error| argument.refuse(error, format_args!("y or n")))?;
        Ok(value)
    }

    fn shown(self) -> impl Display {
        if self {
            'Y'
        } else {
            'N'
        }
    }
}

impl<C: Choice> Value for C {
    const TYPE: &'static str = "charp";
    const NAMES: &'static [&'static str] = C::NAMES;

    fn parse(argument: &Argument<'_>, _range: Option<RangeInclusive<Self>>) -> Result<Self> {
        find(argument).ok_or_else(|| argument.refuse(EINVAL, format_args!("{}", Names(C::NAMES))))
    }

    fn shown(self) -> impl Display {
        self.name()
    }
}

/// A choice, or `none`.
impl<C: Choice> Value for Option<C> {
    const TYPE: &'static str = "charp";
    const NAMES: &'static [&'static str] = C::NAMES;

    fn parse(argument: &Argument<'_>, _range: Option<RangeInclusive<Self>>) -> Result<Self> {
        if argument.line() == b"none" {
            return Ok(None);
        }
        find(argument)
            .ok_or_else(|| argument.refuse(EINVAL, format_args!("none, {}", Names(C::NAMES))))
            .map(Some)
    }

    fn shown(self) -> impl Display {
        self.map_or("none", C::name)
    }
}

/// Returns the value whose name was written to the parameter.
fn find<C: Choice>(argument: &Argument<'_>) -> Option<C> {
    let mut all = C::ALL.iter().copied();
    all.find(|choice| choice.name().as_bytes() == argument.line())
}

/// Displays `a, b or c`.
struct Names(&'static [&'static str]);

impl Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let separator = match self.0.len() - index {
                1 => "",
                2 => " or ",
                _ => ", ",
            };
            write!(f, "{name}{separator}")?;
        }
        Ok(())
    }
}
