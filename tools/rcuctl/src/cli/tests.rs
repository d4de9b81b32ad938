// SPDX-License-Identifier: GPL-2.0

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
fn a_route_consists_of_all_trailing_words() {
    let cli = parse("route add blackhole 10.0.0.0/8 metric 5").expect("a route");
    let Command::Route {
        command: Some(RouteCommand::Add(route)),
    } = cli.command
    else {
        panic!("not an add");
    };
    assert_eq!(route.words, ["blackhole", "10.0.0.0/8", "metric", "5"]);
}

/// The subcommand of `route`, as its name and words.
fn route(words: &str) -> String {
    let cli = parse(words).unwrap_or_else(|error| panic!("{words}: {error}"));
    let Command::Route { command } = cli.command else {
        panic!("{words} is not a command of route");
    };
    let (name, words) = match command {
        None => ("show", Vec::new()),
        Some(RouteCommand::Add(route)) => ("add", route.words),
        Some(RouteCommand::Change(route)) => ("change", route.words),
        Some(RouteCommand::Replace(route)) => ("replace", route.words),
        Some(RouteCommand::Del(route)) => ("del", route.words),
        Some(RouteCommand::Get { addresses, .. }) => ("get", addresses),
        Some(RouteCommand::Show { selector, .. }) => ("show", selector),
        Some(other) => panic!("{words}: {other:?}"),
    };
    [vec![name.to_string()], words].concat().join(" ")
}

#[test]
fn objects_and_verbs_may_be_abbreviated_as_for_ip() {
    for (words, command) in [
        ("r s", "show"),
        ("route", "show"),
        ("ro", "show"),
        ("route ls", "show"),
        ("route lst", "show"),
        ("route list", "show"),
        ("r l", "show"),
        ("rou sh dev eth0", "show dev eth0"),
        ("r s root 10.0.0.0/8", "show root 10.0.0.0/8"),
        ("r g 10.0.0.1", "get 10.0.0.1"),
        ("r a default dev a", "add default dev a"),
        ("r append default dev a", "add default dev a"),
        ("r c default dev a", "change default dev a"),
        ("r chg default dev a", "change default dev a"),
        ("r r default dev a", "replace default dev a"),
        ("r d default", "del default"),
        ("route delete default", "del default"),
    ] {
        assert_eq!(route(words), command, "{words}");
    }
    assert!(parse("st").is_err(), "stats and stall start with st");
    assert!(matches!(
        parse("dec").expect("decode").command,
        Command::Decode(_)
    ));
    assert!(matches!(
        parse("stal l").expect("stall list").command,
        Command::Stall(_)
    ));
}

#[test]
fn the_options_of_ip_may_stand_before_and_after_the_object() {
    for words in [
        "-6 -j -p route show",
        "route -6 -j -p show",
        "route show -6 -j -p",
        "r s -jp6",
        "-6 --js --pre r",
    ] {
        let cli = parse(words).unwrap_or_else(|error| panic!("{words}: {error}"));
        assert!(cli.json && cli.pretty, "{words}");
        assert_eq!(cli.family(), Some(Family::Inet6), "{words}");
    }
    let cli = parse("-4 route get 10.0.0.1").expect("a command");
    assert_eq!(cli.family(), Some(Family::Inet));
    assert_eq!(parse("route show").expect("a command").family(), None);
    assert!(parse("-4 -6 route show").is_err());
}

#[test]
fn a_negative_number_is_a_word_of_the_route() {
    assert_eq!(
        route("route add default dev a metric -1"),
        "add default dev a metric -1"
    );
}

#[test]
fn global_options_may_follow_the_command() {
    let cli = parse("route del 10.0.0.0/8 --json --device /dev/null").expect("a command");
    assert!(cli.json);
    assert_eq!(cli.device, PathBuf::from("/dev/null"));
}

#[test]
fn add_and_get_need_arguments() {
    assert!(parse("route add").is_err());
    assert!(parse("route get").is_err());
}

#[test]
fn get_accepts_addresses_or_a_file() {
    assert!(parse("route get 10.0.0.1 2001:db8::1").is_ok());
    assert!(parse("route get --batch -").is_ok());
    assert!(parse("route get 10.0.0.1 --batch -").is_err());
}

#[test]
fn load_needs_a_file_whatever_its_options() {
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
fn only_commands_on_the_real_module_need_it() {
    for (words, needed) in [
        ("route show", true),
        ("stats", true),
        ("torture", true),
        ("scale lookup", true),
        ("scale --parameters /tmp/other", false),
        ("route show --device /tmp/other", false),
        ("torture --parameters /tmp/other", false),
        ("decode", false),
        ("trace --gp", false),
        ("trace demo idle", false),
        ("trace demo reader", true),
        ("trace demo reader --parameters /tmp/other", false),
        ("stall list", true),
        ("stall run tasks", true),
        ("stall stop", true),
        ("stall list --parameters /tmp/other", false),
        ("stall explain", false),
        ("completion fish", false),
        ("man-pages /tmp/pages", false),
    ] {
        let cli = parse(words).expect("a command");
        assert_eq!(cli.needs_module(), needed, "{words}");
    }
}

#[test]
fn stats_watch_needs_at_least_a_hundredth_of_a_second() {
    assert!(parse("stats --watch 0.5").is_ok());
    for bad in ["0", "-1", "nan", "inf", "1e300", "soon"] {
        assert!(parse(&format!("stats --watch={bad}")).is_err(), "{bad}");
    }
}
