// SPDX-License-Identifier: GPL-2.0

//! `route show`: the table, or a part of it, as it comes.

use std::io::{Read, Write};

use crate::device::Device;
use crate::error::{Result, Status};
use crate::output::Output;
use crate::route::command_line::command_line;

/// A device that was just opened reads as the whole table.
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
    fn a_fresh_device_is_the_whole_table() {
        let mut fake = Fake::new().table(&["10.0.0.0/8 dev a", "::/0 dev a"]);
        let mut text = Vec::new();
        table(
            &mut Device::new(&mut fake),
            &mut Output::new(&mut text, false),
        )
        .expect("readable");
        assert_eq!(text, b"10.0.0.0/8 dev a\n::/0 dev a\n");
        assert!(fake.happened.is_empty());
    }

    #[test]
    fn a_part_is_asked_for() {
        let mut fake = Fake::new()
            .table(&["0.0.0.0/0"])
            .answer("show inet6", "::/0\n");
        let mut text = Vec::new();
        let out = &mut Output::new(&mut text, false);
        selection(&mut Device::new(&mut fake), "inet6", out).expect("accepted");
        assert_eq!(text, b"::/0\n");
    }

    #[test]
    fn a_read_that_fails_is_no_short_table() {
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
