// SPDX-License-Identifier: GPL-2.0

//! `trace demo`: plays scenes, and checks that the trace shows the facts of each.

pub mod findings;

use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::json;

use super::follow::{End, Follower, Source};
use super::grace_period::GracePeriod;
use super::options::Trace;
use super::recording::Recording;
use super::style::Style;
use super::{draw, has_returned, report, since, warn_of_loss};
use crate::error::{Result, Status};
use crate::journal;
use crate::output::Output;
use crate::parameters::{Folder, Parameters};
use crate::settings::{name_of, Settings};
use crate::stall::cpus;

use findings::Finding;

/// The longest duration of a scene of the module, including the start of its threads.
pub const HOLD_MS: u64 = 1000;

/// The grace periods that rcuctl requests in a scene.
const REQUESTS: u32 = 10;

/// The pause between two reads of the module's report.
const POLL: Duration = Duration::from_millis(50);

/// A scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scene {
    /// A reader loops for up to a second with preemption off; a grace period waits for its CPU
    Reader,
    /// A thread of higher priority preempts a reader for up to a second; a grace period waits for the task
    Preempted,
    /// An updater waits for normal and for expedited grace periods
    Expedited,
    /// An updater queues callbacks behind a reader that loops; one grace period serves all
    Call,
    /// A CPU sleeps through a grace period, and the grace-period kthread notices that it is idle
    Idle,
    /// CPUs report to leaves of the tree, and each leaf once to its parent; needs several leaves
    Tree,
    /// An updater waits for all callbacks queued before: rcu_barrier()
    Barrier,
}

/// The module's part of a scene.
struct Play {
    settings: &'static [(&'static str, &'static str)],
    parameter: &'static str,
    value: &'static str,
    /// The value that ends it.
    stop: &'static str,
    /// The number of grace periods that rcuctl requests meanwhile, with pauses.
    requests: u32,
}

impl Scene {
    pub fn needs_module(self) -> bool {
        self.play().is_some()
    }

    fn play(self) -> Option<Play> {
        let stall = |value| Play {
            settings: &[("stall_hold_ms", "1000"), ("stall_holdoff_ms", "0")],
            parameter: "stall",
            value,
            stop: "none",
            requests: REQUESTS,
        };
        match self {
            Self::Reader => Some(stall("cpu_preempt_off")),
            Self::Preempted => Some(stall("task_preempted")),
            Self::Call | Self::Barrier => Some(stall("callback_flood_capped")),
            Self::Expedited => Some(Play {
                settings: &[("scale_loops", "4"), ("scale_nruns", "1")],
                parameter: "scale",
                value: "gp",
                stop: "none",
                requests: 0,
            }),
            Self::Idle | Self::Tree => None,
        }
    }

    /// The parameter that starts the job of the scene.
    fn parameter(self) -> Option<&'static str> {
        self.play().map(|play| play.parameter)
    }

    fn source(self) -> Source {
        match self {
            Self::Idle => Source::RequestedWatching,
            _ => Source::Requested,
        }
    }
}

/// Plays a scene, and shows it.
pub fn play(options: &Trace, scene: Scene, out: &mut Output<impl Write>) -> Result<Status> {
    let folder = Folder::new(&options.parameters);
    let settings = journal::open(&folder, scene.parameter())?;
    let mut recording = Recording::new(true);
    // The reader of a scene must not keep rcuctl or the grace-period kthread from a CPU.
    let cpus = match scene.needs_module() {
        true => cpus::select(&settings, None)?,
        false => cpus::select_last(&settings)?,
    };
    cpus.move_caller()?;
    let _moved = cpus.move_gp_kthread(&settings)?;
    let mut follower = Follower::new(options, scene.source())?;
    let end = match scene.play() {
        Some(play) => follow_play(&settings, &play, &mut follower, &mut recording)?,
        None => follow_request(scene, &mut follower, &mut recording)?,
    };
    follower.end()?;
    if end == End::Interrupted {
        return Ok(Status::Interrupted);
    }
    show(options, scene, &recording, out)
}

/// Prints, draws and checks the facts in the recording of a scene.
pub fn show(
    options: &Trace,
    scene: Scene,
    recording: &Recording,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    warn_of_loss(recording);
    let (period, findings) = findings::of(scene, recording);
    print(scene, recording, period, &findings, out)?;
    draw(options, recording, period.map(first_us))?;
    Ok(match findings.iter().all(|finding| finding.is_seen) {
        true => Status::Done,
        false => Status::Refused,
    })
}

/// The time of the first event that concerns a grace period.
fn first_us(period: &GracePeriod) -> u64 {
    let blocked = period.blocked.iter().map(|task| task.from_us);
    let requested = period.requested.iter().map(|by| by.us);
    blocked.chain(requested).fold(period.started.us, u64::min)
}

/// Starts the module's part, and follows the events until it is over.
fn follow_play(
    parameters: &impl Parameters,
    play: &Play,
    follower: &mut Follower,
    recording: &mut Recording,
) -> Result<End> {
    let settings = play
        .settings
        .iter()
        .map(|(name, value)| (*name, value.to_string()));
    let settings = Settings::apply(parameters, settings)?;
    parameters.write(play.parameter, play.value)?;
    // The module reads them when the scene starts.
    settings.restore()?;
    // Repeated, because the first grace period may end before the module's reader begins.
    follower.request(play.requests);
    let mut polled = Instant::now();
    let end = follower.follow(|line| {
        if let Some(line) = line {
            recording.add(line);
        }
        if polled.elapsed() < POLL {
            return Ok(ControlFlow::Continue(()));
        }
        polled = Instant::now();
        let report = parameters.read(play.parameter)?;
        // An empty pipe means that rcuctl has read the end of the scene.
        match line.is_none() && report.lines().any(|line| line == "state idle") {
            true => Ok(ControlFlow::Break(())),
            false => Ok(ControlFlow::Continue(())),
        }
    });
    if !matches!(end, Ok(End::Enough)) {
        parameters.write(play.parameter, play.stop)?;
    }
    end
}

/// Follows the grace periods that this program requests, until one is that of the scene.
fn follow_request(scene: Scene, follower: &mut Follower, recording: &mut Recording) -> Result<End> {
    follower.request(REQUESTS);
    follower.follow(|line| {
        if let Some(line) = line {
            recording.add(line);
        }
        let found = recording.periods().iter().find(|period| match scene {
            Scene::Idle => findings::idle_cpu(period).is_some(),
            _ => period.requested.is_some(),
        });
        Ok(
            match found.is_some_and(|period| has_returned(recording, period)) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            },
        )
    })
}

fn print(
    scene: Scene,
    recording: &Recording,
    period: Option<&GracePeriod>,
    findings: &[Finding],
    out: &mut Output<impl Write>,
) -> Result<()> {
    if out.json() {
        return out.document(&json!({
            "scene": name_of(&scene),
            "findings": findings,
            "grace_period": period,
            "expedited": recording.expedited(),
            "lost_events": recording.lost(),
        }));
    }
    let style = Style::for_stdout();
    out.line(&style.heading(&format!("Scene {}", name_of(&scene))))?;
    for finding in findings {
        let mark = if finding.is_seen { "seen" } else { "NOT SEEN" };
        out.line(&format!("  {mark}: {}", finding.text))?;
    }
    if let Some(period) = period {
        let records = since(recording, Some(first_us(period)));
        out.line("")?;
        out.line(report::text(period, records, style).trim_end())?;
    }
    Ok(())
}
