// SPDX-License-Identifier: GPL-2.0

//! Short names of Rust functions.
//!
//! The compiler makes a copy of a generic function for each closure passed to it, and inlines the
//! closure. The copy's symbol is `run::<spawn<blocked::{closure#0}>::{closure#0}>`; the code that
//! runs is from `blocked`.

/// Shortens a demangled name.
pub(crate) fn readable(name: &str) -> String {
    if let Some(owner) = owner_of_closure(name) {
        return readable(owner);
    }
    // `<path::Type>::method` and `<path::Type as path::Trait>::method`
    let method = type_and_method(name);
    if let Some((path, method)) = method.filter(|(path, _)| is_path(path)) {
        return format!("{path}{method}");
    }
    name.to_string()
}

/// Returns the function that defines the innermost closure of a name.
fn owner_of_closure(name: &str) -> Option<&str> {
    // drop_in_place() drops the closure without running it.
    if name.contains("drop_in_place") {
        return None;
    }
    let end = name
        .find("::{closure#")
        .or_else(|| name.find("::{{closure}}"))?;
    let before = name.get(..end)?;
    let mut depth = 0u32;
    let start = before.bytes().rposition(|byte| {
        match byte {
            b'>' => depth += 1,
            b'<' if depth == 0 => return true,
            b'<' => depth -= 1,
            b',' | b' ' | b'(' if depth == 0 => return true,
            _ => (),
        }
        false
    });
    let owner = before.get(start.map_or(0, |at| at + 1)..)?;
    (!owner.is_empty()).then_some(owner)
}

/// Splits `<Type as Trait>::method` into the type and `::method`.
fn type_and_method(name: &str) -> Option<(&str, &str)> {
    let inside = name.strip_prefix('<')?;
    let mut depth = 1u32;
    let end = inside.bytes().position(|byte| {
        match byte {
            b'<' => depth += 1,
            b'>' => depth -= 1,
            _ => (),
        }
        depth == 0
    })?;
    let (inside, method) = (inside.get(..end)?, inside.get(end + 1..)?);
    let path = inside.split(" as ").next().unwrap_or(inside);
    Some((path, method))
}

fn is_path(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn a_function_compiled_for_a_closure_is_named_by_the_closures_owner() {
        for (name, expected) in [
            ("demo::kthread::run::<<demo::scene::Scene>::spawn<demo::task::blocked::{closure#0}>::{closure#0}>", "demo::task::blocked"),
            ("demo::task::blocked::{closure#1}", "demo::task::blocked"),
            ("demo::run::<<demo::Run as demo::Job>::conduct::{closure#0}>", "demo::Run::conduct"),
            ("demo::run::<u8, demo::blocked::{closure#0}>", "demo::blocked"),
            ("core::ptr::drop_in_place::<demo::f::{closure#0}>", "core::ptr::drop_in_place::<demo::f::{closure#0}>"),
        ] {
            assert_eq!(readable(name), expected);
        }
    }

    #[test]
    fn methods_are_named_by_their_type() {
        for (name, expected) in [
            ("<demo::Run>::spin", "demo::Run::spin"),
            (
                "<demo::Callback as demo::Reclaim>::reclaim",
                "demo::Callback::reclaim",
            ),
            ("<demo::List<u8>>::push", "<demo::List<u8>>::push"),
            ("<&u8 as demo::Show>::show", "<&u8 as demo::Show>::show"),
            (
                "demo::callback::<demo::Callback>",
                "demo::callback::<demo::Callback>",
            ),
            ("<", "<"),
            ("::{closure#0}", "::{closure#0}"),
        ] {
            assert_eq!(readable(name), expected);
        }
    }
}
