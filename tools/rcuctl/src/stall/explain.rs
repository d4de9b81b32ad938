// SPDX-License-Identifier: GPL-2.0

//! `stall explain`: prints the page of a kind, or lists all kinds.

use std::io::Write;

use super::page::{Page, PAGES};
use crate::decode::Style;
use crate::error::{Error, Result, Status};
use crate::layout::{table, terminal_width};
use crate::output::Output;

/// The kinds that have a page.
pub fn names() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|page| page.kind)
}

/// The title of a kind, if it has a page.
pub fn title(kind: &str) -> Option<&'static str> {
    find(kind).map(Page::title)
}

fn find(kind: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.kind == kind)
}

pub fn explain(kind: Option<&str>, out: &mut Output<impl Write>) -> Result<Status> {
    let Some(kind) = kind else {
        return list(out);
    };
    let page = find(kind).ok_or_else(|| {
        let names: Vec<_> = names().collect();
        let names = names.join(", ");
        Error::Usage(format!(
            "unknown kind of stall {kind:?}; expected one of {names}"
        ))
    })?;
    if out.json() {
        out.document(&page.document())?;
    } else {
        out.line(page.text(Style::for_stdout()).trim_end())?;
    }
    Ok(Status::Done)
}

fn list(out: &mut Output<impl Write>) -> Result<Status> {
    if out.json() {
        out.document(&PAGES.iter().map(Page::document).collect::<Vec<_>>())?;
    } else {
        let rows = PAGES
            .iter()
            .map(|page| vec![page.kind.to_string(), page.title().to_string()]);
        out.line(&table(rows, |_| false, terminal_width()))?;
    }
    Ok(Status::Done)
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

    /// The string in `"text",` or in the named constant.
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

    /// The kinds in the module's sources, each with the part of the kernel's line that it expects.
    fn kinds() -> BTreeMap<String, String> {
        let mut kinds = BTreeMap::new();
        for file in files(&project().join("stall")) {
            let source = fs::read_to_string(file).expect("text");
            let constants = source.split(": StallKind = StallKind {\n").skip(1);
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
    fn each_kind_of_the_module_has_a_page() {
        let kinds = kinds();
        let kinds: Vec<_> = kinds.keys().map(String::as_str).collect();
        let documents = PAGES.iter().map(Page::document);
        let mut provoked: Vec<_> = documents
            .filter(|document| document.provoke.starts_with("rcuctl stall run "))
            .map(|document| document.kind)
            .collect();
        provoked.sort_unstable();
        assert_eq!(provoked, kinds);
    }

    #[test]
    fn the_kernels_lines_have_what_the_module_expects() {
        for (kind, expects) in kinds() {
            let lines = find(&kind).expect(&kind).document().kernel_says;
            assert!(
                lines.iter().any(|line| line.contains(&expects)),
                "{kind}: {expects:?} is not in {lines:?}"
            );
        }
    }

    #[test]
    fn each_kind_is_provoked_by_its_name() {
        let documents = PAGES.iter().map(Page::document);
        for document in documents.filter(|document| document.provoke.starts_with("rcuctl")) {
            let name = document.provoke.split(' ').nth(3);
            assert_eq!(name, Some(document.kind));
        }
    }

    #[test]
    fn each_page_has_all_sections_under_its_own_name() {
        for page in PAGES {
            let title = format!("# {}: {}\n", page.kind, page.title());
            let path = project().join(format!("docs/stalls/{}.md", page.kind));
            let markdown = fs::read_to_string(path).expect("a page");
            assert!(markdown.starts_with(&title), "{title}");
            let document = serde_json::to_value(page.document()).expect("JSON");
            for (key, value) in document.as_object().expect("an object") {
                let is_empty = value
                    .as_str()
                    .map_or_else(|| value.as_array().is_none_or(Vec::is_empty), str::is_empty);
                assert!(!is_empty, "{}: {key}", page.kind);
            }
        }
    }

    #[test]
    fn the_index_links_to_each_page_and_the_folder_has_no_other() {
        let folder = project().join("docs/stalls");
        let index = fs::read_to_string(folder.join("README.md")).expect("the index");
        for kind in names() {
            let link = format!("[`{kind}`]({kind}.md)");
            assert!(index.contains(&link), "{link}");
        }
        let mut expected: Vec<_> = names().map(|kind| format!("{kind}.md")).collect();
        expected.extend(["README.md", "reports.md"].map(String::from));
        expected.sort_unstable();
        let mut found: Vec<_> = files(&folder)
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_string()))
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    fn output(kind: Option<&str>, json: bool) -> String {
        printed(json, |out| explain(kind, out)).1
    }

    #[test]
    fn lines_are_not_longer_than_those_of_decode() {
        for page in PAGES {
            for line in page.text(Style::plain()).lines() {
                assert!(line.chars().count() <= 100, "{}: {line}", page.kind);
            }
        }
    }

    #[test]
    fn without_a_kind_all_are_listed() {
        let table = output(None, false);
        for (line, page) in table.lines().zip(PAGES) {
            assert!(line.starts_with(page.kind), "{line}");
            assert!(line.ends_with(page.title()), "{line}");
        }
        assert_eq!(table.lines().count(), names().count());
    }

    #[test]
    fn json_has_all_kinds_or_one() {
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
    fn the_error_for_an_unknown_kind_names_the_known_ones() {
        let error = explain(Some("unicorn"), &mut Output::new(Vec::new(), false));
        let message = error.expect_err("an error").to_string();
        assert!(
            message.contains("unicorn") && message.contains("frozen_vm"),
            "{message}"
        );
    }
}
