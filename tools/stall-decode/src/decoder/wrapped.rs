// SPDX-License-Identifier: GPL-2.0

//! Joins lines that a mail program or a terminal wrapped.
//!
//! A piece of a wrapped line lacks the stamp or the indent that other lines have, and its first word
//! did not fit the line before. Only lines that matter to a report are joined.

use memchr::{memchr, memchr_iter};

use crate::unwrap::{Caller, Line, OwnedStamp};

/// Columns of the shortest line that is wrapped. Mail programs wrap between 66 and 80 columns.
const MIN_WIDTH: usize = 64;
/// Columns above which a log is not wrapped.
const MAX_WIDTH: usize = 100;
/// Shortest first piece.
const MIN_PIECE: usize = 30;
/// Further pieces of a line.
const MAX_PIECES: u32 = 4;

/// Bytes at the end of a line in which a header may begin.
const HEADER_START: usize = 24;

/// Returns whether a report begins at the end of a line, so that the header may continue on the
/// next one.
pub(super) fn ends_in_header(text: &str) -> bool {
    let start = text.len().saturating_sub(HEADER_START);
    let end = text.get(start..).unwrap_or_default();
    ["INFO:", "BUG:"].iter().any(|mark| end.contains(mark))
}

/// Ends of lines inside a first line of a report.
const UNFINISHED: [&str; 15] = [
    "stalls on",
    "stall on",
    "self-detected",
    "self-detected stall",
    "(detected",
    "(detected by",
    "expedited stalls",
    "detected stalls",
    "blocked for",
    "blocked for more",
    "blocked for more than",
    "soft lockup -",
    "workqueue lockup -",
    " stuck",
    " stuck for",
];

/// Returns whether a line ends inside a first line of a report, so that the next line continues it,
/// whatever its layout.
fn is_unfinished(text: &str) -> bool {
    let text = text.trim_end();
    let is_list = text.ends_with(',') && text.contains("page allocation failure");
    is_list || UNFINISHED.iter().any(|end| text.ends_with(end))
}

/// A line that may continue on the next one.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) text: String,
    number: u64,
    stamp: Option<OwnedStamp>,
    caller: Option<Caller>,
    /// Columns of the newest piece.
    width: usize,
    pieces: u32,
}

/// The layout of an input line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    /// Columns of the line without mail quotes.
    pub(super) width: usize,
    /// Blanks at its start.
    pub(super) indent: usize,
}

impl Layout {
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim_end();
        let unquoted = text.trim_start_matches(['>', ' ', '|']);
        let start = text.get(..text.len() - unquoted.len()).unwrap_or_default();
        // One blank after a mail quote is no indent.
        let indent = match start.rsplit_once('>') {
            Some((_, blanks)) => blanks.len().saturating_sub(1),
            None => start.len(),
        };
        Self {
            width: text.len(),
            indent,
        }
    }
}

impl Held {
    /// Holds a line back if it may be wrapped. `is_indented` tells whether the log is indented. Takes
    /// the memory of `spare` for the text.
    pub(super) fn new(
        line: &Line<'_>,
        layout: Layout,
        is_indented: bool,
        spare: &mut String,
    ) -> Option<Self> {
        let may_wrap = (MIN_PIECE..=MAX_WIDTH).contains(&layout.width);
        let has_mark = line.stamp.is_some() || is_indented || is_unfinished(line.text);
        (may_wrap && has_mark).then(|| Self {
            text: with_memory_of(spare, line.text),
            number: line.number,
            stamp: line.stamp.map(OwnedStamp::of),
            caller: line.caller,
            width: layout.width,
            pieces: 0,
        })
    }

    /// Returns whether a line may be a piece of this one.
    pub(super) fn may_continue(&self, line: &Line<'_>, layout: Layout) -> bool {
        let is_unfinished = self.is_unfinished();
        let lacks_mark = match self.stamp {
            _ if is_unfinished => line.stamp.is_none(),
            Some(_) => line.stamp.is_none(),
            None => line.stamp.is_none() && layout.indent == 0,
        };
        let first_word = memchr(b' ', line.text.as_bytes()).unwrap_or(line.text.len());
        let is_full = self.width + 1 + first_word > MIN_WIDTH;
        // A mail that was wrapped twice has short pieces.
        let is_rest = self.pieces > 0 && self.width < MIN_PIECE;
        let fits = layout.width <= MAX_WIDTH && self.pieces < MAX_PIECES;
        !line.text.is_empty() && lacks_mark && fits && (is_full || is_rest || is_unfinished)
    }

    /// Returns whether the text ends inside a first line of a report.
    pub(super) fn is_unfinished(&self) -> bool {
        is_unfinished(&self.text)
    }

    /// Adds a piece of the line.
    pub(super) fn join(&mut self, line: &Line<'_>, layout: Layout) {
        // A terminal breaks words, such as a CPU and its flags.
        if !line.text.starts_with("-.") {
            self.text.push(' ');
        }
        self.text.push_str(line.text);
        self.width = layout.width;
        self.pieces += 1;
    }

    pub(super) fn line(&self) -> Line<'_> {
        Line {
            number: self.number,
            stamp: self.stamp.as_ref().map(OwnedStamp::borrow),
            caller: self.caller,
            text: &self.text,
        }
    }
}

fn with_memory_of(spare: &mut String, text: &str) -> String {
    let mut memory = std::mem::take(spare);
    memory.clear();
    memory.push_str(text);
    memory
}

/// Returns whether a line ends inside the name of a frame: `[<ffffffff81579899>] sched`.
pub(super) fn is_first_half(text: &str) -> bool {
    let name = text
        .strip_prefix("[<")
        .and_then(|rest| rest.split_once(">] "));
    name.is_some_and(|(_, name)| {
        let name = name.trim_start_matches("? ");
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Returns whether a line is the rest of a frame: `ule_preempt_disabled+0x9/0x10`.
pub(super) fn is_second_half(text: &str) -> bool {
    let name = text.split_once("+0x").map_or("", |(name, _)| name);
    text.contains("+0x")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))
}

/// Splits a line of several frames, which a program joined.
///
/// Returns the parts; one part if the line has at most one frame.
pub(super) fn frames_of(text: &str) -> impl Iterator<Item = &str> {
    let is_joined = has_two_frames(text) && !text.contains(" from ") && !text.contains(" at ");
    let whole = (!is_joined).then_some(text);
    let parts = is_joined.then(|| split_frames(text));
    whole.into_iter().chain(parts.into_iter().flatten())
}

fn has_two_frames(text: &str) -> bool {
    let is_offset = |at: &usize| {
        text.get(at + 1..)
            .is_some_and(|rest| rest.starts_with("0x"))
    };
    let offsets = memchr_iter(b'+', text.as_bytes()).filter(is_offset);
    offsets.take(2).count() == 2
}

fn split_frames(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut words = text.split(' ').peekable();
    let mut at = 0;
    while let Some(word) = words.next() {
        let end = at + word.len();
        // A module in brackets belongs to the frame before it.
        let next_is_module = words.peek().is_some_and(|next| next.starts_with('['));
        if word.contains("+0x") && !next_is_module || word.ends_with(']') {
            parts.extend(text.get(start..end).map(str::trim));
            start = end;
        }
        at = end + 1;
    }
    parts.extend(
        text.get(start..)
            .map(str::trim)
            .filter(|rest| !rest.is_empty()),
    );
    parts
}

/// Returns whether lockdep's line ends before the place that it names: `#0: … at:`,
/// `hardirqs last enabled at (7935): [<ffff8000812b1700>]`.
pub(super) fn announces_place(text: &str) -> bool {
    let is_lock = text.starts_with('#') && text.ends_with(" at:");
    is_lock || text.contains("irqs last ") && text.ends_with(']') && !text.contains("+0x")
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn wrapped_lines_are_joined() {
        let event = only(
            "> [  150.392242] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n\
             > [  150.398447] rcu:     15-...0: (2 ticks this GP)\n\
             > idle=867c/1/0x4000000000000000 softirq=947/947 fqs=5234\n\
             > [  150.405851] rcu:     (detected by 14, t=15004 jiffies, g=2553, q=4833\n\
             > ncpus=16)\n\
             > [  150.414840] CPU: 15 PID: 10 Comm: kworker/u32:0 Tainted: G        W   E\n\
             > 6.3.0-rc3-decui-dirty #34\n\
             > [  150.414866] RIP: 0010:spin+0x10f/0x3c0\n",
        );
        assert_eq!((event.ncpus, event.callbacks), (Some(16), Some(4833)));
        assert_eq!(event.cpu_details[0].fqs, Some(5234));
        assert_eq!(event.kernel.as_deref(), Some("6.3.0-rc3-decui-dirty"));
        let event = only(
            "[30908.222926] watchdog: BUG: soft lockup - CPU#80 stuck for 22s! [CPU\n\
             4/KVM:2698]\n",
        );
        assert_eq!(event.tasks[0].pid, Some(2698));
    }

    #[test]
    fn places_in_a_wrapped_list_of_locks_are_no_frames() {
        let event = only(
            "BUG: sleeping function called from invalid context at\n\
             kernel/locking/rwsem.c:1578\n\
             in_atomic(): 1, irqs_disabled(): 1, non_block: 0, pid: 57, name:\n\
             udevd\n\
             1 lock held by udevd/57:\n\
             \x20 #0: ffff8000834b8a98 (tree_lock){....}-{2:2}, at:\n\
             get_next+0x2c/0x80\n\
             hardirqs last disabled at (7936): [<ffff8000812b0b14>]\n\
             take_tree+0x84/0x88\n\
             CPU: 3 UID: 0 PID: 57 Comm: udevd Not tainted 6.18.15 #1\n\
             Call trace:\n\
             \x20 __might_resched+0x144/0x248\n\
             \x20 down_write+0x28/0xe8\n\
             \x20 remove_node+0x34/0x58\n",
        );
        assert_eq!(event.tasks[0].comm.as_deref(), Some("udevd"));
        assert_eq!(event.culprit_frame.as_deref(), Some("remove_node"));
        assert_eq!(event.stacks.len(), 1, "{:?}", event.stacks);
    }

    #[test]
    fn a_frame_torn_by_another_message_is_mended() {
        let event = only(
            "[  100.000001] INFO: task nfsd:57 blocked for more than 120 seconds.\n\
             [  100.000002]  [<ffffffff81579620>] schedule+0x30/0x80\n\
             [  100.000003]  [<ffffffff81579899>] sched[  200.000001] serial8250: too much work\n\
             ule_preempt_disabled+0x9/0x10\n\
             [  100.000004]  [<ffffffff8157afb2>] mutex_lock+0x12/0x30\n\
             [  100.000005]  [<ffffffffa134ba1a>] foo_write+0x6a/0x4a0 [foo]\n",
        );
        assert_eq!(event.culprit_frame.as_deref(), Some("foo_write"));
        assert!(event
            .frames
            .iter()
            .any(|frame| frame == "schedule_preempt_disabled"));
    }

    #[test]
    fn joined_frames_are_split() {
        let event = only(
            "INFO: rcu_sched self-detected stall on CPU\n\
             \x20 \\x091-....: (20998 ticks this GP) idle=59e/1/0x4000000000000002 softirq=1/2 fqs=3208\n\
             CPU: 1 PID: 1713 Comm: cleaner Not tainted 5.6.13 #1\n\
             Call Trace: <IRQ> dump_stack+0x50/0x70 rcu_dump_cpu_stacks+0x99/0xc7\n\
             rcu_sched_clock_irq.cold.90+0x1b2/0x3a3 apic_timer_interrupt+0xf/0x20 </IRQ>\n\
             RIP: 0010:queued_spin_lock_slowpath+0x17d/0x1b0\n\
             ? kzalloc.constprop.57+0x30/0x30 list_lru_add+0x5a/0x100 [demo] iput+0x1c1/0x1f0\n",
        );
        assert_eq!(event.cpus, [1]);
        assert_eq!(event.culprit_frame.as_deref(), Some("list_lru_add"));
    }
}
