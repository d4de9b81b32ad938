// SPDX-License-Identifier: GPL-2.0

//! `route show`: prints the table, or a selection, while reading it.

use std::io::{Read, Write};

use super::selector::Selector;
use crate::device::{Access, Device};
use crate::error::{Result, Status};
use crate::output::Output;

/// Prints the selected routes.
pub fn run<S: Read + Write>(
    open: impl FnOnce(Access) -> Result<Device<S>>,
    selector: &Selector,
    long: bool,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let mut device = query(open, selector)?;
    let mut routes = out.routes(long)?;
    for_each(&mut device, selector, |line| routes.push(line))?;
    routes.finish()?;
    Ok(Status::Done)
}

/// Opens the device, which then reads as the routes of [`Selector::query`]. A newly opened device
/// returns the whole table.
pub fn query<S: Read + Write>(
    open: impl FnOnce(Access) -> Result<Device<S>>,
    selector: &Selector,
) -> Result<Device<S>> {
    let Some(query) = selector.query() else {
        return open(Access::Read);
    };
    let mut device = open(Access::ReadWrite)?;
    device.command(&format!("show {query}\n"))?;
    Ok(device)
}

/// Calls `f` with each selected route of a query, in the device's format.
pub fn for_each(
    device: &mut Device<impl Read + Write>,
    selector: &Selector,
    mut f: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let selects_all = !selector.is_finer_than_query();
    device.for_each_line(|line| match line {
        // The objects of a whole table precede its routes.
        _ if line.starts_with("nexthop ") => Ok(()),
        _ if selects_all || selector.selects(line)? => f(line),
        _ => Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn shown(fake: &mut Fake, words: &str, long: bool, json: bool) -> Result<String> {
        let words: Vec<_> = words.split_whitespace().map(str::to_string).collect();
        let mut text = Vec::new();
        let selector = Selector::parse(&words, None)?;
        let out = &mut Output::new(&mut text, json);
        run(|_| Ok(Device::new(fake)), &selector, long, out)?;
        Ok(String::from_utf8(text).expect("text"))
    }

    #[test]
    fn the_routes_of_a_newly_opened_device_are_printed_short_or_long() {
        let fake = || Fake::new().table(&["10.0.0.1/32 dev a", "::/0 dev a"]);
        let mut short = fake();
        let text = shown(&mut short, "", false, false).expect("readable");
        assert_eq!(
            text,
            "10.0.0.1 dev a scope link\ndefault dev a pref medium\n"
        );
        assert!(short.executed.is_empty());
        let text = shown(&mut fake(), "", true, false).expect("readable");
        assert_eq!(text, "10.0.0.1/32 dev a\n::/0 dev a\n");
    }

    #[test]
    fn a_family_or_prefix_is_selected_by_the_device() {
        let mut fake = Fake::new()
            .table(&["0.0.0.0/0"])
            .answer("show inet6", "::/0\n");
        let text = shown(&mut fake, "inet6", true, false).expect("accepted");
        assert_eq!(text, "::/0\n");
    }

    #[test]
    fn show_dev_prints_the_routes_of_a_device() {
        let mut fake = Fake::new().table(&[
            "0.0.0.0/0 via 10.0.0.1 dev b",
            "10.0.0.0/8 dev a",
            "blackhole 192.0.2.0/24",
        ]);
        let text = shown(&mut fake, "dev b", false, false).expect("readable");
        assert_eq!(text, "default via 10.0.0.1 dev b\n");
        let mut fake = Fake::new().answer(
            "show 10.0.0.0/8",
            "10.0.0.0/8 dev a\n10.0.0.0/8 dev b metric 7\n",
        );
        let text = shown(&mut fake, "10/8 dev b", false, false).expect("accepted");
        assert_eq!(text, "10.0.0.0/8 dev b scope link metric 7\n");
    }

    #[test]
    fn the_objects_of_a_table_are_no_routes() {
        let fake = || {
            let objects = "nexthop replace id 5 dev a";
            Fake::new().table(&[objects, "10.0.0.0/8 nhid 5 dev a", "::/0 dev b"])
        };
        let text = shown(&mut fake(), "", true, false).expect("readable");
        assert_eq!(text, "10.0.0.0/8 nhid 5 dev a\n::/0 dev b\n");
        let text = shown(&mut fake(), "dev a", true, false).expect("readable");
        assert_eq!(text, "10.0.0.0/8 nhid 5 dev a\n");
        let text = shown(&mut fake(), "", false, true).expect("readable");
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(document.as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn a_failed_read_is_an_error_and_not_a_shorter_table() {
        let mut fake = Fake::new()
            .table(&["10.0.0.0/8", "11.0.0.0/8"])
            .fail_read_after(11);
        assert!(shown(&mut fake, "", true, true).is_err());
    }
}
