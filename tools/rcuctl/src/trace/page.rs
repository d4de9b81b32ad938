// SPDX-License-Identifier: GPL-2.0

//! A web page with the picture at three scales, without scripts and without outside resources.

use maud::{html, PreEscaped, DOCTYPE};

use super::picture::{svg, WIDTH};
use super::recording::Recording;
use crate::own_file::TRACE_DRAWING;

/// Forbids scripts and outside resources, in case the name of a task contains HTML.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The widths of the pictures, as multiples of the first.
const SCALES: [u32; 3] = [1, 4, 16];

const STYLE: &str = "\
body { font: 15px sans-serif; margin: 16px; }
.pictures { overflow-x: auto; }
.pictures > svg { display: none; }
label { margin-right: 12px; }
#x1:checked ~ .pictures > svg:nth-child(1), #x4:checked ~ .pictures > svg:nth-child(2),
#x16:checked ~ .pictures > svg:nth-child(3) { display: block; }";

/// Returns the page of the events since a time, or of all.
pub fn html(recording: &Recording, since_us: Option<u64>) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content=(TRACE_DRAWING);
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { "RCU at work" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "RCU at work" }
                p { "Hover over a bar or mark for its explanation. 0 ms is the start of the first grace period." }
                @for scale in SCALES {
                    input type="radio" name="scale" id={ "x" (scale) } checked[scale == 1];
                    label for={ "x" (scale) } { (scale) "×" }
                }
                div.pictures {
                    @for scale in SCALES {
                        (PreEscaped(svg(recording, since_us, WIDTH * f64::from(scale)).to_string()))
                    }
                }
            }
        }
    };
    page.into_string()
}
