// SPDX-License-Identifier: GPL-2.0

//! Tables, and the width of text.

use std::io::{stdout, IsTerminal};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table};
use console::Term;

/// Wider text is hard to read.
const MAX_TEXT_WIDTH: u16 = 100;

/// The width of a terminal that does not report its size, such as a serial console.
const DEFAULT_WIDTH: u16 = 80;

/// The width of the reader's terminal: that of the variable COLUMNS, or else of standard output.
/// `None` if standard output is no terminal: a program reads it, so each row must be one line.
pub fn terminal_width() -> Option<u16> {
    let columns = std::env::var("COLUMNS").ok();
    let size = Term::stdout().size_checked();
    width(
        columns.as_deref(),
        size.map(|(_, columns)| columns),
        stdout().is_terminal(),
    )
}

fn width(columns: Option<&str>, size: Option<u16>, is_terminal: bool) -> Option<u16> {
    let columns = columns.and_then(|columns| columns.parse().ok());
    let is_positive = |width: &u16| *width > 0;
    let known = columns.filter(is_positive).or(size.filter(is_positive));
    known.or(is_terminal.then_some(DEFAULT_WIDTH))
}

/// The width at which to wrap text. If a pager reads it, standard error is the reader's terminal.
pub fn text_width() -> usize {
    let pager = || Term::stderr().size_checked().map(|(_, columns)| columns);
    let width = terminal_width().or_else(pager).unwrap_or(MAX_TEXT_WIDTH);
    width.min(MAX_TEXT_WIDTH).into()
}

/// Lays out rows as a table without lines. `is_number` selects the columns that are aligned to the
/// right. Wraps the last column if the table is wider than `width`.
pub fn table(
    rows: impl IntoIterator<Item = Vec<String>>,
    is_number: impl Fn(usize) -> bool,
    width: Option<u16>,
) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).add_rows(rows);
    if let Some(width) = width {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
    }
    let last = table.column_count().saturating_sub(1);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
        if column.index < last {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if is_number(column.index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_is_that_of_the_variable_the_terminal_or_80_columns() {
        for (columns, size, is_terminal, expected) in [
            (Some("60"), Some(132), true, Some(60)),
            (Some("60"), None, false, Some(60)),
            (Some("0"), Some(132), true, Some(132)),
            (Some("wide"), None, true, Some(80)),
            (None, Some(0), true, Some(80)),
            (None, None, true, Some(80)),
            (None, None, false, None),
        ] {
            assert_eq!(width(columns, size, is_terminal), expected);
        }
    }
}
