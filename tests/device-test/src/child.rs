// SPDX-License-Identifier: GPL-2.0

//! What this program does as a child of its own: with other credentials, or to be killed.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, ExitCode, Stdio},
};

use nix::{
    sched::{self, CloneFlags},
    unistd::{self, Gid, Uid},
};

use crate::{
    device::{Device, NODE},
    routes,
    tap::{fail, During, Outcome},
};

/// The argument that makes this program a child; its role is the next one.
pub const FLAG: &str = "--child";

/// Kernels and programs agree on this user.
const NOBODY: u32 = 65534;

/// How many routes a child writes in one call.
pub const MANY: u32 = 200_000;

#[derive(Clone, Copy)]
pub enum Role {
    /// As the user nobody: opens the device, queries it and tries to change it.
    Attempt,
    /// The same through a file that it inherits as its standard input.
    AttemptInherited,
    /// The same as root of a user namespace of its own, and with a file that it opens.
    AttemptAsNamespaceRoot,
    /// Writes routes in one call, until it is killed.
    AddUntilKilled,
}

const ROLES: [(&str, Role); 4] = [
    ("attempt", Role::Attempt),
    ("attempt-inherited", Role::AttemptInherited),
    ("attempt-as-namespace-root", Role::AttemptAsNamespaceRoot),
    ("add-until-killed", Role::AddUntilKilled),
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

    /// Runs the role to its end, and returns what it prints.
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
        String::from_utf8(output.stdout).during("what the child printed")
    }

    /// Starts the role.
    pub fn start(self) -> Outcome<Child> {
        self.command().spawn().during("starting a child")
    }
}

/// The child's `main()`.
pub fn main(name: &str) -> ExitCode {
    let Some((_, role)) = ROLES.into_iter().find(|(known, _)| *known == name) else {
        eprintln!("unknown role '{name}'");
        return ExitCode::FAILURE;
    };
    match play(role) {
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

/// In the child and not by `Command`, whose way to do it needs a kernel with networking.
fn become_nobody() -> nix::Result<()> {
    unistd::setgroups(&[])?;
    unistd::setgid(Gid::from_raw(NOBODY))?;
    unistd::setuid(Uid::from_raw(NOBODY))
}

fn play(role: Role) -> io::Result<()> {
    match role {
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
    }
}

/// Each of some commands in a write of its own: prints its answer, or the errno and the message.
fn attempt(mut device: File) -> io::Result<()> {
    for command in ["get 10.1.2.3", "add 10.1.0.0/16 dev a", "flush", "show"] {
        let verdict = match unistd::write(&device, format!("{command}\n").as_bytes()) {
            Ok(_) => "ok".to_owned(),
            Err(errno) => format!("{errno:?}"),
        };
        let mut answer = String::new();
        device.read_to_string(&mut answer)?;
        println!("{command}: {verdict}\n{}", answer.trim_end());
    }
    Ok(())
}
