// SPDX-License-Identifier: GPL-2.0

//! The timeline of an incident, as boxes whose width follows that of the page.

use maud::{html, Markup};
use stall_decode::{Chart, Span, Timeline};

/// Lanes shown per chart.
const MAX_LANES: usize = 24;

/// Reports shown per span.
const MAX_REPORTS: usize = 100;

/// Shows the charts of an incident. `anchor` is the prefix of its reports' anchors.
pub(crate) fn timeline(timeline: &Timeline, anchor: &str) -> Markup {
    let charts = timeline.charts();
    html! {
        @for chart in &charts {
            figure.timeline {
                figcaption {
                    "Timeline in " (chart.unit)
                    @if charts.len() > 1 { ", boot " (chart.boot) }
                }
                (lanes(chart, anchor))
                (axis(chart))
                (legend(chart))
            }
        }
    }
}

fn percent(position: f64) -> String {
    format!("{:.2}%", position * 100.0)
}

fn lanes(chart: &Chart, anchor: &str) -> Markup {
    html! {
        @for lane in chart.lanes.iter().take(MAX_LANES) {
            div.lane {
                div.name { (lane.name) }
                div.track {
                    @for span in &lane.spans { (bar(span, anchor)) }
                }
            }
        }
        @if chart.lanes.len() > MAX_LANES {
            p.faint { (chart.lanes.len() - MAX_LANES) " more CPUs and tasks are left out" }
        }
    }
}

fn bar(span: &Span, anchor: &str) -> Markup {
    let width = span.to - span.from;
    let style = format!("left:{};width:{}", percent(span.from), percent(width));
    let rest = format!("left:{};right:0", percent(span.to));
    let end = format!("left:{}", percent(span.to));
    let length = span.seconds.map(|seconds| format!("{seconds:.1} s"));
    html! {
        @if span.lasts {
            div class={ "span " (span.class) } style=(style) {
                @if let Some(length) = length.filter(|_| width > 0.12) { span.length { (length) } }
            }
            @if span.has_ended {
                div.end style=(end) title="the log has the end" {}
            } @else {
                div class={ "open " (span.class) } style=(rest) title="the log has no end" {}
            }
        }
        @for (at, line, text) in span.reports.iter().take(MAX_REPORTS) {
            a class={ "report " (span.class) } href={ "#" (anchor) (line) }
                style={ "left:" (percent(*at)) } title=(text) aria-label=(text) {}
        }
    }
}

fn axis(chart: &Chart) -> Markup {
    html! {
        div.lane aria-hidden="true" {
            div.name {}
            div.axis {
                @for (at, label) in &chart.steps {
                    span style={ "left:" (percent(*at)) } { (label) }
                }
            }
        }
    }
}

/// The legend of the signs that the chart has.
fn legend(chart: &Chart) -> Markup {
    let spans = || chart.lanes.iter().flat_map(|lane| &lane.spans);
    let has = |is_such: fn(&Span) -> bool| spans().any(is_such);
    let mut kinds: Vec<_> = spans().map(|span| (span.class, span.meaning)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    html! {
        p.legend {
            @for (class, meaning) in kinds {
                span { span class={ "key " (class) } {} " " (meaning) }
            }
            span { span.key.tick {} " a report" }
            @if has(|span| span.lasts && !span.has_ended) {
                span { span.key.hatched {} " the log has no end" }
            }
            @if has(|span| span.has_ended) { span { span.key.ended {} " the end" } }
        }
    }
}
