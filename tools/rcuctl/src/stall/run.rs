// SPDX-License-Identifier: GPL-2.0

//! One stall, from shortened time-outs to the proof that all is well again.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use stall_decode::Event;

use super::cpus::STALL_CPU;
use super::kinds::{Blames, Kind};
use super::live::{Live, Phase};
use super::observer::{Header, Log, Observer};
use super::report::{Offer, Report};
use super::timeouts;
use super::trouble::{Denied, Trouble};
use super::victim::Victim;
use super::{NONE, STALL};
use crate::error::{Error, Result};
use crate::parameters::{self, Parameters};
use crate::run::{Run, State};
use crate::settings::Settings;

/// The longest that the module lets a stall last, in milliseconds.
pub const MAX_HOLD_MS: u32 = 60_000;
/// The kernel's ticks may be late, and its log behind.
const SLACK: Duration = Duration::from_secs(20);

/// What is wanted.
pub struct Plan {
    pub kind: &'static Kind,
    /// The CPU that is to suffer, if it is not the module's choice.
    pub cpu: Option<u32>,
    /// Kinds that leave the kernel unfit are allowed.
    pub allow_unsafe: bool,
    pub hold: Option<Duration>,
    pub timeout: Option<Duration>,
}

impl Plan {
    /// Milliseconds that it may last: longer than it takes, for machines whose ticks are late.
    fn hold_ms(&self, offer: &Offer) -> u32 {
        let most = || offer.hold_ms.saturating_mul(2).min(MAX_HOLD_MS);
        match self.hold {
            // What is too long is the module's to say.
            Some(hold) => u32::try_from(hold.as_millis()).unwrap_or(u32::MAX),
            None => self.kind.hold_ms.unwrap_or_else(most),
        }
    }

    /// How long the kernel's line is waited for.
    fn timeout(&self, hold_ms: u32) -> Duration {
        let hold = Duration::from_millis(hold_ms.into());
        self.timeout.unwrap_or(hold * self.kind.tries + SLACK)
    }

    /// The module's parameters that a run takes when it begins.
    fn settings(&self, hold_ms: u32) -> Vec<(&'static str, String)> {
        let mut settings = vec![("stall_hold_ms", hold_ms.to_string())];
        if let Some(cpu) = self.cpu {
            settings.push((STALL_CPU, cpu.to_string()));
        }
        if self.allow_unsafe {
            settings.push(("stall_unsafe", "1".to_string()));
        }
        settings
    }
}

/// How often one looks, and how long one waits for what must come.
pub struct Pace {
    pub tick: Duration,
    /// A report is whole when nothing has come for so long.
    pub quiet: Duration,
    /// A report takes no longer than this. NMIs that are not answered take 10 seconds.
    pub report: Duration,
    /// What comes of a stall that has ended comes within this.
    pub rest: Duration,
    /// A stall that was told to end takes no longer than this: grace periods and callbacks are waited for.
    pub settle: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(200),
            quiet: Duration::from_secs(2),
            report: Duration::from_secs(15),
            rest: Duration::from_secs(1),
            settle: Duration::from_secs(60),
        }
    }
}

/// Wishes to end it, as they come.
pub struct Interrupts<'a> {
    came: &'a mut dyn FnMut() -> bool,
    count: u32,
}

impl<'a> Interrupts<'a> {
    pub fn new(came: &'a mut dyn FnMut() -> bool) -> Self {
        Self { came, count: 0 }
    }

    /// How many have come.
    fn count(&mut self) -> u32 {
        self.count += u32::from((self.came)());
        self.count
    }
}

/// A stall that has ended.
pub struct Ended {
    pub kind: &'static Kind,
    pub expects: String,
    /// The module's last report of it.
    pub report: Report,
    /// What goes wrong, in the module's words.
    pub shows: String,
    pub header: Option<Header>,
    pub events: Vec<Event>,
    /// The module's own lines.
    pub notes: Vec<String>,
    pub tries: u32,
    pub interrupted: bool,
    /// The time for the kernel's line was over.
    pub timed_out: bool,
    /// Lines of the log were lost.
    pub lost: bool,
    /// The kernel was asked to forget what it has told of once.
    pub forgot: bool,
    /// RCU was told to keep silent.
    pub suppressed: bool,
    /// What could not be put back.
    pub left: Option<String>,
}

/// Does it all. Whatever happens, the stall is told to end, and all is put back.
pub fn run<P: Parameters, L: Log>(
    parameters: &P,
    log: L,
    plan: &Plan,
    pace: &Pace,
    mut interrupts: Interrupts<'_>,
    live: &mut Live,
) -> Result<Ended> {
    let before = Report::read(parameters)?;
    if before.state != State::Idle {
        return Err(Trouble::Busy.into());
    }
    let kind = plan.kind;
    let offer = before
        .find(kind.name)
        .ok_or_else(|| Trouble::NoKind(kind.name.to_string()))?;
    let hold_ms = plan.hold_ms(offer);
    let mut observer = Observer::new(log, kind, &offer.expects);
    let timeouts = timeouts::shorten(parameters, &offer.expects)?;
    let forgot = timeouts::forget_warnings(parameters);
    let wants_victim = kind.blames == Blames::Invoker && plan.allow_unsafe;
    let victim = wants_victim
        .then(|| Victim::offer(parameters))
        .transpose()?;
    let limit = plan.timeout(hold_ms);
    let deadline = Instant::now() + limit;
    let mut tries = 0;
    let report = loop {
        tries += 1;
        live.begin(kind.name, tries, limit);
        let number = before.runs + u64::from(tries);
        let mut stall = begin(parameters, plan, hold_ms, number, &mut observer)?;
        wait_for_report(
            &mut stall,
            &mut observer,
            pace,
            deadline,
            &mut interrupts,
            live,
        )?;
        let report = end(stall, &mut observer, pace, &mut interrupts, live)?;
        observer.listen_until_quiet(pace.rest, pace.report)?;
        let is_over = tries >= kind.tries || interrupts.count > 0 || Instant::now() >= deadline;
        if observer.header.is_some() || is_over {
            break report;
        }
    };
    observer.finish();
    drop(victim);
    let suppressed = timeouts::are_suppressed(parameters);
    let left = timeouts.put_back().err().map(|error| error.to_string());
    Ok(Ended {
        kind,
        expects: offer.expects.clone(),
        report,
        shows: observer.shows,
        timed_out: observer.header.is_none() && Instant::now() >= deadline,
        header: observer.header,
        events: observer.events,
        notes: observer.notes,
        tries,
        interrupted: interrupts.count > 0,
        lost: observer.lost,
        forgot,
        suppressed,
        left,
    })
}

/// Ends the stall that goes on, whoever began it.
pub fn stop(parameters: &impl Parameters, pace: &Pace) -> Result<Report> {
    let since = Instant::now();
    parameters.write(STALL, NONE)?;
    loop {
        let report = Report::read(parameters)?;
        if report.state == State::Idle {
            return Ok(report);
        }
        if since.elapsed() > pace.settle {
            return Err(Trouble::NoEnd(pace.settle).into());
        }
        std::thread::sleep(pace.tick);
    }
}

/// Starts the one with this number.
fn begin<'a, P: Parameters, L: Log>(
    parameters: &'a P,
    plan: &Plan,
    hold_ms: u32,
    number: u64,
    observer: &mut Observer<L>,
) -> Result<Run<'a, P>> {
    let begun = Settings::apply(parameters, plan.settings(hold_ms)).and_then(|settings| {
        parameters.write(STALL, plan.kind.name)?;
        Ok(settings)
    });
    let settings = match begun {
        Ok(settings) => settings,
        Err(error) => return Err(explain_refusal(error, observer)?),
    };
    let stall = Run::new(parameters, STALL, NONE, number);
    // The module has taken them.
    settings.put_back()?;
    Ok(stall)
}

/// Until the kernel has told, or it will not.
fn wait_for_report<L: Log>(
    stall: &mut Run<'_, impl Parameters>,
    observer: &mut Observer<L>,
    pace: &Pace,
    deadline: Instant,
    interrupts: &mut Interrupts<'_>,
    live: &mut Live,
) -> Result<()> {
    loop {
        let phase = match &observer.header {
            Some(_) => Phase::Reporting,
            None => Phase::Waiting,
        };
        live.update(phase);
        let report = read(stall)?;
        observer.listen(pace.tick)?;
        let is_late = observer.header.is_none() && Instant::now() >= deadline;
        if report.state == State::Idle
            || observer.is_complete(pace.quiet, pace.report)
            || interrupts.count() > 0
            || is_late
        {
            return Ok(());
        }
    }
}

/// Tells it to end, and waits for that.
fn end<L: Log>(
    mut stall: Run<'_, impl Parameters>,
    observer: &mut Observer<L>,
    pace: &Pace,
    interrupts: &mut Interrupts<'_>,
    live: &mut Live,
) -> Result<Report> {
    stall.end()?;
    loop {
        live.update(Phase::Ending);
        let report = read(&mut stall)?;
        if report.state == State::Idle {
            stall.over = true;
            return Ok(report);
        }
        observer.listen(pace.tick)?;
        if interrupts.count() > 1 {
            return Err(Trouble::GaveUp.into());
        }
        if stall.is_late(pace.settle) {
            return Err(Trouble::NoEnd(pace.settle).into());
        }
    }
}

/// The module's report, as long as it is of this stall.
fn read(stall: &mut Run<'_, impl Parameters>) -> Result<Report> {
    let report = Report::read(stall.parameters)?;
    stall.check(report.runs, Trouble::Overtaken, Trouble::Unloaded)?;
    Ok(report)
}

/// Makes the module's reason, which is in the log, part of the error.
fn explain_refusal<L: Log>(error: Error, observer: &mut Observer<L>) -> Result<Error> {
    /// What was written before the write failed comes at once.
    const SOON: Duration = Duration::from_millis(100);
    let Error::Parameter(parameters::Trouble::Refused { setting, source }) = &error else {
        return Ok(error);
    };
    let errno = Errno::from_raw(source.raw_os_error().unwrap_or(0));
    if errno == Errno::EBUSY {
        return Ok(Trouble::Busy.into());
    }
    observer.listen(SOON)?;
    let kind = setting.strip_prefix("stall=").unwrap_or(setting);
    Ok(Trouble::Denied(Denied {
        kind: kind.to_string(),
        errno,
        reason: observer
            .refusal
            .take()
            .unwrap_or_else(|| crate::error::describe(source)),
    })
    .into())
}

#[cfg(test)]
mod tests {
    use super::super::fake::{plan, quick, Fake, CPU_TIMEOUT, HUNG_TIMEOUT};
    use super::*;

    fn go(fake: &Fake, plan: &Plan, came: &mut dyn FnMut() -> bool) -> Result<Ended> {
        run(
            fake,
            fake,
            plan,
            &quick(),
            Interrupts::new(came),
            &mut Live::hidden(),
        )
    }

    fn undisturbed(fake: &Fake, kind: &str) -> Ended {
        go(fake, &plan(kind), &mut || false).expect("an end")
    }

    /// All that this program sets is as it was.
    fn all_is_put_back(fake: &Fake) {
        assert_eq!(fake.changed(), Vec::<String>::new());
    }

    #[test]
    fn a_stall_ends_as_soon_as_the_kernel_has_told() {
        let fake = Fake::new();
        let ended = undisturbed(&fake, "cpu_preempt_off");
        let header = ended.header.expect("the kernel told");
        assert_eq!(
            header.text,
            "rcu: INFO: rcu_preempt self-detected stall on CPU"
        );
        assert_eq!(header.seconds, Some(3.0));
        assert_eq!(ended.events.len(), 1);
        assert_eq!(ended.report.outcome, "stopped");
        assert_eq!(ended.report.grace_period_ms, Some(12));
        assert_eq!(ended.shows, "a reader loops");
        assert!(!ended.interrupted && !ended.timed_out);
        all_is_put_back(&fake);
    }

    #[test]
    fn the_modules_own_parameters_are_put_back_at_once() {
        let fake = Fake::new();
        let unfit = Plan {
            allow_unsafe: true,
            cpu: Some(0),
            ..plan("use_after_free")
        };
        go(&fake, &unfit, &mut || false).expect("an end");
        let written = fake.written();
        let at = |setting: &str| {
            let mut written = written.iter();
            written
                .position(|written| written == setting)
                .expect(setting)
        };
        assert!(at("stall_unsafe=1") < at("stall=use_after_free"));
        assert!(at("stall=use_after_free") < at("stall_unsafe=N"));
        assert!(at("stall_unsafe=N") < at("stall=none"));
        assert!(at("stall_cpu=-1") < at("stall=none"));
        // Time-outs last until it is over.
        assert!(at("stall=none") < at(&format!("{CPU_TIMEOUT}=21")));
        all_is_put_back(&fake);
    }

    #[test]
    fn it_may_last_for_twice_as_long_as_it_takes() {
        let hold = |kind: &str, hold: Option<u64>| {
            let fake = Fake::new();
            let plan = Plan {
                hold: hold.map(Duration::from_millis),
                ..plan(kind)
            };
            go(&fake, &plan, &mut || false).expect("an end");
            let written = fake.written();
            let mut holds = written
                .iter()
                .filter_map(|written| written.strip_prefix("stall_hold_ms=").map(str::to_string));
            holds.next().expect("a hold")
        };
        assert_eq!(hold("cpu_preempt_off", None), "14000");
        assert_eq!(hold("cpu_preempt_off", Some(9500)), "9500");
        // Not longer than hardware's watchdogs and the module allow.
        assert_eq!(hold("cpu_irq_off", None), "10000");
        assert_eq!(hold("tasks", None), "60000");
    }

    #[test]
    fn hung_tasks_are_looked_for_when_they_are_wanted() {
        let fake = Fake::new();
        undisturbed(&fake, "hung_updater");
        assert!(fake.written().contains(&format!("{HUNG_TIMEOUT}=5")));
        all_is_put_back(&fake);
        let fake = Fake::new();
        undisturbed(&fake, "cpu_preempt_off");
        assert!(!fake.written().contains(&format!("{HUNG_TIMEOUT}=5")));
    }

    #[test]
    fn a_kernel_that_keeps_silent_is_not_waited_for() {
        let fake = Fake::new().silent(1);
        let plan = Plan {
            timeout: Some(Duration::from_millis(20)),
            ..plan("cpu_preempt_off")
        };
        let ended = go(&fake.never_over(), &plan, &mut || false).expect("an end");
        assert!(ended.header.is_none() && ended.timed_out);
        assert_eq!(ended.report.outcome, "stopped");
    }

    #[test]
    fn so_is_one_that_has_ended() {
        let fake = Fake::new().silent(1);
        let ended = undisturbed(&fake, "cpu_preempt_off");
        assert!(ended.header.is_none() && !ended.timed_out);
        assert_eq!((ended.tries, ended.report.outcome.as_str()), (1, "ended"));
        all_is_put_back(&fake);
    }

    #[test]
    fn interrupts_that_are_off_too_shortly_are_tried_again() {
        let fake = Fake::new().silent(2);
        let ended = undisturbed(&fake, "cpu_irq_off");
        assert_eq!(ended.tries, 3);
        assert!(ended.header.is_some());
        let fake = Fake::new().silent(9);
        let ended = undisturbed(&fake, "cpu_irq_off");
        assert_eq!(ended.tries, 3);
        assert!(ended.header.is_none());
        all_is_put_back(&fake);
    }

    #[test]
    fn an_interrupt_ends_it_and_puts_all_back() {
        let fake = Fake::new().silent(9).never_over();
        let mut looks = 0;
        let ended = go(&fake, &plan("cpu_irq_off"), &mut || {
            looks += 1;
            looks == 3
        })
        .expect("an end");
        assert!(ended.interrupted && ended.header.is_none());
        assert_eq!((ended.tries, ended.report.outcome.as_str()), (1, "stopped"));
        all_is_put_back(&fake);
    }

    #[test]
    fn a_second_interrupt_does_not_wait() {
        let fake = Fake::new().silent(9).never_over().never_end();
        let pace = Pace {
            settle: Duration::from_secs(1000),
            ..quick()
        };
        let result = run(
            &fake,
            &fake,
            &plan("hung_updater"),
            &pace,
            Interrupts::new(&mut || true),
            &mut Live::hidden(),
        );
        assert!(matches!(result, Err(Error::Stall(Trouble::GaveUp))));
        assert!(fake.written().contains(&"stall=none".to_string()));
        all_is_put_back(&fake);
    }

    #[test]
    fn a_stall_that_does_not_end_is_not_waited_for() {
        let fake = Fake::new().never_end();
        let result = go(&fake, &plan("cpu_preempt_off"), &mut || false);
        assert!(matches!(result, Err(Error::Stall(Trouble::NoEnd(_)))));
        all_is_put_back(&fake);
    }

    #[test]
    fn a_stall_that_goes_on_is_left_alone() {
        let fake = Fake::new().running();
        let result = go(&fake, &plan("cpu_preempt_off"), &mut || false);
        assert!(matches!(result, Err(Error::Stall(Trouble::Busy))));
        assert!(fake.written().is_empty());
    }

    #[test]
    fn so_is_one_that_begins_meanwhile() {
        let fake = Fake::new().refuse(STALL, Errno::EBUSY);
        let result = go(&fake, &plan("cpu_preempt_off"), &mut || false);
        assert!(matches!(result, Err(Error::Stall(Trouble::Busy))));
        assert!(!fake.written().contains(&"stall=none".to_string()));
        all_is_put_back(&fake);
    }

    #[test]
    fn what_the_module_refuses_is_told_in_its_words() {
        for (kind, reason, advice) in [
            (
                "might_sleep",
                "might_sleep needs a kernel with CONFIG_X",
                "stall list",
            ),
            (
                "use_after_free",
                "use_after_free needs stall_unsafe=1: unfit",
                "--unsafe",
            ),
        ] {
            let fake = Fake::new();
            let result = go(&fake, &plan(kind), &mut || false);
            let text = result.err().expect("trouble").to_string();
            assert!(text.contains(reason) && text.contains(advice), "{text}");
            assert!(!fake.written().contains(&"stall=none".to_string()));
            all_is_put_back(&fake);
        }
    }

    #[test]
    fn what_is_refused_without_a_word_has_the_errnos() {
        let fake = Fake::new().refuse("stall_hold_ms", Errno::ERANGE);
        let result = go(&fake, &plan("cpu_preempt_off"), &mut || false);
        let text = result.err().expect("trouble").to_string();
        assert!(
            text.contains("stall_hold_ms=14000")
                && text.contains("ERANGE")
                && text.contains("--hold"),
            "{text}"
        );
        all_is_put_back(&fake);
    }

    #[test]
    fn a_kind_that_the_module_does_not_know_is_told() {
        let fake = Fake::new();
        let result = go(&fake, &plan("double_call_rcu"), &mut || false);
        assert!(matches!(
            result,
            Err(Error::Stall(Trouble::NoKind(kind))) if kind == "double_call_rcu"
        ));
        assert!(fake.written().is_empty());
    }

    #[test]
    fn another_run_is_not_taken_for_this_one() {
        let fake = Fake::new().overtake();
        let result = go(&fake, &plan("cpu_preempt_off"), &mut || false);
        assert!(matches!(
            result,
            Err(Error::Stall(Trouble::Overtaken(1, 2)))
        ));
        all_is_put_back(&fake);
    }

    #[test]
    fn a_stall_whose_settings_cannot_be_put_back_is_ended() {
        let fake = Fake::new();
        let unfit = Plan {
            allow_unsafe: true,
            ..plan("use_after_free")
        };
        fake.refuse_value("stall_unsafe", "N", Errno::EIO);
        assert!(go(&fake, &unfit, &mut || false).is_err());
        assert_eq!(fake.changed(), ["stall_unsafe"]);
        assert!(fake.written().contains(&"stall=none".to_string()));
    }

    #[test]
    fn a_stall_that_is_lost_sight_of_is_ended() {
        let fake = Fake::new().fail_reads_at(2);
        assert!(go(&fake, &plan("cpu_preempt_off"), &mut || false).is_err());
        assert!(fake.written().contains(&"stall=none".to_string()));
        all_is_put_back(&fake);
    }

    #[test]
    fn what_cannot_be_put_back_is_told() {
        let fake = Fake::new();
        let mut looks = 0;
        let ended = go(&fake, &plan("cpu_preempt_off"), &mut || {
            looks += 1;
            if looks == 2 {
                fake.refuse_from_now(CPU_TIMEOUT, Errno::EIO);
            }
            false
        })
        .expect("an end");
        assert!(ended.left.expect("one").contains(CPU_TIMEOUT));
    }

    #[test]
    fn stop_ends_a_stall_of_anybody() {
        let fake = Fake::new().running();
        let report = stop(&fake, &quick()).expect("an end");
        assert_eq!(report.outcome, "stopped");
        assert_eq!(fake.written(), ["stall=none"]);
        let fake = Fake::new().running().never_end();
        assert!(matches!(
            stop(&fake, &quick()),
            Err(Error::Stall(Trouble::NoEnd(_)))
        ));
    }
}
