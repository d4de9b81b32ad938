// SPDX-License-Identifier: GPL-2.0

//! Prints tables of figures: as text when a table is complete, or as JSON at the end.

use anyhow::Result;
use serde::Serialize;

/// A table of figures.
#[derive(Debug, Serialize)]
pub struct Section {
    title: String,
    columns: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    figures: Vec<f64>,
}

impl Section {
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        Self {
            title: title.into(),
            columns: columns.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
        }
    }

    /// Appends a row. A figure that was not measured is NaN.
    ///
    /// # Panics
    ///
    /// Panics unless there is one figure per column.
    pub fn row(&mut self, name: impl Into<String>, figures: &[f64]) {
        assert_eq!(figures.len(), self.columns.len());
        self.rows.push(Row {
            name: name.into(),
            figures: figures.to_vec(),
        });
    }

    fn text(&self) -> String {
        let names = self.rows.iter().map(|row| row.name.len()).max();
        let width = names.unwrap_or(0).max(self.title.len());
        let mut text = format!("{:width$}", self.title);
        for column in &self.columns {
            text += &format!("  {column:>10}");
        }
        for row in &self.rows {
            text += &format!("\n{:width$}", row.name);
            for (column, figure) in self.columns.iter().zip(&row.figures) {
                text += &format!("  {:>1$}", number(*figure), column.len().max(10));
            }
        }
        text + "\n"
    }
}

/// Formats a figure with about three significant digits.
fn number(figure: f64) -> String {
    match figure {
        figure if figure.is_nan() => "-".into(),
        figure if figure.fract() == 0.0 || figure.abs() >= 1000.0 => format!("{figure:.0}"),
        figure if figure.abs() >= 10.0 => format!("{figure:.1}"),
        figure => format!("{figure:.2}"),
    }
}

pub struct Report {
    json: bool,
    sections: Vec<Section>,
}

impl Report {
    pub fn new(json: bool) -> Self {
        Self {
            json,
            sections: Vec::new(),
        }
    }

    /// Appends a section, and prints it unless the report is JSON.
    pub fn add(&mut self, section: Section) {
        if !self.json {
            println!("{}", section.text());
        }
        self.sections.push(section);
    }

    /// Prints the report if it is JSON.
    pub fn finish(&self) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(&self.sections)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> Section {
        let mut section = Section::new("title", &["one", "a long column"]);
        section.row("row", &[1.0, 2.345]);
        section.row("a long name", &[f64::NAN, 12345.6]);
        section
    }

    #[test]
    fn text_is_aligned() {
        let expected = "title               one  a long column
row                   1           2.35
a long name           -          12346
";
        assert_eq!(section().text(), expected);
    }

    #[test]
    fn a_missing_figure_is_null_in_json() {
        let json = serde_json::to_string(&section()).expect("numbers and strings");
        assert!(json.contains(r#""name":"a long name","figures":[null,12345.6]"#));
    }

    #[test]
    #[should_panic]
    fn a_row_without_a_figure_for_each_column_panics() {
        section().row("short", &[1.0]);
    }
}
