// SPDX-License-Identifier: GPL-2.0

//! `route load`: loads a file of routes into the table.

mod chunks;
mod explain;
mod loader;
mod transaction;

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::device::transport::Transport;
use crate::device::{Access, Device};
use crate::error::{Error, Result, Status};
use crate::input::Input;
use crate::interrupt;
use crate::output::Output;
use crate::progress::Progress;
use chunks::Chunks;
pub use loader::Atomicity;
use loader::Loader;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub atomicity: Atomicity,
    /// Replace routes that exist, instead of stopping at them.
    pub overwrite: bool,
}

impl Options {
    /// From the options of the command line.
    pub fn new(replace: bool, atomic: bool, overwrite: bool) -> Self {
        Self {
            atomicity: Atomicity::new(replace, atomic),
            overwrite,
        }
    }
}

/// Loads a file on the device node at `device`. A signal ends the load between two chunks.
pub fn file(
    device: &Path,
    file: &Path,
    options: Options,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let flag = interrupt::flag()?;
    let input = Input::open_interruptible(file, flag.clone())?;
    let progress = Progress::new(input.size(), out.json());
    let device = &mut Device::open(device, Access::ReadWrite)?;
    // ORDERING: The flag publishes no other data.
    let is_interrupted = || flag.load(Ordering::Relaxed);
    run(device, input, options, progress, &is_interrupted, out)
}

/// Loads `input`: routes, and other changes such as `del` and `replace`.
fn run(
    device: &mut Device<impl Transport>,
    input: Input<impl BufRead>,
    options: Options,
    mut progress: Progress,
    is_interrupted: &dyn Fn() -> bool,
    out: &mut Output<impl Write>,
) -> Result<Status> {
    let start = Instant::now();
    let loaded = load(device, input, options, &mut progress, is_interrupted);
    // Removes the bar before an error is printed.
    drop(progress);
    summarize(loaded?, start.elapsed(), out)?;
    Ok(Status::Done)
}

/// Sends all lines and returns the number of applied lines.
fn load(
    device: &mut Device<impl Transport>,
    input: Input<impl BufRead>,
    options: Options,
    progress: &mut Progress,
    is_interrupted: &dyn Fn() -> bool,
) -> Result<u64> {
    let mut loader = Loader::new(device, input.name());
    loader.begin(options.atomicity)?;
    let chunks = Chunks::new(input, options.overwrite, loader.max_operations());
    let loaded = send_all(&mut loader, chunks, progress, is_interrupted);
    let applied = loader.applied();
    if loaded.is_err() {
        loader.abort();
    }
    match loaded {
        // A signal made the read of the file fail.
        Err(Error::Io { .. }) if is_interrupted() => Err(Error::Interrupted { applied }),
        loaded => loaded,
    }
}

fn send_all(
    loader: &mut Loader<'_, impl Transport>,
    mut chunks: Chunks<impl BufRead>,
    progress: &mut Progress,
    is_interrupted: &dyn Fn() -> bool,
) -> Result<u64> {
    while let Some(chunk) = chunks.next()? {
        if is_interrupted() {
            let applied = loader.applied();
            return Err(Error::Interrupted { applied });
        }
        loader.send(&chunk)?;
        progress.update(chunks.bytes_read(), loader.accepted());
        chunks.recycle(chunk);
    }
    loader.finish()
}

fn summarize(loaded: u64, elapsed: Duration, out: &mut Output<impl Write>) -> Result<()> {
    let seconds = elapsed.as_secs_f64();
    let rate = (loaded as f64 / seconds.max(1e-9)).round();
    if out.json() {
        return out.document(&json!({
            "loaded": loaded,
            "seconds": (seconds * 1e6).round() / 1e6,
            "routes_per_second": rate as u64,
        }));
    }
    out.line(&format!(
        "loaded {loaded} routes in {seconds:.2} s ({rate} routes/s)"
    ))
}

#[cfg(test)]
mod tests;
