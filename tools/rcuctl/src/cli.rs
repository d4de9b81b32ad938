// SPDX-License-Identifier: GPL-2.0

//! The command line's grammar.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::decode::Decode;
use crate::parameters::PARAMETERS;
use crate::scale::Scale;
use crate::stall::Stall;
use crate::torture::Torture;
use crate::trace::Trace;
use crate::watch::Watch;

const AFTER_HELP: &str = "\
Exit status:
  0  done
  1  usage error (also a word that is no address or number), local error (missing device, unreadable
     file), the kernel refused a line of a file, or `route diff` found differences
  2  the kernel refused the command; `route get` found no route; the verdict of `torture` is FAILURE; a run
     of `scale` failed; `stall run` found that the report was missing, incomplete or wrong, or that RCU did
     not recover; `trace demo` did not see a fact of its scene. The status is 1 if torture, scale or
     stall reached no result.
  130  Ctrl-C or another signal interrupted `route load` or `stall run`

Commands, subcommands and long options may be abbreviated if the abbreviation is unambiguous:
`rcuctl r s` means `rcuctl route show`. The options -4, -6, -j and -p may stand anywhere. Before the
command, -json, -pretty and -family inet6 work as for `ip`; -oneline, -stats, -color and -brief
change nothing.

With --json, each command prints one JSON document on standard output, with the field names of
`ip -j route`. Errors are one object {\"error\":{\"errno\":…,\"message\":…}} on standard error.
`stats --watch`, `decode`, `watch` and `trace` print one document per line.";

const DEVICE: &str = "/dev/rust_rcu_demo";

/// Query and change the route table of the rust_rcu_demo kernel module; test, stall and measure
/// RCU; explain RCU reports in kernel logs
///
/// rcuctl loads the module if it is installed but not loaded.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
#[command(infer_subcommands = true, infer_long_args = true)]
pub struct Cli {
    /// Print JSON
    #[arg(long, short, global = true)]
    pub json: bool,

    /// Indent JSON
    #[arg(long, short, global = true)]
    pub pretty: bool,

    /// Only IPv4 routes; `default` and addresses of `route` are IPv4
    #[arg(short = '4', global = true, conflicts_with = "inet6")]
    pub inet: bool,

    /// Only IPv6 routes; `default` and addresses of `route` are IPv6
    #[arg(short = '6', global = true)]
    pub inet6: bool,

    /// Device node of the module
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = DEVICE
    )]
    pub device: PathBuf,

    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The family that `-4` or `-6` names.
    pub fn family(&self) -> Option<Family> {
        match (self.inet, self.inet6) {
            (true, _) => Some(Family::Inet),
            (false, true) => Some(Family::Inet6),
            (false, false) => None,
        }
    }

    /// Whether the command uses the module. A command on another `--device` or other `--parameters`
    /// does not.
    pub fn needs_module(&self) -> bool {
        match &self.command {
            Command::Route { .. } | Command::Nexthop { .. } | Command::Stats { .. } => {
                self.device == Path::new(DEVICE)
            }
            Command::Torture(torture) => torture.job.parameters == Path::new(PARAMETERS),
            Command::Stall(stall) => {
                stall.needs_module() && stall.parameters == Path::new(PARAMETERS)
            }
            Command::Scale(scale) => scale.job.parameters == Path::new(PARAMETERS),
            Command::Trace(trace) => {
                trace.needs_module() && trace.parameters == Path::new(PARAMETERS)
            }
            Command::Decode(_)
            | Command::Watch(_)
            | Command::Completion { .. }
            | Command::ManPages { .. } => false,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Query and change routes: add, change, replace, del, get, show, flush, monitor, load, import,
    /// diff, save; without a subcommand, show them
    #[command(visible_alias = "r")]
    Route {
        #[command(subcommand)]
        command: Option<RouteCommand>,
    },

    /// Show or change next-hop objects, which routes share by `nhid`, as `ip nexthop` does
    ///
    /// `add|replace id N`, followed by `[via ADDRESS] [dev NAME]`, `blackhole` or
    /// `group N[,WEIGHT]/...`, sets an object. `del id N` deletes an object that no route and no
    /// group uses. `get id N` and `show [id N]` print objects; without words, prints all objects.
    Nexthop {
        #[arg(value_name = "WORD", allow_negative_numbers = true)]
        words: Vec<String>,
    },

    /// Print the module's counters
    Stats {
        /// Print the counters again every SECS seconds, each with its change per second
        #[arg(long, value_name = "SECS", value_parser = seconds)]
        watch: Option<Duration>,
    },

    Decode(Decode),

    Watch(Watch),

    Torture(Torture),

    Stall(Stall),

    Scale(Scale),

    Trace(Trace),

    /// Print the completion script of a shell, for example: source <(rcuctl completion bash)
    Completion {
        shell: Shell,
    },

    /// Write a man page for each command
    #[command(hide = true)]
    ManPages {
        /// Folder to write to
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum RouteCommand {
    /// Add a route; fails if one with this prefix and metric exists
    #[command(aliases = ["append", "prepend"])]
    Add(Route),
    /// Change a route; fails if none with this prefix and metric exists
    #[command(alias = "chg")]
    Change(Route),
    /// Change a route, or add it if none with this prefix and metric exists
    Replace(Route),
    /// Delete a route: PREFIX [metric N] [via [inet6] ADDR] [dev NAME]
    #[command(visible_alias = "delete", alias = "d")]
    Del(Route),

    /// Print the route that serves each address
    Get {
        /// IPv4 or IPv6 addresses
        #[arg(
            value_name = "ADDR",
            required_unless_present = "batch",
            conflicts_with = "batch"
        )]
        addresses: Vec<String>,

        /// Print prefixes with their length, and JSON with the type, protocol and scope of each
        /// route
        #[arg(long)]
        long: bool,

        /// Read addresses from FILE, one per line (- is standard input); prints a route or `none`
        /// for each
        #[arg(long, value_name = "FILE")]
        batch: Option<PathBuf>,
    },

    /// Print the table, as `ip route` does
    ///
    /// Without SELECTOR, prints all routes. `[to] [exact] PREFIX` selects the routes with this
    /// prefix. `root PREFIX` selects the routes that PREFIX covers, and `match PREFIX` the routes
    /// that cover PREFIX. `inet`, `inet6`, `dev NAME`, `via ADDR`, `type TYPE` and `metric N` narrow
    /// the selection.
    #[command(visible_aliases = ["list", "ls", "s"], aliases = ["l", "lst"])]
    Show {
        /// The routes to print
        #[arg(value_name = "SELECTOR")]
        selector: Vec<String>,

        /// Print prefixes with their length, in the format that `route load` reads; print JSON with
        /// the type, protocol and scope of each route
        #[arg(long)]
        long: bool,
    },

    /// Delete all routes, or the routes that SELECTOR selects, as for `show`
    Flush {
        /// The routes to delete
        #[arg(value_name = "SELECTOR")]
        selector: Vec<String>,
    },

    /// Print each change of the table as it happens, as `ip monitor route` does
    ///
    /// Ctrl-C ends it. `Flushed FAMILY`: all routes of the family were removed. `Reloaded`: other
    /// routes replaced the whole table. `Overrun N`: N changes are lost. After `Reloaded` and
    /// `Overrun`, read the table again. With --json each line is a document, and {"generation":N}
    /// ends the changes that became visible together.
    #[command(visible_alias = "mon")]
    Monitor {
        /// Print prefixes with their length, and JSON with the type, protocol and scope of each
        /// route
        #[arg(long)]
        long: bool,
    },

    /// Add the routes of a file, one per line; stops at the first line that the kernel refuses
    ///
    /// A file may also contain lines such as `del PREFIX` or `replace ROUTE`, and its own
    /// transactions: from `begin` or `begin reload` to `commit`. Errors name the line of the file.
    Load {
        /// File to load; - is standard input
        file: PathBuf,

        /// Replace the whole table atomically; if the kernel refuses a line, the table is unchanged
        #[arg(long)]
        replace: bool,

        /// Apply all changes atomically; if the kernel refuses a line, the table is unchanged
        #[arg(long)]
        atomic: bool,

        /// Replace routes that exist, instead of stopping at them
        #[arg(long)]
        overwrite: bool,
    },

    /// Add the routes of a file in another program's format; continues after a refused line
    ///
    /// Reads `ip route`, `ip -j route`, files for `ip -batch`, BIRD's `show route`, FRR's
    /// `show ip route` and `show bgp`, and MRT, also compressed by gzip or bzip2. Prints the number
    /// of each refused line, and then exits 1. Refuses routes with several next hops; `load` reads
    /// those of `ip route`.
    Import {
        /// File to import; - is standard input
        file: PathBuf,

        /// Print the routes in the format of `route load` instead of adding them
        #[arg(long)]
        dry_run: bool,

        /// Replace the whole table atomically; if a line is refused, the table is unchanged
        #[arg(long, conflicts_with_all = ["atomic", "dry_run"])]
        replace: bool,

        /// Add all routes atomically; if a line is refused, the table is unchanged
        #[arg(long, conflicts_with = "dry_run")]
        atomic: bool,

        #[command(flatten)]
        options: crate::route::import::Options,
    },

    /// Print the changes that make the table equal to a file; exits 1 if there are any
    ///
    /// The lines are changes that `route load --atomic` reads. Reads the same formats as `import`.
    Diff {
        /// File to compare with; - is standard input
        file: PathBuf,

        #[command(flatten)]
        options: crate::route::import::Options,
    },

    /// Write the table to a file; if the save fails, the old file is unchanged
    Save {
        /// File to write; - is standard output
        #[arg(default_value = "-")]
        file: PathBuf,
    },
}

/// The command of `rcuctl route` without a subcommand.
pub static SHOW: RouteCommand = RouteCommand::Show {
    selector: Vec::new(),
    long: false,
};

/// A route in iproute2's words.
#[derive(Debug, Args)]
pub struct Route {
    /// [TYPE] PREFIX [nhid N] [metric N] [via [inet|inet6] ADDR] [dev NAME], or several next hops:
    /// PREFIX [metric N] nexthop [via ADDR] [dev NAME] [weight N] nexthop ...; TYPE is blackhole,
    /// unreachable, prohibit, throw or local
    // The check of the words explains `metric -1`.
    #[arg(value_name = "ROUTE", required = true, allow_negative_numbers = true)]
    pub words: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Family {
    Inet,
    Inet6,
}

impl Family {
    /// Whether an address is of this family.
    pub fn has(self, address: IpAddr) -> bool {
        address.is_ipv4() == (self == Self::Inet)
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Inet => "inet",
            Self::Inet6 => "inet6",
        })
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_string())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration >= Duration::from_millis(10) => Ok(duration),
        _ => Err("must be at least 0.01 seconds".to_string()),
    }
}

/// Parses the options of a command, for tests.
#[cfg(test)]
pub fn parse_options<T: Args>(words: &str) -> Result<T, clap::Error> {
    let command = T::augment_args(clap::Command::new("rcuctl"));
    let words = std::iter::once("rcuctl").chain(words.split_whitespace());
    T::from_arg_matches(&command.try_get_matches_from(words)?)
}

#[cfg(test)]
mod tests;
