// SPDX-License-Identifier: GPL-2.0

//! `rcuctl man-pages DIR`: writes a man page for each command, from the command line's grammar.

use std::fs;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::roff::{bold, roman, Roff};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::error::{Error, Result, Status};

const SECTION: &str = "1";
const EXIT_STATUS: &str = "Exit status:";
/// An empty argument, which the `roff` crate would omit. A date would make the pages differ between
/// builds.
const NO_DATE: &str = "\"\"";

/// Writes `rcuctl.1`, `rcuctl-route.1`, `rcuctl-route-add.1` and so on. Creates the folder.
pub fn write(folder: &Path) -> Result<Status> {
    let failed = |source| Error::io(format!("writing man pages to {}", folder.display()))(source);
    fs::create_dir_all(folder).map_err(failed)?;
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    write_pages(folder, &program, None).map_err(failed)?;
    Ok(Status::Done)
}

/// Writes the page of a command, then those of its subcommands.
fn write_pages(folder: &Path, command: &Command, parent: Option<&str>) -> io::Result<()> {
    let name = page_name(command);
    let mut page = Vec::new();
    render(command, parent, &mut page)?;
    fs::write(folder.join(format!("{name}.{SECTION}")), page)?;
    for subcommand in visible_subcommands(command) {
        write_pages(folder, subcommand, Some(&name))?;
    }
    Ok(())
}

/// Returns the page's name without its section, such as `rcuctl-route-add`.
fn page_name(command: &Command) -> String {
    let name = command.get_display_name().unwrap_or(command.get_name());
    name.to_string()
}

fn visible_subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
}

/// Writes a page in the order of sections that man-pages(7) recommends.
fn render(command: &Command, parent: Option<&str>, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone())
        .section(SECTION)
        .date(NO_DATE)
        .source(concat!("rcuctl ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    let (description, statuses) = split_after_help(command);
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    for paragraph in &description {
        write_roff(page, |roff| {
            roff.control("PP", []).text([roman(paragraph)]);
        })?;
    }
    man.render_options_section(page)?;
    if visible_subcommands(command).next().is_some() {
        man.render_subcommands_section(page)?;
    }
    if !statuses.is_empty() {
        write_roff(page, |roff| {
            roff.control("SH", ["EXIT STATUS"]);
            for (status, meaning) in &statuses {
                roff.control("TP", [])
                    .text([bold(status)])
                    .text([roman(meaning)]);
            }
        })?;
    }
    match parent {
        Some(parent) => write_roff(page, |roff| {
            let section = roman(format!("({SECTION})"));
            roff.control("SH", ["SEE ALSO"])
                .text([bold(parent), section]);
        }),
        None => Ok(()),
    }
}

fn write_roff(page: &mut Vec<u8>, fill: impl FnOnce(&mut Roff)) -> io::Result<()> {
    let mut roff = Roff::new();
    fill(&mut roff);
    roff.to_writer(page)
}

/// Splits the text below a command's help into paragraphs and exit statuses. Joins broken lines.
fn split_after_help(command: &Command) -> (Vec<String>, Vec<(String, String)>) {
    let text = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let (mut paragraphs, mut statuses) = (Vec::new(), Vec::new());
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        match paragraph.strip_prefix(EXIT_STATUS) {
            Some(list) => statuses = parse_statuses(list),
            None => paragraphs.push(paragraph.replace('\n', " ")),
        }
    }
    (paragraphs, statuses)
}

/// Parses lines such as `  0  done`. A line that is indented further continues the one before.
fn parse_statuses(list: &str) -> Vec<(String, String)> {
    let mut statuses: Vec<(String, String)> = Vec::new();
    for line in list.lines() {
        let line = line.strip_prefix("  ").unwrap_or(line);
        match (line.split_once("  "), statuses.last_mut()) {
            (Some((number, meaning)), _) if number.parse::<u8>().is_ok() => {
                statuses.push((number.to_string(), meaning.to_string()));
            }
            (_, Some((_, meaning))) => {
                meaning.push(' ');
                meaning.push_str(line.trim_start());
            }
            (_, None) => {}
        }
    }
    statuses
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the names of all commands, as words.
    fn commands(command: &Command, names: &mut Vec<String>) {
        names.push(page_name(command));
        for subcommand in visible_subcommands(command) {
            commands(subcommand, names);
        }
    }

    #[test]
    fn each_command_has_a_page() {
        let folder = tempfile::tempdir().expect("a writable temporary folder");
        write(folder.path()).expect("writes the pages");
        let mut program = Cli::command().disable_help_subcommand(true);
        program.build();
        let mut expected = Vec::new();
        commands(&program, &mut expected);
        expected.sort();
        assert!(
            expected.contains(&"rcuctl-route-add".to_string()),
            "{expected:?}"
        );
        let mut found: Vec<String> = fs::read_dir(folder.path())
            .expect("the folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("ASCII")
            })
            .map(|file| file.strip_suffix(".1").expect("section 1").to_string())
            .collect();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn exit_statuses_join_their_lines() {
        assert_eq!(
            parse_statuses("\n  0  done\n  2  the kernel\n     refused"),
            [
                ("0".to_string(), "done".to_string()),
                ("2".to_string(), "the kernel refused".to_string())
            ]
        );
    }

    #[test]
    fn every_exit_status_of_the_help_is_in_the_page() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string);
            let Some(help) = help.filter(|help| help.contains(EXIT_STATUS)) else {
                continue;
            };
            let (paragraphs, statuses) = split_after_help(command);
            assert!(statuses.len() >= 3, "{}", command.get_name());
            let words = paragraphs
                .iter()
                .chain(statuses.iter().map(|(_, meaning)| meaning));
            let words: usize = words.map(|text| text.split_whitespace().count()).sum();
            // The heading has two words, and each status one.
            assert_eq!(
                words + 2 + statuses.len(),
                help.split_whitespace().count(),
                "{}",
                command.get_name()
            );
        }
    }
}
