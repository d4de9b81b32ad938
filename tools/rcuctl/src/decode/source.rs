// SPDX-License-Identifier: GPL-2.0

//! The logs that `decode` reads: files, standard input, and folders of pstore or kdump.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

const BUFFER: usize = 256 * 1024;

/// Folders in folders that are searched: systemd archives pstore below a time and a number.
const MAX_DEPTH: usize = 3;

/// Bytes of a pstore file in which its first line ends.
const MAX_FIRST_LINE: u64 = 128;

/// A log, which may consist of several files.
#[derive(Debug, PartialEq)]
pub struct Source {
    pub name: String,
    /// Files in the order of their lines; none for standard input.
    parts: Vec<PathBuf>,
}

impl Source {
    /// Finds the logs that an argument names.
    pub fn find(path: &Path) -> Result<Vec<Self>> {
        let name = path.display().to_string();
        if path == Path::new("-") {
            let parts = Vec::new();
            return Ok(vec![Self { name, parts }]);
        }
        if !path.is_dir() {
            let parts = vec![path.to_path_buf()];
            return Ok(vec![Self { name, parts }]);
        }
        let mut found = Vec::new();
        search(path, MAX_DEPTH, &mut found)?;
        if found.is_empty() {
            return Err(Error::Usage(format!(
                "{name}: the folder has no vmcore-dmesg.txt, dmesg.txt, dmesg.* or pstore files (dmesg-*, console-ramoops*); pass the log itself"
            )));
        }
        Ok(found)
    }

    /// Returns the files that `open` reads.
    pub fn inputs(&self) -> Vec<&Path> {
        match self.parts.is_empty() {
            true => vec![Path::new("/dev/stdin")],
            false => self.parts.iter().map(PathBuf::as_path).collect(),
        }
    }

    /// Opens the log, decompressed.
    pub fn open(&self) -> Result<Box<dyn BufRead>> {
        if self.parts.is_empty() {
            if io::stdin().is_terminal() {
                let message = "no log given; pass a FILE, or pipe a log: dmesg | rcuctl decode";
                return Err(Error::Usage(message.to_string()));
            }
            return decompressed("-", io::stdin());
        }
        let mut log: Box<dyn BufRead> = Box::new(io::empty());
        for part in &self.parts {
            let name = part.display().to_string();
            let file = File::open(part).map_err(Error::io(format!("opening {name}")))?;
            let text = decompressed(&name, file)?;
            log = match self.parts.len() {
                1 => text,
                _ => Box::new(log.chain(text).chain(&b"\n"[..])),
            };
        }
        Ok(log)
    }
}

fn decompressed(name: &str, log: impl Read + 'static) -> Result<Box<dyn BufRead>> {
    stall_decode::decompressed(BufReader::with_capacity(BUFFER, log))
        .map_err(Error::io(format!("reading {name}")))
}

/// Adds the logs of a folder, in the order of their names.
fn search(folder: &Path, depth: usize, found: &mut Vec<Source>) -> Result<()> {
    let reading = || format!("reading {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(reading()))? {
        paths.push(entry.map_err(Error::io(reading()))?.path());
    }
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let whole: Vec<_> = files.iter().filter(|path| is_whole(path)).collect();
    if whole.is_empty() {
        found.extend(dumps(&files));
    }
    for path in whole {
        found.extend(Source::find(path)?);
    }
    for folder in folders.iter().filter(|_| depth > 1) {
        search(folder, depth - 1, found)?;
    }
    Ok(())
}

fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("")
}

/// Returns whether a file is a whole log: of kdump, of systemd-pstore, or the console of ramoops.
fn is_whole(path: &Path) -> bool {
    let name = file_name(path);
    let starts = ["vmcore-dmesg", "dmesg.", "console-ramoops"];
    starts.iter().any(|start| name.starts_with(start))
}

/// Joins the parts of each dump. Firmware stores a dump in parts, and the newest lines are part 1.
fn dumps(files: &[PathBuf]) -> Vec<Source> {
    let mut parts: Vec<_> = files
        .iter()
        .filter(|path| file_name(path).starts_with("dmesg-"))
        .filter_map(|path| part_of_dump(path).map(|(dump, part)| (dump, part, path.clone())))
        .collect();
    parts.sort_by(|(dump, part, _), (other, other_part, _)| (dump, other_part).cmp(&(other, part)));
    let mut found: Vec<Source> = Vec::new();
    for (dump, _, path) in parts {
        let folder = path.parent().unwrap_or(Path::new("")).display();
        let name = format!("{folder}: {dump}");
        match found.last_mut().filter(|last| last.name == name) {
            Some(last) => last.parts.push(path),
            None => found.push(Source {
                name,
                parts: vec![path],
            }),
        }
    }
    found
}

/// Parses the first line of a pstore file, `Panic#2 Part1`: the dump and the number of the part.
/// A file without that line is a dump of its own.
fn part_of_dump(path: &Path) -> Option<(String, u32)> {
    let mut start = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MAX_FIRST_LINE).read_to_end(&mut start).ok()?;
    let start = String::from_utf8_lossy(&start);
    let words = start.lines().next().and_then(|line| line.split_once(' '));
    let part = words.and_then(|(dump, part)| {
        let number = part.trim().strip_prefix("Part")?.parse().ok()?;
        dump.contains('#').then(|| (dump.to_string(), number))
    });
    Some(part.unwrap_or_else(|| (file_name(path).to_string(), 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().expect("a writable temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
            fs::write(path, text).expect("writable");
        }
        folder
    }

    fn texts(folder: &TempDir) -> Vec<String> {
        let found = Source::find(folder.path()).expect("logs");
        let text = |source: &Source| {
            let mut text = String::new();
            source
                .open()
                .expect("readable")
                .read_to_string(&mut text)
                .expect("text");
            text
        };
        found.iter().map(text).collect()
    }

    #[test]
    fn the_parts_of_a_dump_are_joined_oldest_first() {
        let folder = folder(&[
            ("dmesg-efi_pstore-170000000001001", "Panic#2 Part1\nnewest"),
            ("dmesg-efi_pstore-170000000002001", "Panic#2 Part2\nolder"),
            ("dmesg-efi_pstore-170000000010001", "Panic#2 Part10\noldest"),
            ("dmesg-efi_pstore-160000000001001", "Oops#1 Part1\noops"),
            ("dmesg-ramoops-0", "no part"),
            ("mce-erst-1", "binary"),
        ]);
        assert_eq!(
            texts(&folder),
            [
                "Oops#1 Part1\noops",
                "Panic#2 Part10\noldest\nPanic#2 Part2\nolder\nPanic#2 Part1\nnewest\n",
                "no part",
            ]
        );
    }

    #[test]
    fn the_whole_log_of_a_folder_replaces_its_parts() {
        let folder = folder(&[
            ("170/001/dmesg.txt", "whole"),
            ("170/001/dmesg-efi-17000000000100", "Panic#1 Part1\npart"),
            ("crash/vmcore-dmesg.txt", "kdump"),
            ("crash/vmcore", "memory"),
        ]);
        assert_eq!(texts(&folder), ["whole", "kdump"]);
    }

    #[test]
    fn a_folder_without_logs_is_an_error_with_advice() {
        let folder = folder(&[("notes", "x")]);
        let error = Source::find(folder.path()).expect_err("no log");
        assert!(error.to_string().contains("pass the log itself"), "{error}");
    }
}
