// SPDX-License-Identifier: GPL-2.0

//! `stall explain`: each kind of stall and misuse, for who meets it. `docs/stalls.md` shows the reports.

mod cpu;
mod grace_period;
mod memory;
mod misuse;
mod outside;
mod task;
mod updater;

use std::io::Write;

use serde::Serialize;

use crate::decode::text::{heading, list, section, wrapped};
use crate::decode::Style;
use crate::error::{Error, Result, Status};
use crate::output::Output;

/// What there is to know of a kind.
#[derive(Debug, Serialize)]
struct Explanation {
    /// As the module's parameter `stall` has it.
    kind: &'static str,
    title: &'static str,
    /// The lines by which the kernel tells of it, `…` for what differs.
    kernel_says: &'static [&'static str],
    /// What RCU waits for, and why that does not come.
    cause: &'static str,
    /// Real code that does it: a few lines of C or Rust.
    code: &'static str,
    fix: &'static [&'static str],
    /// What tells most in the report.
    look_at: &'static str,
    /// The configuration without which the kernel says nothing, and its time-out.
    needs: &'static str,
    provoke: &'static str,
}

/// All kinds, in the module's order; those from outside of it last.
fn all() -> impl Iterator<Item = &'static Explanation> {
    [
        cpu::ALL,
        task::ALL,
        grace_period::ALL,
        misuse::ALL,
        memory::ALL,
        updater::ALL,
        outside::ALL,
    ]
    .into_iter()
    .flatten()
}

/// The kinds that can be explained.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|explanation| explanation.kind)
}

/// The title of a kind, if it can be explained.
pub fn title(kind: &str) -> Option<&'static str> {
    all()
        .find(|explanation| explanation.kind == kind)
        .map(|explanation| explanation.title)
}

/// Explains a kind, or lists all.
pub fn explain(kind: Option<&str>, out: &mut Output<impl Write>) -> Result<Status> {
    let Some(kind) = kind else {
        return table(out);
    };
    let Some(explanation) = all().find(|explanation| explanation.kind == kind) else {
        let names: Vec<_> = names().collect();
        let message = format!(
            "no kind of stall is called {kind:?}; there are {}",
            names.join(", ")
        );
        return Err(Error::Usage(message));
    };
    if out.json() {
        out.document(explanation)?;
    } else {
        out.line(text(explanation, Style::for_stdout()).trim_end())?;
    }
    Ok(Status::Done)
}

fn table(out: &mut Output<impl Write>) -> Result<Status> {
    if out.json() {
        out.document(&all().collect::<Vec<_>>())?;
        return Ok(Status::Done);
    }
    let width = names().map(str::len).max().unwrap_or(0);
    for explanation in all() {
        out.line(&format!(
            "{:width$}  {}",
            explanation.kind, explanation.title
        ))?;
    }
    Ok(Status::Done)
}

fn text(explanation: &Explanation, style: Style) -> String {
    let mut text = String::new();
    heading(&mut text, style, explanation.kind, explanation.title);
    section(&mut text, style, "What the kernel says");
    verbatim(&mut text, explanation.kernel_says.iter().copied());
    section(&mut text, style, "Cause");
    indented(&mut text, explanation.cause);
    section(&mut text, style, "Typical code");
    verbatim(&mut text, explanation.code.lines());
    list(&mut text, style, "Fix", explanation.fix);
    section(&mut text, style, "What to look at first");
    indented(&mut text, explanation.look_at);
    section(&mut text, style, "What the kernel needs");
    indented(&mut text, explanation.needs);
    section(&mut text, style, "Provoke it");
    verbatim(&mut text, explanation.provoke.lines());
    text
}

fn indented(text: &mut String, words: &str) {
    wrapped(text, "    ", "    ", words);
}

/// Lines that are not to be broken.
fn verbatim<'a>(text: &mut String, lines: impl Iterator<Item = &'a str>) {
    for line in lines {
        let line = format!("    {line}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::printed;
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn project() -> PathBuf {
        PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo's")).join("../..")
    }

    /// `"text",` or the name of a constant that has it.
    fn value<'a>(source: &'a str, of: &'a str) -> &'a str {
        let quoted = |text: &'a str| Some(text.split_once('"')?.1.split_once('"')?.0);
        quoted(of)
            .or_else(|| {
                let constant = format!("const {}: &str =", of.trim_end_matches(','));
                quoted(source.split_once(&constant)?.1)
            })
            .unwrap_or_else(|| panic!("{of:?} has no value"))
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("the module's sources");
        entries
            .map(|entry| entry.expect("a file").path())
            .flat_map(|path| {
                if path.is_dir() {
                    files(&path)
                } else {
                    vec![path]
                }
            })
            .collect()
    }

    /// The module's kinds, and a part of the line by which the kernel tells of each, from where it has them.
    fn kinds() -> BTreeMap<String, String> {
        let mut kinds = BTreeMap::new();
        for file in files(&project().join("stall")) {
            let source = fs::read_to_string(file).expect("text");
            let constants = source.split(": Kind = Kind {\n").skip(1);
            for kind in constants.filter_map(|rest| rest.split_once("\n};")) {
                let field = |name| {
                    kind.0
                        .lines()
                        .find_map(|line| line.trim().strip_prefix(name))
                };
                if let (Some(name), Some(expects)) = (field("name: "), field("expects: ")) {
                    kinds.insert(
                        value(&source, name).to_string(),
                        value(&source, expects).to_string(),
                    );
                }
            }
        }
        assert!(kinds.len() > 15, "{kinds:?}");
        kinds
    }

    #[test]
    fn what_the_module_can_provoke_is_explained() {
        let kinds = kinds();
        let kinds: Vec<_> = kinds.keys().map(String::as_str).collect();
        let mut runs: Vec<_> = all()
            .filter(|explanation| explanation.provoke.starts_with("rcuctl stall run "))
            .map(|explanation| explanation.kind)
            .collect();
        runs.sort_unstable();
        assert_eq!(runs, kinds);
    }

    #[test]
    fn the_kernel_says_what_the_module_waits_for() {
        for (kind, expects) in kinds() {
            let explanation = all()
                .find(|explanation| explanation.kind == kind)
                .expect(&kind);
            let lines = explanation.kernel_says;
            assert!(
                lines.iter().any(|line| line.contains(&expects)),
                "{kind}: {expects:?} is not in {lines:?}"
            );
        }
    }

    #[test]
    fn each_is_provoked_under_its_own_name() {
        for explanation in all().filter(|explanation| explanation.provoke.starts_with("rcuctl")) {
            let name = explanation.provoke.split(' ').nth(3);
            assert_eq!(name, Some(explanation.kind));
        }
    }

    #[test]
    fn the_guide_has_a_section_and_the_code_of_each() {
        let guide = fs::read_to_string(project().join("docs/stalls.md")).expect("the guide");
        let mut sections: Vec<_> = guide
            .lines()
            .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
            .collect();
        let mut kinds: Vec<_> = names().collect();
        sections.sort_unstable();
        kinds.sort_unstable();
        assert_eq!(sections, kinds);
        for explanation in all() {
            assert!(guide.contains(explanation.code), "{}", explanation.kind);
        }
    }

    fn output(kind: Option<&str>, json: bool) -> String {
        printed(json, |out| explain(kind, out)).1
    }

    #[test]
    fn lines_are_no_longer_than_those_of_decode() {
        for explanation in all() {
            for line in text(explanation, Style::plain()).lines() {
                assert!(line.chars().count() <= 100, "{}: {line}", explanation.kind);
            }
        }
    }

    #[test]
    fn without_a_kind_there_is_a_table_of_all() {
        let table = output(None, false);
        for (line, explanation) in table.lines().zip(all()) {
            assert!(line.starts_with(explanation.kind), "{line}");
            assert!(line.ends_with(explanation.title), "{line}");
        }
        assert_eq!(table.lines().count(), names().count());
    }

    #[test]
    fn json_has_the_same() {
        let list: serde_json::Value = serde_json::from_str(&output(None, true)).expect("JSON");
        let names: Vec<_> = names().collect();
        let kinds: Vec<_> = list
            .as_array()
            .expect("an array")
            .iter()
            .map(|one| one["kind"].as_str().expect("a name"))
            .collect();
        assert_eq!(kinds, names);
        let one: serde_json::Value =
            serde_json::from_str(&output(Some(names[0]), true)).expect("JSON");
        assert_eq!(one, list[0]);
    }

    #[test]
    fn an_unknown_kind_is_told_the_known_ones() {
        let error = explain(Some("unicorn"), &mut Output::new(Vec::new(), false));
        let message = error.expect_err("an error").to_string();
        assert!(
            message.contains("unicorn") && message.contains("frozen_vm"),
            "{message}"
        );
    }
}
