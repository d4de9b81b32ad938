// SPDX-License-Identifier: GPL-2.0

//! Makes one file of the module's RCU layer in which atomics are the model checker's and every memory
//! ordering has a name.
//!
//! Whatever it does not understand stops the build: a test that checks less than it says is worse
//! than none.

use std::{
    collections::BTreeSet,
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// The modules of `rcu.rs` that are checked. Others are left out, with what `rcu.rs` reexports of
/// them; they must not have orderings.
const CHECKED: &[&str] = &[
    "boxed",
    "chain",
    "cleared",
    "compat",
    "context",
    "drain",
    "grace_period",
    "hash_table",
    "list",
    "object",
    "pointer",
    "polled",
    "published",
    "reader",
    "reclaim",
    "retired",
    "srcu",
    "srcu_pointer",
    "srcu_retired",
    "updater",
    "work",
];

/// Atomic operations that take an ordering. Those that take two take that of success first.
const OPERATIONS: &[&str] = &[
    "load",
    "store",
    "swap",
    "fetch_add",
    "fetch_sub",
    "compare_exchange",
    "compare_exchange_weak",
    "fence",
];

/// A memory ordering in the sources.
struct Site {
    name: String,
    ordering: String,
    place: String,
}

fn main() {
    let module = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    let output = PathBuf::from(env::var("OUT_DIR").unwrap());
    for watched in ["rcu.rs", "rcu"] {
        println!("cargo::rerun-if-changed={}", module.join(watched).display());
    }

    // A module, for the kernel that leaves the least to model.
    println!("cargo::rustc-cfg=MODULE");
    println!("cargo::rustc-cfg=kernel_7_3");

    let root = without_docs(&read(&module.join("rcu.rs")));
    let mut sites = Vec::new();
    let mut with_statics = Vec::new();
    let mut left_out = Vec::new();
    let mut generated = String::new();
    let mut checked = BTreeSet::new();
    for line in root.lines() {
        let Some(name) = line.strip_prefix("mod ").and_then(|l| l.strip_suffix(';')) else {
            if !reexports_of(&left_out, line) {
                writeln!(generated, "{}", line.replace("kernel::", "crate::kernel::")).unwrap();
            }
            continue;
        };
        let file = format!("rcu/{name}.rs");
        let source = without_docs(&read(&module.join(&file)));
        if CHECKED.contains(&name) {
            checked.insert(name);
            let translated = translate(name, &file, &source, &mut sites, &mut with_statics);
            writeln!(generated, "mod {name} {{\n{translated}}}").unwrap();
        } else {
            assert!(
                !code(&source).contains("Ordering::"),
                "{file} has memory orderings and no litmus test. Add it to CHECKED in \
                 hosted/litmus/build.rs, and what it uses of the kernel to hosted/litmus/src/kernel.rs"
            );
            left_out.push(name.to_string());
        }
    }
    assert_eq!(
        checked.len(),
        CHECKED.len(),
        "rcu.rs lacks modules of CHECKED"
    );
    generated +=
        "/// To be called before any thread is spawned, so that nobody is ordered by it.\n";
    generated += "pub(crate) fn make_statics() {\n";
    for name in with_statics {
        writeln!(generated, "    {name}::make_statics();").unwrap();
    }
    generated += "}\n";
    fs::write(output.join("rcu.rs"), generated).unwrap();

    let names: BTreeSet<_> = sites.iter().map(|site| &site.name).collect();
    assert_eq!(names.len(), sites.len(), "two orderings have the same name");
    let mut table = String::from("&[\n");
    for Site {
        name,
        ordering,
        place,
    } in &sites
    {
        writeln!(
            table,
            "    Site {{ name: {name:?}, ordering: Ordering::{ordering}, place: {place:?} }},"
        )
        .unwrap();
    }
    table += "]\n";
    fs::write(output.join("sites.rs"), table).unwrap();
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether `rcu.rs` has this line for the sake of a module that is left out.
fn reexports_of(left_out: &[String], line: &str) -> bool {
    let is_theirs = |name: &String| line.starts_with(&format!("pub use {name}::"));
    let is_left_out = left_out.iter().any(is_theirs);
    assert!(
        !is_left_out || line.ends_with(';'),
        "more than one line: {line}"
    );
    is_left_out
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// Makes documentation plain comments: its examples are not for this crate.
fn without_docs(source: &str) -> String {
    assert!(
        !source.contains("/*"),
        "comments of this kind are not understood"
    );
    let mut plain = String::new();
    for line in source.lines() {
        let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
        let rest = rest
            .strip_prefix("///")
            .or_else(|| rest.strip_prefix("//!"))
            .map_or_else(|| rest.to_string(), |text| format!("//{text}"));
        writeln!(plain, "{indent}{rest}").unwrap();
    }
    plain
}

/// The source with comments made empty lines.
fn code(source: &str) -> String {
    let mut code = String::new();
    for line in source.lines() {
        writeln!(code, "{}", if is_comment(line) { "" } else { line }).unwrap();
    }
    code
}

/// Rewrites one file.
fn translate(
    name: &str,
    file: &str,
    source: &str,
    sites: &mut Vec<Site>,
    with_statics: &mut Vec<String>,
) -> String {
    let source = &code(source);
    let mut output = String::new();
    let mut position = Position::default();
    let mut statics = Vec::new();
    let mut imports = 0;
    if source.contains("kernel::") {
        output += "use crate::kernel;\n";
    }
    for (number, line) in source.lines().enumerate() {
        let place = format!("{file}:{}", number + 1);
        position.advance(line);
        let trimmed = line.trim();
        if trimmed.starts_with("#![expect(unsafe_code,") {
            // The generated file has no place for attributes of a file.
            assert!(
                trimmed.ends_with(']'),
                "{place}: an attribute in several lines: {line}"
            );
            writeln!(output).unwrap();
            continue;
        }
        if let Some(names) = imported_atomics(trimmed) {
            imports += 1;
            if trimmed.starts_with("use ") {
                writeln!(output, "use crate::atomic::{names};").unwrap();
            } else {
                // One of several in braces: it goes in front, which costs a line.
                output.insert_str(0, &format!("use crate::atomic::{names};\n"));
                writeln!(output).unwrap();
            }
            continue;
        }
        if let Some(declaration) = line.strip_prefix("static ") {
            if let Some((name, rest)) = declaration.split_once(": Atomic") {
                assert!(
                    rest.ends_with(';'),
                    "{place}: a static in several lines: {line}"
                );
                statics.push(name.to_string());
                writeln!(
                    output,
                    "loom::lazy_static! {{ static ref {name}: Atomic{rest} }}"
                )
                .unwrap();
                continue;
            }
        }
        // Atomics are not made in constants, the model checker reports by a panic, and waiting is not
        // to be endless.
        let line = line
            .replace("const fn ", "fn ")
            .replace("extern \"C\" fn", "extern \"C-unwind\" fn")
            .replace("core::hint::spin_loop()", "loom::thread::yield_now()");
        writeln!(
            output,
            "{}",
            name_orderings(name, &place, &line, &mut position, sites)
        )
        .unwrap();
    }

    let has_atomics = source.contains("Atomic");
    assert_eq!(
        imports,
        usize::from(has_atomics),
        "{file}: imports of core::sync::atomic"
    );
    let mentions = source.matches("Ordering").count();
    let orderings = source.matches("Ordering::").count();
    assert_eq!(
        mentions - imports,
        orderings,
        "{file}: orderings that are passed on are not understood"
    );
    for left in ["sync::atomic", "static mut", "const fn", "hint::"] {
        assert!(!output.contains(left), "{file}: `{left}` is not understood");
    }
    for line in output.lines().filter(|line| line.contains("static ")) {
        assert!(
            line.starts_with("loom::lazy_static!") || !line.contains("Atomic"),
            "{file}: not understood: {line}"
        );
    }
    if !statics.is_empty() {
        with_statics.push(name.to_string());
        output += "pub(super) fn make_statics() {\n";
        for name in statics {
            writeln!(output, "    let _ = &*{name};").unwrap();
        }
        output += "}\n";
    }
    output
}

/// What an import names of `core::sync::atomic`, in braces.
fn imported_atomics(line: &str) -> Option<&str> {
    let item = line.strip_prefix("use core::").unwrap_or(line);
    let names = item.strip_prefix("sync::atomic::")?;
    let names = names.strip_suffix([',', ';']).unwrap_or(names);
    assert!(
        names.starts_with('{') && names.ends_with('}'),
        "not understood: {line}"
    );
    Some(names)
}

/// Gives each ordering in a line its name.
fn name_orderings(
    module: &str,
    place: &str,
    line: &str,
    position: &mut Position,
    sites: &mut Vec<Site>,
) -> String {
    let mut output = String::new();
    let mut rest = line;
    loop {
        let Some(at) = rest.find("Ordering::") else {
            position.see_operations(rest);
            return output + rest;
        };
        let (before, from) = rest.split_at(at);
        position.see_operations(before);
        let ordering: String = from["Ordering::".len()..]
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let name = format!("{module} {}", position.name_ordering(place));
        write!(
            output,
            "{before}crate::ordering::at({name:?}, Ordering::{ordering})"
        )
        .unwrap();
        rest = &from["Ordering::".len() + ordering.len()..];
        sites.push(Site {
            name,
            ordering,
            place: place.to_string(),
        });
    }
}

/// Where in a file we are.
#[derive(Default)]
struct Position {
    type_name: Option<String>,
    function: Option<String>,
    /// The atomic operation seen last, and how many orderings it has had.
    operation: Option<(String, usize)>,
    /// The operations of this function that have had orderings.
    named: Vec<String>,
}

impl Position {
    fn advance(&mut self, line: &str) {
        let header = line.strip_prefix("unsafe ").unwrap_or(line);
        if let Some(header) = header.strip_prefix("impl") {
            self.type_name = (!header.ends_with("{}")).then(|| implementing_type(header));
            self.function = None;
        } else if line.starts_with('}') {
            self.type_name = None;
            self.function = None;
        }
        if let Some(name) = defined_function(line) {
            self.function = Some(name);
            self.operation = None;
            self.named.clear();
        }
    }

    fn see_operations(&mut self, text: &str) {
        for (at, _) in text.match_indices('(') {
            let word = text[..at]
                .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .next()
                .unwrap();
            if OPERATIONS.contains(&word) {
                self.operation = Some((word.to_string(), 0));
            }
        }
    }

    /// The name of the next ordering: type, function, operation, and what tells it from others.
    fn name_ordering(&mut self, place: &str) -> String {
        let function = self
            .function
            .as_ref()
            .unwrap_or_else(|| panic!("{place}: no function"));
        let (operation, count) = self
            .operation
            .as_mut()
            .unwrap_or_else(|| panic!("{place}: no operation"));
        let suffix = match (operation.starts_with("compare_exchange"), *count) {
            (false, 0) => "",
            (true, 0) => " success",
            (true, 1) => " failure",
            _ => panic!("{place}: more orderings than {operation}() takes"),
        };
        *count += 1;
        let name = format!("{operation}{suffix}");
        self.named.push(name.clone());
        let nth = self.named.iter().filter(|other| **other == name).count();
        let nth = if nth > 1 {
            format!(" {nth}")
        } else {
            String::new()
        };
        let type_name = self
            .type_name
            .as_ref()
            .map_or(String::new(), |name| format!("{name}::"));
        format!("{type_name}{function} {name}{nth}")
    }
}

/// The type that a header `impl…` is about, without what comes before and after its name.
fn implementing_type(header: &str) -> String {
    let mut depth = 0;
    let end_of_parameters = header
        .char_indices()
        .find(|&(at, c)| {
            match c {
                '<' => depth += 1,
                '>' if !header[..at].ends_with('-') => depth -= 1,
                _ => {}
            }
            depth == 0
        })
        .map_or(0, |(at, c)| at + c.len_utf8());
    let subject = &header[end_of_parameters..];
    let subject = subject
        .rsplit_once(" for ")
        .map_or(subject, |(_, subject)| subject);
    subject
        .trim_start()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

/// The function that a line begins to define.
fn defined_function(line: &str) -> Option<String> {
    let at = line.find("fn ")?;
    let is_word = line[..at].chars().next_back().is_none_or(|c| c == ' ');
    let name: String = line[at + "fn ".len()..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    (is_word && !name.is_empty()).then_some(name)
}
