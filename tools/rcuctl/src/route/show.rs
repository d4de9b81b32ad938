// SPDX-License-Identifier: GPL-2.0

//! `route show`: prints the table, or a selection, while reading it.

use std::io::{Read, Write};

use crate::device::Device;
use crate::error::{Result, Status};
use crate::output::Output;
use crate::route::command_line::command_line;

/// Prints the whole table, which a newly opened device returns.
pub fn table(
    device: &mut Device<impl Read + Write>,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let mut routes = out.routes()?;
    device.for_each_line(|line| routes.push(line))?;
    routes.finish()?;
    Ok(Status::Done)
}

pub fn selection(
    device: &mut Device<impl Read + Write>,
    selector: &str,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    device.command(&command_line("show", &[selector])?)?;
    table(device, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn table_prints_the_routes_of_a_newly_opened_device() {
        let mut fake = Fake::new().table(&["10.0.0.0/8 dev a", "::/0 dev a"]);
        let mut text = Vec::new();
        table(
            &mut Device::new(&mut fake),
            &mut Output::new(&mut text, false),
        )
        .expect("readable");
        assert_eq!(text, b"10.0.0.0/8 dev a\n::/0 dev a\n");
        assert!(fake.executed.is_empty());
    }

    #[test]
    fn selection_prints_the_answer_to_show() {
        let mut fake = Fake::new()
            .table(&["0.0.0.0/0"])
            .answer("show inet6", "::/0\n");
        let mut text = Vec::new();
        let out = &mut Output::new(&mut text, false);
        selection(&mut Device::new(&mut fake), "inet6", out).expect("accepted");
        assert_eq!(text, b"::/0\n");
    }

    #[test]
    fn a_failed_read_is_an_error_and_not_a_shorter_table() {
        let mut fake = Fake::new()
            .table(&["10.0.0.0/8", "11.0.0.0/8"])
            .fail_read_after(11);
        let result = table(
            &mut Device::new(&mut fake),
            &mut Output::new(Vec::new(), true),
        );
        assert!(result.is_err());
    }
}
