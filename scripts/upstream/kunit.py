# SPDX-License-Identifier: GPL-2.0
"""Translates the tests of tests/modules/cases into KUnit suites of the kernel crate."""

import re
import sys

import translate as translation

# The tests return the kernel's errors, and log the line of a failure.
ENSURE = """/// Fails the test unless the condition holds.
macro_rules! ensure {
    ($condition:expr) => {
        if !$condition {
            pr_err!("# {}:{}: {}\\\\n", file!(), line!(), stringify!($condition));
            return Err(EINVAL);
        }
    };
}
"""
COMMON = [
    (r"Ok::<(.*), Failure>", r"Ok::<\1, Error>"),
    (r"Result<(.*), Failure>", r"Result<\1>"),
    (r"-> Outcome\b", "-> Result"),
    (r"\bErr\((\w+)\.into\(\)\)", r"Err(\1)"),
    (r"\b(Failure|Outcome), ", ""),
    (r", (Failure|Outcome)\b", ""),
    (r"pub\(crate\)", "pub(super)"),
    (r"^    Ok\(((?:UniqueRcuBox|Arc)::pin_init\((?:.*\n)*?.*)\?\)\n\}", r"    \1\n}"),
]
ROOT = [
    (r"//! In the kernel `rcu_test\.rs`(?:.*\n)*?\n", ""),
    (r"//! Tests of the RCU library that .*\n//!\n", "//! KUnit tests of RCU.\n\n"),
    (r"use crate::\{platform, rcu\};", "use kernel::sync::rcu;"),
    (r"^mod stress;\n", "mod stress;\nmod platform;\nmod thread;\n"),
    (r"/// The reason why a test failed\.\n(?:.*\n)*?(?=/// Fails the test)", ""),
    (r"/// Fails the test unless(?:.*\n)*?^\}\n", ENSURE),
    (r"/// Lists test functions(?:.*\n)*?^\}\n\n", ""),
    (r"^cases! \{\n(?:.*\n)*?^\}\n\n", ""),
]

# Threads of the kernel crate are work items.
PLATFORM = [
    (r"use crate::kernel_ext::kthread::.*\n", "pub(super) use super::thread::{spawn, Thread};\n"),
    (r"^///.*\npub\(crate\) type Thread = Kthread;\n\n", ""),
    (r"^///.*\npub\(crate\) fn spawn(?:.*\n)*?^\}\n\n", ""),
]


def cases(root):
    """Returns the names of the tests of each module, from the macro call in cases.rs."""
    listed = re.search(r"^cases! \{\n((?:.*\n)*?)^\}\n", root, re.M)[1]
    return {module: names.split() for module, names in re.findall(r"(\w+):\s([^;]+);", listed)}


def suite(module, names):
    tests = "\n".join(
        f"    #[test]\n    fn {name}() -> Result {{\n        super::{name}()\n    }}\n" for name in names)
    return f"\n#[kunit_tests(rust_rcu_{module})]\nmod suite {{\n    use crate::prelude::*;\n\n{tests}}}\n"


def translate(name, text, root):
    """Translates cases.rs (NAME tests.rs), platform.rs or a file of cases/. ROOT is cases.rs."""
    required = {"tests.rs": ROOT, "tests/platform.rs": PLATFORM}.get(name, [])
    for pattern, new in required + COMMON:
        text, count = re.subn(pattern, new, text, flags=re.M)
        if not count and (pattern, new) in required:
            sys.exit(f"kunit: the source of {name} has no match of {pattern!r}; correct {__file__}")
    # The kernel's atomics have no default value.
    text = re.sub(r"#\[derive\(Default\)\]\nstruct (\w+) \{\n((?:    .*\n)*)\}\n", with_default, text)
    text = translation.translate(name, text)
    module = name.removeprefix("tests/").removesuffix(".rs")
    if module in cases(root):
        text += suite(module, cases(root)[module])
    return text


def with_default(struct):
    fields = "".join(f"            {name}: AtomicUsize::new(0),\n" for name in re.findall(r"(\w+): AtomicUsize", struct[2]))
    return (
        f"struct {struct[1]} {{\n{struct[2]}}}\n\nimpl Default for {struct[1]} {{\n"
        f"    fn default() -> Self {{\n        Self {{\n{fields}        }}\n    }}\n}}\n")
