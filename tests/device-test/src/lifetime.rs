// SPDX-License-Identifier: GPL-2.0

//! The lifetime of files and of the module.

use nix::{
    errno::Errno,
    fcntl::OFlag,
    kmod::{self, DeleteModuleFlags},
};

use crate::{
    device::{self, expect_table, Device},
    routes,
    tap::{ensure, equal, fail, same_text, During, Group, Outcome, Test},
};

/// Checks that `delete_module()` fails while a file is open.
fn expect_no_unload(_open: &Device) -> Outcome {
    let result = kmod::delete_module(c"rust_rcu_demo", DeleteModuleFlags::O_NONBLOCK);
    if result.is_ok() {
        // Closing the file would run freed code, so report and stop here.
        println!("Bail out! the module was unloaded with a file open");
        std::process::abort();
    }
    equal(
        "delete_module() with a file open",
        result,
        Err(Errno::EWOULDBLOCK),
    )
}

/// The module must stay loaded: the next `read()` runs its code.
fn open_file_keeps_the_module() -> Outcome {
    let device = Device::open_as(OFlag::O_RDONLY)?;
    expect_no_unload(&device)?;
    let duplicate = device.duplicate()?;
    device.close().during("close()")?;
    expect_no_unload(&duplicate)?;
    equal(
        "read() of the duplicate",
        duplicate.read(&mut [0; 64]),
        Ok(0),
    )
}

fn many_files_open_and_close() -> Outcome {
    for _ in 0..2000 {
        Device::open()?.close().during("close()")?;
    }
    Ok(())
}

fn close_drops_unread_answers() -> Outcome {
    device::run(routes::lines(300))?;
    for _ in 0..50 {
        let device = Device::open()?;
        device.write_all("show\nhelp\n".repeat(100))?;
        equal("read() of a part", device.read(&mut [0; 100]), Ok(100))?;
        device.close().during("close()")?;
    }
    expect_table(&routes::lines(300))
}

fn open_files() -> Outcome<Vec<Device>> {
    (0..64)
        .map(|_| Device::open_as(OFlag::O_RDONLY).during("open()"))
        .collect()
}

/// Each dump that a flush interrupts ends after a whole line of the old table.
fn flush_ends_dumps() -> Outcome {
    let table = routes::lines(1000);
    device::run(&table)?;
    let files = open_files()?;
    let mut starts = Vec::new();
    for (file, size) in files.iter().zip(1..) {
        let mut piece = vec![0; 100 * size];
        let count = file.read(&mut piece).during("read()")?;
        piece.truncate(count);
        starts.push(piece);
    }
    device::run("flush\n")?;
    for (file, start) in files.iter().zip(starts) {
        let read = String::from_utf8(start).during("decoding the table")? + &file.answers()?;
        let is_whole = read.is_empty() || read.ends_with('\n');
        ensure(
            "a dump cut by a flush is the start of the table",
            table.starts_with(&read) && is_whole,
        )?;
    }
    expect_table("")
}

fn dumps_continue_in_a_new_table() -> Outcome {
    device::run(routes::lines(500))?;
    let files = open_files()?;
    for file in &files {
        equal("read() of the first bytes", file.read(&mut [0; 40]), Ok(40))?;
    }
    device::run(["flush\n", "255.0.0.0/8 dev last\n"].concat())?;
    for file in &files {
        let read = file.answers()?;
        ensure(
            "the dump continues in the new table",
            read.ends_with("\n255.0.0.0/8 dev last\n"),
        )?;
    }
    Ok(())
}

/// A file that was closed in a line and with unread answers leaves nothing to the next file.
fn closed_file_leaves_nothing() -> Outcome {
    let device = Device::open()?;
    device.write_all("10.0.0.0/8 dev a\nhelp\nflu")?;
    drop(device);
    let device = Device::open()?;
    same_text("a new file", &device.answers()?, "10.0.0.0/8 dev a\n")?;
    match device.write("sh\n") {
        Err(Errno::EINVAL) => same_text(
            "the message",
            &device.answers()?,
            "line 1: sh: unknown word; 'help' lists the commands\n",
        ),
        other => fail(format!(
            "the rest of another file's line returned {other:?}"
        )),
    }
}

#[rustfmt::skip]
const TESTS: &Group = &[
    ("an open file keeps the module loaded", open_file_keeps_the_module),
    ("2,000 files can be opened and closed", many_files_open_and_close),
    ("close() drops unread answers", close_drops_unread_answers),
    ("flush ends 64 dumps at whole lines", flush_ends_dumps),
    ("64 dumps continue in a new table", dumps_continue_in_a_new_table),
    ("a new file has no answers or partial line of a closed one", closed_file_leaves_nothing),
];

pub fn tests() -> Vec<Test> {
    Test::group("lifetime", TESTS)
}
