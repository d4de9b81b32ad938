// SPDX-License-Identifier: GPL-2.0

//! Checks the facts about the real table that other tests of the project use.

use std::{env, process::Command};

/// Returns the path that `fetch` prints.
fn table() -> String {
    // Read at run time: cargo may reuse a program that was built from another copy of the sources.
    let folder = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let fetch = format!("{folder}/fetch");
    let output = Command::new(fetch).output().expect("the script starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("a path")
        .trim_end()
        .to_string()
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_bgp-table"))
        .args(arguments)
        .output();
    let output = output.expect("the program starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_table_has_the_known_size_and_order() {
    let text = run(&["routes", &table()]);
    let v4 = text.lines().take_while(|line| !line.contains(':')).count();
    let v6 = text
        .lines()
        .skip(v4)
        .filter(|line| line.contains(':'))
        .count();
    assert_eq!(
        (v4, v6, text.lines().count()),
        (1_072_529, 176_388, 1_248_917)
    );
    assert_eq!(text.lines().next(), Some("0.0.0.0/0 via 10.0.251.244"));
    assert_eq!(text.lines().nth(v4), Some("::/0 via fd00::fbf4"));
    assert!(text.contains("\n172.16.0.0/12 via 10.0.251.245\n"));
}

#[test]
fn every_answer_is_a_route_of_the_table() {
    let table = table();
    let limit = ["--limit", "5000"];
    let addresses = run(&[&["sample", &table, "--count", "2000"][..], &limit].concat());
    let file = std::env::temp_dir().join(format!("bgp-table-{}", std::process::id()));
    std::fs::write(&file, &addresses).expect("a writable temporary folder");
    let path = file.to_str().expect("an ASCII path");
    let answers = run(&[&["answers", &table, path][..], &limit].concat());
    std::fs::remove_file(&file).expect("still there");

    let routes = run(&[&["routes", &table][..], &limit].concat());
    let routes: std::collections::HashSet<_> = routes.lines().collect();
    assert_eq!((routes.len(), addresses.lines().count()), (5000, 2000));
    assert_eq!(answers.lines().count(), 2000);
    let none = answers.lines().filter(|&line| line == "none").count();
    let known = answers.lines().filter(|line| routes.contains(line)).count();
    assert_eq!(none + known, 2000);
    // Half of the addresses are in a prefix of the table, and most of the others are not.
    assert!((500..=1000).contains(&none), "{none}");
}
