// SPDX-License-Identifier: GPL-2.0

//! Files and the module's life: what an open file keeps, what a close lets go.

use nix::{
    errno::Errno,
    fcntl::OFlag,
    kmod::{self, DeleteModuleFlags},
};

use crate::{
    device::{self, table_is, Device},
    routes,
    tap::{ensure, equal, fail, same_text, During, Outcome, Test},
};

/// `delete_module()` while a file is open must fail.
fn cannot_unload_with(_open: &Device) -> Outcome {
    let result = kmod::delete_module(c"rust_rcu_demo", DeleteModuleFlags::O_NONBLOCK);
    if result.is_ok() {
        // Even closing the file runs code that is gone now, so the report comes first.
        println!("Bail out! the module was unloaded with a file open");
        std::process::abort();
    }
    equal(
        "delete_module() with a file open",
        result,
        Err(Errno::EWOULDBLOCK),
    )
}

/// With a file open the module must stay: its code is what the next `read()` runs.
fn open_file_keeps_the_module() -> Outcome {
    let device = Device::open_as(OFlag::O_RDONLY)?;
    cannot_unload_with(&device)?;
    let duplicate = device.duplicate()?;
    device.close().during("close()")?;
    cannot_unload_with(&duplicate)?;
    equal("read() of it", duplicate.read(&mut [0; 64]), Ok(0))
}

fn open_and_close_many() -> Outcome {
    for _ in 0..2000 {
        Device::open()?.close().during("close()")?;
    }
    Ok(())
}

fn close_with_unread_answers() -> Outcome {
    device::run(routes::lines(300))?;
    for _ in 0..50 {
        let device = Device::open()?;
        device.feed("show\nhelp\n".repeat(100))?;
        equal("read() of some of it", device.read(&mut [0; 100]), Ok(100))?;
        device.close().during("close()")?;
    }
    table_is(&routes::lines(300))
}

fn open_files() -> Outcome<Vec<Device>> {
    (0..64)
        .map(|_| Device::open_as(OFlag::O_RDONLY).during("open()"))
        .collect()
}

/// Files in the middle of a dump when the table is flushed: each reads whole lines of what there was,
/// in order, and comes to an end.
fn flush_under_dumps() -> Outcome {
    let table = routes::lines(1000);
    device::run(&table)?;
    let files = open_files()?;
    let mut begun = Vec::new();
    for (file, size) in files.iter().zip(1..) {
        let mut piece = vec![0; 100 * size];
        let count = file.read(&mut piece).during("read()")?;
        piece.truncate(count);
        begun.push(piece);
    }
    device::run("flush\n")?;
    for (file, begin) in files.iter().zip(begun) {
        let read = String::from_utf8(begin).during("the table")? + &file.answers()?;
        let whole = read.is_empty() || read.ends_with('\n');
        ensure(
            "a dump cut by a flush begins as the table does",
            table.starts_with(&read) && whole,
        )?;
    }
    table_is("")
}

/// The same with the table exchanged for another meanwhile.
fn reload_under_dumps() -> Outcome {
    device::run(routes::lines(500))?;
    let files = open_files()?;
    for file in &files {
        equal("read() of the beginning", file.read(&mut [0; 40]), Ok(40))?;
    }
    device::run(["flush\n", "255.0.0.0/8 dev last\n"].concat())?;
    for file in &files {
        let read = file.answers()?;
        ensure(
            "the dump goes on in the new table",
            read.ends_with("\n255.0.0.0/8 dev last\n"),
        )?;
    }
    Ok(())
}

/// Files of a process that ended without a word: nothing of theirs stays.
fn nothing_stays_of_a_file() -> Outcome {
    let device = Device::open()?;
    device.feed("10.0.0.0/8 dev a\nhelp\nflu")?;
    drop(device);
    let device = Device::open()?;
    same_text("a new file", &device.answers()?, "10.0.0.0/8 dev a\n")?;
    match device.write("sh\n") {
        Err(Errno::EINVAL) => same_text(
            "the message",
            &device.answers()?,
            "line 1: sh: unknown word; 'help' lists the commands\n",
        ),
        other => fail(format!("the rest of another file's line gave {other:?}")),
    }
}

pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "lifetime: an open file keeps the module loaded",
            open_file_keeps_the_module,
        ),
        Test::new(
            "lifetime: 2,000 files opened and closed",
            open_and_close_many,
        ),
        Test::new(
            "lifetime: close with unread answers",
            close_with_unread_answers,
        ),
        Test::new("lifetime: flush under 64 dumps", flush_under_dumps),
        Test::new("lifetime: another table under 64 dumps", reload_under_dumps),
        Test::new(
            "lifetime: nothing stays of a closed file",
            nothing_stays_of_a_file,
        ),
    ]
}
