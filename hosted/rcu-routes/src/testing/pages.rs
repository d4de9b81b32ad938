// SPDX-License-Identifier: GPL-2.0

//! Comparison of the output of an example with the page that shows it.

use std::{fs, path::Path};

/// Returns a text with `N` for each number, and one blank or dash for several.
fn form(text: &str) -> String {
    let mut form = String::new();
    for character in text.trim().chars() {
        let character = match character {
            '0'..='9' => 'N',
            // A part of a number.
            '.' if form.ends_with('N') => continue,
            other => other,
        };
        if !(form.ends_with(character) && matches!(character, 'N' | ' ' | '-')) {
            form.push(character);
        }
    }
    form
}

/// Returns the lines of the block of `page` that follows `<!-- form: NAME -->`, except the command.
fn block<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("<!-- form: {name} -->\n```console\n"))?;
    let (block, _) = rest.split_once("\n```\n")?;
    Some(block.split_once('\n')?.1)
}

/// Asserts that a page of `docs/rcu` shows what an example printed. The numbers may differ.
///
/// # Panics
///
/// If the page shows another text.
pub fn assert_page_shows(page: &str, example: &str, printed: &str) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rcu");
    let text = fs::read_to_string(docs.join(page)).expect("a page");
    let shown = block(&text, example).expect("a block with the example's output");
    let forms = [shown, printed].map(|text| text.trim().lines().map(form).collect::<Vec<_>>());
    assert_eq!(
        forms[0], forms[1],
        "{page} shows another output than {example} prints"
    );
}
