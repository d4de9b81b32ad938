// SPDX-License-Identifier: GPL-2.0

//! A writer at full speed and two readers. The writer makes single changes, transactions, reloads
//! and flushes, in all reclaim modes. Each lookup and dump must be correct for some moment during
//! its call. The table's own test in user space has the same plan and explains the rules.

use std::{
    fs,
    net::Ipv4Addr,
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::errno::Errno;

use super::{
    check::{Checker, Tally},
    history::{History, State},
    plan::{Action, Change, Mode, Planner},
    universe::{Answer, Candidate, Family, Universe},
};
use crate::{
    device::{self, Device, Stats},
    random::Random,
    tap::{ensure, equal, fail, same_text, During, Outcome, Stop},
};

/// The duration of the test, in seconds.
static SECONDS: AtomicU64 = AtomicU64::new(10);

/// The interval between actions that wait for a grace period. Without it, the writer would spend
/// most of its time waiting.
const WAIT_INTERVAL: Duration = Duration::from_millis(100);

/// Sets the duration of the test.
pub fn set_seconds(seconds: u64) {
    SECONDS.store(seconds, Ordering::Relaxed);
}

const PARAMETERS: &str = "/sys/module/rust_rcu_demo/parameters";

/// A parameter of the module. Dropping it restores the value.
struct Parameter {
    path: PathBuf,
    before: String,
}

impl Parameter {
    /// Returns none if the module has no such parameter.
    fn new(name: &str) -> Option<Self> {
        let path = PathBuf::from(PARAMETERS).join(name);
        let before = fs::read_to_string(&path).ok()?;
        Some(Self { path, before })
    }

    fn set(&self, value: &str) -> Outcome {
        fs::write(&self.path, value).during(format!("setting {}", self.path.display()))
    }
}

impl Drop for Parameter {
    fn drop(&mut self) {
        // The test may already have failed, so there is no way to report an error.
        let _ = self.set(&self.before);
    }
}

/// Rotates the reclaim mode while the table changes. Each mode is set several times, and sometimes
/// with a low limit, so that updaters must wait for reclaim.
struct ReclaimRotation {
    mode: Option<Parameter>,
    max_kb: Option<Parameter>,
    turn: usize,
    /// The number of steps in each mode.
    steps: [u32; Self::MODES.len()],
}

impl ReclaimRotation {
    const MODES: [&'static str; 4] = ["call", "kvfree", "expedited", "synchronize"];

    fn new() -> Self {
        Self {
            mode: Parameter::new("reclaim"),
            max_kb: Parameter::new("reclaim_max_kb"),
            turn: 0,
            steps: [0; Self::MODES.len()],
        }
    }

    /// Changes the mode every 250 ms. Call it before each step.
    fn rotate(&mut self, elapsed: Duration) -> Outcome {
        let turn = elapsed.as_millis() as usize / 250;
        self.steps[turn % Self::MODES.len()] += 1;
        if turn == self.turn {
            return Ok(());
        }
        self.turn = turn;
        if let Some(mode) = &self.mode {
            mode.set(Self::MODES[turn % Self::MODES.len()])?;
        }
        if let Some(max_kb) = &self.max_kb {
            let is_low = turn / Self::MODES.len() % 4 == 3;
            max_kb.set(if is_low { "256" } else { max_kb.before.trim() })?;
        }
        Ok(())
    }

    fn report(&self) -> String {
        let mode = |(name, steps): (&&str, &u32)| format!(", {steps} with {name}");
        Self::MODES.iter().zip(&self.steps).map(mode).collect()
    }
}

fn route_line(route: &Candidate, number: usize, step: u32) -> String {
    let gateway = Ipv4Addr::from_bits(step);
    let inet = match route.family() {
        Family::Inet => "",
        Family::Inet6 => "inet ",
    };
    let metric = match number {
        0 => String::new(),
        number => format!(" metric {number}"),
    };
    format!(
        "{}/{} via {inet}{gateway}{metric}\n",
        route.address, route.len
    )
}

/// The expected dump of the table.
fn dump_of(universe: &Universe, state: &State) -> String {
    let mut numbers: Vec<usize> = (0..state.len())
        .filter(|&number| state[number] != 0)
        .collect();
    numbers.sort_by_key(|&number| universe.dump_positions[number]);
    let line = |&number: &usize| route_line(&universe.routes[number], number, state[number]);
    numbers.iter().map(line).collect()
}

fn change_line(universe: &Universe, change: Change, step: u32) -> String {
    match change {
        Change::Insert(mode, number) => {
            let verb = match mode {
                Mode::Add => "add",
                Mode::Change => "change",
                Mode::Replace => "replace",
            };
            format!(
                "{verb} {}",
                route_line(&universe.routes[number], number, step)
            )
        }
        Change::Remove(number) => {
            let route = universe.routes[number];
            format!("del {}/{} metric {number}\n", route.address, route.len)
        }
        Change::Flush(Family::Inet) => "flush inet\n".into(),
        Change::Flush(Family::Inet6) => "flush inet6\n".into(),
    }
}

/// Parses a line of a dump or an answer to `get`.
fn answer_of(universe: &Universe, line: &str) -> Outcome<Answer> {
    let parse = || {
        let mut words = line.split(' ');
        let (address, len) = words.next()?.split_once('/')?;
        let mut words = words.filter(|word| !["via", "inet", "metric"].contains(word));
        let gateway = words.next()?.parse().ok()?;
        let metric = words.next().map_or(Some(0), |metric| metric.parse().ok())?;
        universe.answer(address.parse().ok()?, len.parse().ok()?, metric, gateway)
    };
    match parse() {
        Some(answer) => Ok(answer),
        None => fail(format!("'{line}' was never in the table")),
    }
}

/// Calls `write()` once. Fails with the device's message unless it writes all bytes.
fn write_all(device: &Device, text: &str) -> Outcome {
    match device.write(text) {
        Ok(count) if count == text.len() => Ok(()),
        other => {
            let why = device.answers()?;
            fail(format!(
                "write() returned {other:?} with the message {why:?} for:\n{text}"
            ))
        }
    }
}

/// The errno of a commit that fails at this change.
fn errno_of(change: Change) -> Errno {
    match change {
        Change::Insert(Mode::Add, _) => Errno::EEXIST,
        Change::Insert(..) => Errno::ENOENT,
        Change::Remove(_) | Change::Flush(_) => Errno::ESRCH,
    }
}

struct Churn {
    universe: Universe,
    history: History,
    stop: AtomicBool,
}

/// Stops the other threads when this one ends, even by a panic.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Churn {
    fn lines(&self, changes: &[Change], step: u32) -> String {
        let line = |&change: &Change| change_line(&self.universe, change, step);
        changes.iter().map(line).collect()
    }

    fn perform(&self, device: &Device, action: &Action, step: u32) -> Outcome {
        let lines = |changes| self.lines(changes, step);
        match action {
            Action::Single(change) => write_all(device, &lines(&[*change])),
            Action::Commit(changes) => {
                write_all(device, &format!("begin\n{}commit\n", lines(changes)))
            }
            Action::Drop(changes) => {
                write_all(device, &format!("begin\n{}abort\n", lines(changes)))
            }
            Action::Reload(changes) => {
                write_all(device, &format!("begin reload\n{}commit\n", lines(changes)))
            }
            Action::DropReload(changes) => {
                write_all(device, &format!("begin reload\n{}abort\n", lines(changes)))
            }
            Action::Fail(changes) => {
                write_all(device, &format!("begin\n{}", lines(changes)))?;
                let expected = errno_of(changes[changes.len() - 1]);
                equal(
                    "the refused commit",
                    device.write("commit\n"),
                    Err(expected),
                )?;
                device.answers().map(drop)
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Changes the table until the time is over, and then checks the whole table. Returns a report
    /// of the steps.
    fn write(&self) -> Outcome<String> {
        let _stop = StopOnDrop(&self.stop);
        let device = Device::open()?;
        let mut random = Random::new(7);
        let mut plan = Planner::new(&self.universe, |bound| random.below(bound));
        let mut action = plan.first();
        let mut reclaim = ReclaimRotation::new();
        let mut state = plan.state;
        let time = Duration::from_secs(SECONDS.load(Ordering::Relaxed));
        let start = Instant::now();
        let mut waited = start;
        while start.elapsed() < time && !self.is_stopped() {
            reclaim.rotate(start.elapsed())?;
            self.history.begin(plan.step, &plan.state);
            self.perform(&device, &action, plan.step)?;
            self.history.end(plan.step);
            state = plan.state;
            let waits = waited.elapsed() > WAIT_INTERVAL;
            action = plan.next(waits);
            if waits {
                waited = Instant::now();
            }
        }
        same_text(
            "the table",
            &device::dump()?,
            &dump_of(&self.universe, &state),
        )?;
        Ok(format!("{} steps{}", plan.step - 1, reclaim.report()))
    }

    /// Looks up addresses. A write ends at an address without a route, and the next one continues.
    fn get(&self, device: &Device, queries: &[usize]) -> Outcome<Vec<Option<Answer>>> {
        let line = |&number: &usize| format!("get {}\n", self.universe.queries[number].address);
        let text: String = queries.iter().map(line).collect();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            match device.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::ENETUNREACH) => {
                    rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
                }
                Err(errno) => return fail(format!("write() of get: {errno}")),
            }
        }
        let answers = device.answers()?;
        let answers: Vec<_> = answers
            .lines()
            .map(|line| match line.ends_with(": no route") {
                true => Ok(None),
                false => answer_of(&self.universe, line).map(Some),
            })
            .collect::<Outcome<_>>()?;
        equal("the number of answers", answers.len(), queries.len())?;
        Ok(answers)
    }

    /// Looks up addresses and dumps the table until the writer stops, and checks all answers.
    fn read(&self, seed: u64) -> Outcome<Tally> {
        let _stop = StopOnDrop(&self.stop);
        let device = Device::open()?;
        let mut random = Random::new(seed);
        let mut checker = Checker::new(&self.universe, &self.history);
        let total = self.universe.queries.len();
        while !self.is_stopped() {
            for _ in 0..16 {
                let queries: Vec<usize> = (0..1 + random.below(6))
                    .map(|_| random.below(total))
                    .collect();
                let from = checker.open();
                let answers = self.get(&device, &queries)?;
                let window = checker.close(from);
                for (query, answer) in queries.into_iter().zip(answers) {
                    checker.lookup(&window, query, answer).or_else(fail)?;
                }
            }
            let from = checker.open();
            let dump = device::dump()?;
            let window = checker.close(from);
            let dump: Vec<Answer> = dump
                .lines()
                .map(|line| answer_of(&self.universe, line))
                .collect::<Outcome<_>>()?;
            checker.dump(&window, &dump).or_else(fail)?;
        }
        Ok(checker.tally)
    }
}

/// Waits for a thread, and returns its result.
fn join<T>(thread: thread::ScopedJoinHandle<'_, Outcome<T>>) -> Outcome<T> {
    thread.join().unwrap_or_else(|_| fail("a thread panicked"))
}

pub fn readers_get_only_correct_answers() -> Outcome {
    let churn = Churn {
        universe: Universe::new(),
        history: History::new(),
        stop: AtomicBool::new(false),
    };
    let empty = Stats::now()?.table_size()?;
    let (steps, tallies) = thread::scope(|scope| {
        let readers = [1, 2].map(|seed| {
            let churn = &churn;
            scope.spawn(move || churn.read(seed))
        });
        let written = join(scope.spawn(|| churn.write()));
        let tallies: Outcome<Vec<Tally>> = readers.into_iter().map(join).collect();
        Ok::<_, Stop>((written?, tallies?))
    })?;
    println!("#   {steps}");
    for tally in tallies {
        println!("#   {tally}");
        let checked = tally.lookups + tally.dumps;
        ensure(
            "the readers checked enough answers",
            tally.raced > 20 && tally.dumps > 1,
        )?;
        ensure(
            "the readers skipped few checks",
            tally.skipped < checked / 10,
        )?;
    }
    device::wait_for_reclaim()?;
    device::flush()?;
    device::wait_for_reclaim()?;
    equal(
        "the size of the empty table",
        Stats::now()?.table_size()?,
        empty,
    )
}
