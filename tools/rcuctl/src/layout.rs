// SPDX-License-Identifier: GPL-2.0

//! Tables, and the width of text.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table};
use console::Term;

/// Wider text is hard to read.
const MAX_TEXT_WIDTH: u16 = 100;

/// The width of standard output, if it is a terminal.
pub fn terminal_width() -> Option<u16> {
    Term::stdout().size_checked().map(|(_, columns)| columns)
}

/// The width at which to wrap text.
pub fn text_width() -> usize {
    let width = terminal_width().unwrap_or(MAX_TEXT_WIDTH);
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
