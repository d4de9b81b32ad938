// SPDX-License-Identifier: GPL-2.0

//! The command line's grammar.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::decode::Decode;
use crate::parameters::PARAMETERS;
use crate::scale::Scale;
use crate::stall::Stall;
use crate::torture::Torture;
use crate::watch::Watch;

const AFTER_HELP: &str = "\
Exit status:
  0  done
  1  wrong usage, local trouble (no device, unreadable file), or a refused line of a file
  2  the kernel refused, `route get` found no route, the verdict of `torture` is FAILURE, a run of `scale`
     failed, or `stall run` was not told, decoded and survived as it must be; then 1 is whatever kept
     them from a result

With --json results are one JSON document on standard output, with the names of `ip -j route`; errors
are one object {\"error\":{\"errno\":…,\"message\":…}} on standard error. `stats --watch` prints one
document a line.";

const DEVICE: &str = "/dev/rust_rcu_demo";

/// Looks into and changes the route table of the rust_rcu_demo kernel module, tortures, stalls and measures RCU, and
/// decodes what the kernel says of it.
///
/// If the module is installed and not loaded, it is loaded.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub struct Cli {
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,

    /// The module's device node
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
    /// Whether the command is about the module, and not about what stands in for it.
    pub fn wants_module(&self) -> bool {
        match &self.command {
            Command::Route { .. } | Command::Stats { .. } => self.device == Path::new(DEVICE),
            Command::Torture(torture) => torture.parameters == Path::new(PARAMETERS),
            Command::Stall(stall) => {
                stall.wants_module() && stall.parameters == Path::new(PARAMETERS)
            }
            Command::Scale(scale) => scale.parameters == Path::new(PARAMETERS),
            Command::Decode(_) | Command::Watch(_) => false,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Routes: add, change, replace, del, get, show, flush, load, save
    #[command(visible_alias = "r")]
    Route {
        #[command(subcommand)]
        command: RouteCommand,
    },

    /// The module's counters
    Stats {
        /// Print them again every SECS seconds, with the change a second
        #[arg(long, value_name = "SECS", value_parser = seconds)]
        watch: Option<Duration>,
    },

    Decode(Decode),

    Watch(Watch),

    Torture(Torture),

    Stall(Stall),

    Scale(Scale),
}

#[derive(Debug, Subcommand)]
pub enum RouteCommand {
    /// Add a route; it is an error if there is one with this prefix and metric
    Add(Route),
    /// Change a route; it is an error if there is none with this prefix and metric
    Change(Route),
    /// Change a route, or add it if there is none
    Replace(Route),
    /// Delete a route: PREFIX [metric N]
    #[command(visible_alias = "delete")]
    Del(Route),

    /// Print the route that serves an address
    Get {
        /// IPv4 or IPv6 addresses
        #[arg(
            value_name = "ADDR",
            required_unless_present = "batch",
            conflicts_with = "batch"
        )]
        addresses: Vec<String>,

        /// Ask for each line of FILE (- is standard input); a line out for each, `none` without route
        #[arg(long, value_name = "FILE")]
        batch: Option<PathBuf>,
    },

    /// Print the table, one route a line, as `route load` reads it
    #[command(visible_alias = "list")]
    Show {
        /// One family, or the routes of one prefix
        #[arg(value_name = "inet|inet6|PREFIX")]
        selector: Option<String>,
    },

    /// Delete all routes, or those of one family
    Flush { family: Option<Family> },

    /// Add the routes of a file, one a line; stops at the first that the kernel refuses
    ///
    /// A file may also have lines such as `del PREFIX` or `replace ROUTE`, and transactions of its own:
    /// `begin` or `begin reload`, up to `commit`. What is wrong is said with the line of the file.
    Load {
        /// The file; - is standard input
        file: PathBuf,

        /// Replace the whole table by the file, at once; if a line is refused, nothing changes
        #[arg(long)]
        replace: bool,

        /// Make all changes at once; if a line is refused, none
        #[arg(long)]
        atomic: bool,

        /// Replace routes that are there already, instead of stopping at them
        #[arg(long)]
        overwrite: bool,
    },

    /// Write the table to a file; a failed save leaves the old file as it was
    Save {
        /// The file; - is standard output
        #[arg(default_value = "-")]
        file: PathBuf,
    },
}

/// A route in iproute2's words: [blackhole|unreachable|prohibit] PREFIX [via [inet6] ADDR]
/// [dev NAME] [metric N].
#[derive(Debug, Args)]
pub struct Route {
    /// [blackhole|unreachable|prohibit] PREFIX [via [inet6] ADDR] [dev NAME] [metric N]
    #[arg(value_name = "ROUTE", required = true)]
    pub words: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Family {
    Inet,
    Inet6,
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

/// Takes the options of a command, for tests.
#[cfg(test)]
pub fn parse_options<T: Args>(words: &str) -> Result<T, clap::Error> {
    let command = T::augment_args(clap::Command::new("rcuctl"));
    let words = std::iter::once("rcuctl").chain(words.split_whitespace());
    T::from_arg_matches(&command.try_get_matches_from(words)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("rcuctl").chain(words.split_whitespace()))
    }

    #[test]
    fn the_grammar_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_route_takes_all_trailing_words() {
        let cli = parse("route add blackhole 10.0.0.0/8 metric 5").expect("a route");
        let Command::Route {
            command: RouteCommand::Add(route),
        } = cli.command
        else {
            panic!("not an add");
        };
        assert_eq!(route.words, ["blackhole", "10.0.0.0/8", "metric", "5"]);
    }

    #[test]
    fn global_options_stand_anywhere() {
        let cli = parse("route del 10.0.0.0/8 --json --device /dev/null").expect("a command");
        assert!(cli.json);
        assert_eq!(cli.device, PathBuf::from("/dev/null"));
    }

    #[test]
    fn a_route_needs_words() {
        assert!(parse("route add").is_err());
        assert!(parse("route get").is_err());
    }

    #[test]
    fn get_takes_addresses_or_a_file() {
        assert!(parse("route get 10.0.0.1 2001:db8::1").is_ok());
        assert!(parse("route get --batch -").is_ok());
        assert!(parse("route get 10.0.0.1 --batch -").is_err());
    }

    #[test]
    fn a_load_takes_effect_as_its_options_say() {
        for words in [
            "",
            "--replace",
            "--atomic",
            "--overwrite",
            "--replace --overwrite",
        ] {
            assert!(parse(&format!("route load {words} -")).is_ok(), "{words}");
        }
        assert!(parse("route load --replace").is_err());
    }

    #[test]
    fn flush_knows_the_families_only() {
        assert!(parse("route flush inet6").is_ok());
        assert!(parse("route flush inet7").is_err());
    }

    #[test]
    fn the_module_is_loaded_for_what_is_about_it() {
        for (words, wanted) in [
            ("route show", true),
            ("stats", true),
            ("torture", true),
            ("scale lookup", true),
            ("scale --parameters /tmp/other", false),
            ("route show --device /tmp/other", false),
            ("torture --parameters /tmp/other", false),
            ("decode", false),
            ("stall list", true),
            ("stall run tasks", true),
            ("stall stop", true),
            ("stall list --parameters /tmp/other", false),
            ("stall explain", false),
        ] {
            let cli = parse(words).expect("a command");
            assert_eq!(cli.wants_module(), wanted, "{words}");
        }
    }

    #[test]
    fn watch_wants_a_sensible_time() {
        assert!(parse("stats --watch 0.5").is_ok());
        for bad in ["0", "-1", "nan", "inf", "1e300", "soon"] {
            assert!(parse(&format!("stats --watch={bad}")).is_err(), "{bad}");
        }
    }
}
