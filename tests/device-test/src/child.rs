// SPDX-License-Identifier: GPL-2.0

//! Child processes of this program: with other credentials, or to be killed.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, ExitCode, Stdio},
};

use nix::{
    sched::{self, CloneFlags},
    sys::resource::{self, Resource},
    unistd::{self, Gid, Uid},
};

use crate::{
    device::{self, Device, NODE},
    killed, routes,
    tap::{fail, During, Outcome},
};

/// The option that starts this program as a child. The next argument is the role.
pub const FLAG: &str = "--child";

/// The user and the group nobody.
const NOBODY: u32 = 65534;

/// The number of routes that [`Role::AddUntilKilled`] writes in one call.
pub const MANY: u32 = 200_000;

#[derive(Clone, Copy)]
pub enum Role {
    /// As user nobody: opens the device, queries it and tries to change it.
    Attempt,
    /// As user nobody: queries the file on standard input and tries to change the table through it.
    AttemptInherited,
    /// As root of its own user namespace: opens the device, queries it and tries to change it.
    AttemptAsNamespaceRoot,
    /// Writes routes in one call until it is killed.
    AddUntilKilled,
    /// As user nobody: asks for statistics through the file on standard input until it is killed.
    /// Prints a line after the first answer.
    StatsUntilKilled,
    /// Prints a line and commits a long transaction.
    CommitUntilKilled,
    /// Reads once from the file on standard input.
    ReadMonitor,
    /// Waits for the end of standard input, and then opens 10,000 files with answers.
    OpenManyFiles,
}

const ROLES: [(&str, Role); 8] = [
    ("attempt", Role::Attempt),
    ("attempt-inherited", Role::AttemptInherited),
    ("attempt-as-namespace-root", Role::AttemptAsNamespaceRoot),
    ("add-until-killed", Role::AddUntilKilled),
    ("stats-until-killed", Role::StatsUntilKilled),
    ("commit-until-killed", Role::CommitUntilKilled),
    ("read-monitor", Role::ReadMonitor),
    ("open-many-files", Role::OpenManyFiles),
];

impl Role {
    fn name(self) -> &'static str {
        ROLES[self as usize].0
    }

    fn command(self) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.args([FLAG, self.name()]).stdin(Stdio::null());
        command
    }

    /// Runs a child with this role to its end. Returns its output.
    pub fn run(self, stdin: Option<Device>) -> Outcome<String> {
        let mut command = self.command();
        if let Some(device) = stdin {
            command.stdin(OwnedFd::from(device));
        }
        let output = command.output().during("starting a child")?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            return fail(format!("the child ended with {}: {errors}", output.status));
        }
        String::from_utf8(output.stdout).during("decoding the child's output")
    }

    /// Starts a child with this role.
    pub fn start(self) -> Outcome<Child> {
        self.command().spawn().during("starting a child")
    }

    /// Starts a child with this role. Its output can be read.
    pub fn start_reporting(self, stdin: Option<Device>) -> Outcome<Child> {
        let mut command = self.command();
        if let Some(device) = stdin {
            command.stdin(OwnedFd::from(device));
        }
        let child = command.stdout(Stdio::piped()).spawn();
        child.during("starting a child")
    }

    /// Starts a child with this role, whose standard input is a pipe.
    pub fn start_with_input(self) -> Outcome<Child> {
        let child = self.command().stdin(Stdio::piped()).spawn();
        child.during("starting a child")
    }

    /// Performs the role in the child.
    fn perform(self) -> io::Result<()> {
        match self {
            Role::Attempt => {
                become_nobody()?;
                attempt(open()?)
            }
            Role::AttemptInherited => {
                become_nobody()?;
                attempt(io::stdin().as_fd().try_clone_to_owned()?.into())
            }
            Role::AttemptAsNamespaceRoot => {
                sched::unshare(CloneFlags::CLONE_NEWUSER)?;
                attempt(open()?)
            }
            Role::AddUntilKilled => {
                let routes = routes::lines(MANY);
                open()?.write_all(routes.as_bytes())
            }
            Role::StatsUntilKilled => {
                become_nobody()?;
                ask_for_stats(io::stdin().as_fd().try_clone_to_owned()?.into())
            }
            Role::CommitUntilKilled => {
                let mut device = open()?;
                let routes = routes::lines(device::scaled(killed::OPERATIONS));
                device.write_all(["begin\n", &routes].concat().as_bytes())?;
                println!("ready");
                device.write_all(b"commit\n")
            }
            Role::ReadMonitor => io::stdin().read(&mut [0; 64]).map(drop),
            Role::OpenManyFiles => {
                io::stdin().read_to_end(&mut Vec::new())?;
                open_many_files()
            }
        }
    }
}

/// Runs the child with the given role.
pub fn main(name: &str) -> ExitCode {
    let Some((_, role)) = ROLES.into_iter().find(|(known, _)| *known == name) else {
        eprintln!("unknown role '{name}'");
        return ExitCode::FAILURE;
    };
    match role.perform() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn open() -> io::Result<File> {
    File::options().read(true).write(true).open(NODE)
}

/// Opens files, each with unread answers and the start of a line.
fn open_many_files() -> io::Result<()> {
    const FILES: u64 = 10_000;
    resource::setrlimit(Resource::RLIMIT_NOFILE, FILES + 100, FILES + 100)?;
    let mut files = Vec::new();
    for _ in 0..FILES {
        let mut file = open()?;
        file.write_all(b"help\nget")?;
        files.push(file);
    }
    Ok(())
}

/// Drops all privileges. The `uid()` of `Command` is not used: it needs a kernel with networking.
fn become_nobody() -> nix::Result<()> {
    unistd::setgroups(&[])?;
    unistd::setgid(Gid::from_raw(NOBODY))?;
    unistd::setuid(Uid::from_raw(NOBODY))
}

/// Asks for statistics for ever. Prints a line after the first answer.
fn ask_for_stats(mut device: File) -> io::Result<()> {
    let mut is_ready = false;
    loop {
        device.write_all(b"stats\n")?;
        device.read_to_string(&mut String::new())?;
        if !is_ready {
            println!("ready");
        }
        is_ready = true;
    }
}

/// Writes commands one by one. Prints the errno and the answer of each.
fn attempt(mut device: File) -> io::Result<()> {
    for command in ["get 10.1.2.3", "add 10.1.0.0/16 dev a", "flush", "show"] {
        let result = match unistd::write(&device, format!("{command}\n").as_bytes()) {
            Ok(_) => "ok".to_owned(),
            Err(errno) => format!("{errno:?}"),
        };
        let mut answer = String::new();
        device.read_to_string(&mut answer)?;
        println!("{command}: {result}\n{}", answer.trim_end());
    }
    Ok(())
}
