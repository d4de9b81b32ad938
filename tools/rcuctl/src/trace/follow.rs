// SPDX-License-Identifier: GPL-2.0

//! Follows the kernel's events: sets up the instance, reads it, and removes it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::options::Trace;
use super::tracefs::{self, Instance, TraceError};
use super::words::FUNCTIONS;
use super::{pipe, raw_file, EVENTS, WATCHING};
use crate::error::{Error, Result};
use crate::interrupt::Interrupts;

/// The time within which a requested grace period must end.
const GRACE_PERIOD_TIMEOUT: Duration = Duration::from_secs(60);

/// The pause between two requests.
const REQUEST_PAUSE: Duration = Duration::from_millis(50);

/// The events to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// All, until the user ends the recording.
    Any,
    /// Grace periods that this program requests.
    Requested,
    /// The same, with the entries to and exits from extended quiescent states.
    RequestedWatching,
}

/// The reason why following ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Enough,
    TimeOut,
    Interrupted,
}

pub struct Follower {
    instance: Instance,
    /// The instance that waits for grace periods, until a thread takes it.
    requester: Option<Instance>,
    request: Request,
    interrupts: Interrupts<'static>,
    limit: Option<Duration>,
    began: Instant,
    /// Whether the recording ended before its purpose was reached.
    ended_early: bool,
    raw: Option<BufWriter<File>>,
}

/// A thread that waits for a grace period. Dropping it joins the thread, which removes its instance.
#[derive(Default)]
struct Request {
    thread: Option<JoinHandle<std::result::Result<(), TraceError>>>,
    /// Whether the thread waits for a grace period.
    is_waiting: Arc<AtomicBool>,
}

impl Request {
    /// Waits for `times` grace periods in a thread, with pauses in which CPUs become idle.
    fn start(requester: Instance, times: u32) -> Self {
        let is_waiting = Arc::new(AtomicBool::new(false));
        let waits = is_waiting.clone();
        let thread = thread::spawn(move || {
            for _ in 0..times {
                // ORDERING: The flag publishes no other data.
                waits.store(true, Ordering::Relaxed);
                requester.synchronize()?;
                waits.store(false, Ordering::Relaxed);
                thread::sleep(REQUEST_PAUSE);
            }
            Ok(())
        });
        Self {
            thread: Some(thread),
            is_waiting,
        }
    }

    fn join(&mut self) -> std::result::Result<(), TraceError> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            // A panic has printed its message.
            Some(Err(_)) | None => Ok(()),
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // The caller already has the error that caused the drop.
        let _ = self.join();
    }
}

impl Follower {
    /// Sets up the instance, and starts the recording.
    ///
    /// Errors: tracefs is absent or not accessible; the kernel lacks RCU_TRACE, and `source` needs
    /// it.
    pub fn new(options: &Trace, source: Source) -> Result<Self> {
        let interrupts = Interrupts::from_signals()?;
        let tracefs = tracefs::find()?;
        tracefs::remove_stale(&tracefs);
        // Created first: this waits for grace periods, which the recording must not contain.
        let requester = match source {
            Source::Any => None,
            _ => Some(Instance::create(&tracefs, "-request")?),
        };
        let instance = Instance::create(&tracefs, "")?;
        let mut events = EVENTS.to_vec();
        if options.verbose || source == Source::RequestedWatching {
            events.push(WATCHING);
        }
        match instance.enable(&events) {
            Err(error @ TraceError::NoRcuTrace(_)) if source == Source::Any && !options.draws() => {
                eprintln!("rcuctl: {error}");
                instance.trace_functions(&FUNCTIONS);
            }
            result => result?,
        }
        Ok(Self {
            instance,
            requester,
            request: Request::default(),
            interrupts,
            limit: options
                .seconds
                .or((source != Source::Any).then_some(GRACE_PERIOD_TIMEOUT)),
            began: Instant::now(),
            ended_early: false,
            raw: raw_file(options)?,
        })
    }

    /// Starts a thread that waits for grace periods, one after the other.
    pub fn request(&mut self, times: u32) {
        if let Some(requester) = self.requester.take() {
            self.request = Request::start(requester, times);
        }
    }

    /// Passes each line to `take`, and `None` whenever the pipe is empty. Ends if `take` returns
    /// `Break`, the time is over, or a signal arrives.
    pub fn follow(
        &mut self,
        mut take: impl FnMut(Option<&str>) -> Result<ControlFlow<()>>,
    ) -> Result<End> {
        let Self {
            instance,
            interrupts,
            limit,
            began,
            ended_early,
            raw,
            ..
        } = self;
        let mut end = End::Enough;
        let is_over = || {
            if interrupts.count() > 0 {
                end = End::Interrupted;
            } else if limit.is_some_and(|limit| began.elapsed() >= limit) {
                end = End::TimeOut;
            }
            end != End::Enough
        };
        pipe::lines(instance.open_pipe()?, is_over, |line| {
            if let (Some(raw), Some(line)) = (raw.as_mut(), line) {
                writeln!(raw, "{line}").map_err(Error::io("writing the kernel's lines"))?;
            }
            take(line)
        })?;
        *ended_early = end != End::Enough;
        Ok(end)
    }

    /// Removes the instances. Returns how long the recording lasted.
    pub fn end(mut self) -> Result<Duration> {
        let lasted = self.began.elapsed();
        if let Some(mut raw) = self.raw {
            raw.flush()
                .map_err(Error::io("writing the kernel's lines"))?;
        }
        // The kernel neither interrupts the wait, nor removes an instance before a grace period.
        if self.ended_early && self.request.is_waiting.load(Ordering::Relaxed) {
            eprintln!(
                "rcuctl: the kernel still waits for a grace period, and rcuctl can only end after it; \
                 `dmesg | rcuctl decode` explains a stall"
            );
        }
        drop(self.instance);
        drop(self.requester);
        self.request.join()?;
        Ok(lasted)
    }
}
