// SPDX-License-Identifier: GPL-2.0

//! Measures the speed of decoding.
//!
//! `cargo bench -p stall-decode -- [MEGABYTES] [FOLDER]`
//!
//! Builds two logs of 100 MB in memory from the logs of the corpus. The first has only reports: the
//! worst case. The second resembles the log of a long-running machine, with one log of the corpus
//! per megabyte.

use std::path::PathBuf;
use std::time::Instant;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // cargo itself adds an option.
    let mut arguments = env::args().skip(1).filter(|word| word != "--bench");
    let megabytes: usize = arguments
        .next()
        .and_then(|size| size.parse().ok())
        .unwrap_or(100);
    let folder = arguments.next().map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus"),
        PathBuf::from,
    );
    let mut logs = Vec::new();
    let mut paths: Vec<_> = fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    for path in paths {
        if path.extension().is_some_and(|end| end == "log") {
            logs.push(fs::read(path)?);
        }
    }
    let size = megabytes << 20;
    time("reports only", &dense(&logs, size))?;
    time("a report per megabyte", &sparse(&logs, size))
}

/// Repeats the logs without other lines.
fn dense(logs: &[Vec<u8>], size: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(size + (1 << 20));
    for log in logs.iter().cycle() {
        if text.len() >= size {
            break;
        }
        text.extend(log);
        text.push(b'\n');
    }
    text
}

/// Adds a log per megabyte to lines of normal operation.
fn sparse(logs: &[Vec<u8>], size: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(size + (1 << 20));
    let mut next = 1 << 20;
    let mut log = logs.iter().cycle();
    for number in 0u64.. {
        if text.len() >= size {
            break;
        }
        let (seconds, micros) = (number / 100, number % 100 * 10_000);
        let line = match number % 3 {
            0 => format!("[{seconds:5}.{micros:06}] audit: type=1400 audit(1700000000.{number}:42): apparmor=\"ALLOWED\" pid={number}\n"),
            1 => format!("[{seconds:5}.{micros:06}] usb 1-1.{}: new high-speed USB device number {number} using xhci_hcd\n", number % 4),
            _ => format!("[{seconds:5}.{micros:06}] IPv6: ADDRCONF(NETDEV_CHANGE): veth{number}: link becomes ready\n"),
        };
        text.extend(line.as_bytes());
        if text.len() >= next {
            next += 1 << 20;
            text.extend(log.next().into_iter().flatten());
        }
    }
    text
}

fn time(name: &str, text: &[u8]) -> io::Result<()> {
    let lines = text.iter().filter(|&&byte| byte == b'\n').count();
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let mut events = 0u64;
    stall_decode::decode(text, |_| {
        events += 1;
        Ok(())
    })?;
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let megabytes = text.len() as f64 / 1e6;
    println!(
        "{name}: {megabytes:.0} MB, {lines} lines, {events} events in {seconds:.2} s ({cpu:.2} s of CPU), {:.0} MB/s",
        megabytes / seconds
    );
    Ok(())
}

/// Returns the CPU time of this process. Unlike wall-clock time, it excludes other programs.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = stat
        .split(' ')
        .next()
        .and_then(|number| number.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}
