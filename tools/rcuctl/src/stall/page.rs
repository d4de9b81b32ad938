// SPDX-License-Identifier: GPL-2.0

//! The pages of `docs/stalls/`, one for each kind.

use serde::Serialize;

use crate::decode::text::{heading, section, wrapped};
use crate::decode::Style;

/// The page of a kind: Markdown of headings, paragraphs, quotes, lists and code.
pub struct Page {
    pub kind: &'static str,
    markdown: &'static str,
}

macro_rules! pages {
    ($($kind:literal)*) => {
        &[$(Page {
            kind: $kind,
            markdown: include_str!(concat!("../../../../docs/stalls/", $kind, ".md")),
        }),*]
    };
}

/// All pages, in the module's order. Only the host can provoke the last kind.
pub const PAGES: &[Page] = pages!(
    "cpu_preempt_off" "cpu_bh_off" "cpu_irq_off" "task_preempted" "task_blocked"
    "gp_kthread_starved" "gp_kthread_preempted" "expedited" "sleep_in_reader" "might_sleep"
    "illegal_synchronize" "callback_flood" "callback_flood_capped" "memory_exhausted"
    "hung_updater" "double_call_rcu" "use_after_free" "leaked_reader" "leaked_by_worker" "tasks"
    "srcu_stuck" "frozen_vm"
);

/// A page as JSON.
#[derive(Serialize)]
pub struct Document {
    pub kind: &'static str,
    title: &'static str,
    /// The lines of the kernel's report.
    pub kernel_says: Vec<&'static str>,
    cause: String,
    /// A few lines of code that cause it.
    code: String,
    fix: Vec<String>,
    /// What to look at first in the report.
    look_at: String,
    /// The required configuration, and the time-out.
    needs: String,
    /// The command that provokes it.
    pub provoke: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    Heading,
    Code,
    Quote,
    Item,
    Paragraph,
}

struct Block {
    kind: BlockKind,
    lines: Vec<&'static str>,
}

impl Block {
    /// The lines as one, without the targets of links.
    fn text(&self) -> String {
        let text = self.lines.join(" ");
        let mut parts = text.split("](");
        let mut plain = parts.next().unwrap_or_default().replace('[', "");
        for part in parts {
            let rest = part.split_once(')').map_or(part, |(_, rest)| rest);
            plain.push_str(&rest.replace('[', ""));
        }
        plain
    }
}

impl Page {
    pub fn title(&self) -> &'static str {
        let title = self.markdown.lines().next().unwrap_or_default();
        title.split_once(": ").map_or(title, |(_, title)| title)
    }

    pub fn document(&self) -> Document {
        Document {
            kind: self.kind,
            title: self.title(),
            kernel_says: self.code("What the kernel prints"),
            cause: self.prose("").join(" "),
            code: self.code("Typical code").join("\n"),
            fix: self.prose("Fix"),
            look_at: self.prose("What to look at first").join(" "),
            needs: self.prose("What the kernel needs").join(" "),
            provoke: self.code("Provoke it").join("\n"),
        }
    }

    /// The lines of code below a heading, without those that mark omissions.
    fn code(&self, heading: &str) -> Vec<&'static str> {
        let code = self
            .section(heading)
            .filter(|block| block.kind == BlockKind::Code);
        let lines = code.flat_map(|block| block.lines);
        lines.filter(|line| line.trim() != "…").collect()
    }

    /// The paragraphs and items below a heading.
    fn prose(&self, heading: &str) -> Vec<String> {
        let is_prose = |kind| [BlockKind::Paragraph, BlockKind::Item].contains(&kind);
        let prose = self.section(heading).filter(|block| is_prose(block.kind));
        prose.map(|block| block.text()).collect()
    }

    /// The blocks below a heading; those above all headings if it is empty.
    fn section<'a>(&self, heading: &'a str) -> impl Iterator<Item = Block> + 'a {
        let mut current = String::new();
        self.blocks().into_iter().filter(move |block| {
            if block.kind == BlockKind::Heading {
                current = block.text();
                return false;
            }
            current == heading
        })
    }

    /// All blocks after the title.
    fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        // Whether the next line may continue the last block.
        let mut is_open = false;
        let mut lines = self.markdown.lines().skip(1);
        while let Some(line) = lines.next() {
            let (kind, text) = if line.starts_with("```") {
                let lines = lines.by_ref().take_while(|line| !line.starts_with("```"));
                let (kind, lines) = (BlockKind::Code, lines.collect());
                blocks.push(Block { kind, lines });
                is_open = false;
                continue;
            } else if let Some(heading) = line.strip_prefix("## ") {
                (BlockKind::Heading, heading)
            } else if let Some(quote) = line.strip_prefix('>') {
                (BlockKind::Quote, quote.trim())
            } else if let Some(item) = line.strip_prefix("- ") {
                (BlockKind::Item, item)
            } else {
                (BlockKind::Paragraph, line.trim())
            };
            let last = blocks
                .last_mut()
                .filter(|_| is_open && kind != BlockKind::Item);
            is_open = !text.is_empty();
            match last {
                _ if text.is_empty() => {}
                Some(last) => last.lines.push(text),
                None => blocks.push(Block {
                    kind,
                    lines: vec![text],
                }),
            }
        }
        blocks
    }

    /// Formats the page for a terminal.
    pub fn text(&self, style: Style) -> String {
        let mut text = String::new();
        heading(&mut text, style, self.kind, self.title());
        let mut before = BlockKind::Heading;
        for block in self.blocks() {
            let is_list = before == BlockKind::Item && block.kind == BlockKind::Item;
            if block.kind == BlockKind::Heading || before != BlockKind::Heading && !is_list {
                text.push('\n');
            }
            before = block.kind;
            match block.kind {
                BlockKind::Heading => section(&mut text, style, &block.text()),
                BlockKind::Code => {
                    for line in block.lines {
                        wrapped(&mut text, "    ", "        ", line);
                    }
                }
                BlockKind::Quote => wrapped(&mut text, "    | ", "    | ", &block.text()),
                BlockKind::Item => wrapped(&mut text, "    - ", "      ", &block.text()),
                BlockKind::Paragraph => wrapped(&mut text, "    ", "    ", &block.text()),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page = Page {
        kind: "short",
        markdown: "# short: a title\n\nOne\ntwo [`three`](three.md).\n\n## What the kernel prints\n\n\
                   ```\nrcu: 1\n  …\nrcu:   2\n```\n\n> said\n> here\n\n## Fix\n\n- First,\n  longer.\n- Second.\n",
    };

    #[test]
    fn a_page_has_its_sections() {
        let document = PAGE.document();
        assert_eq!(document.title, "a title");
        assert_eq!(document.cause, "One two `three`.");
        assert_eq!(document.kernel_says, ["rcu: 1", "rcu:   2"]);
        assert_eq!(document.fix, ["First, longer.", "Second."]);
    }

    #[test]
    fn a_page_is_formatted_for_a_terminal() {
        assert_eq!(
            PAGE.text(Style::plain()),
            "short  a title\n    One two `three`.\n\n  What the kernel prints\n    rcu: 1\n      …\n    rcu:   2\n\
             \n    | said here\n\n  Fix\n    - First, longer.\n    - Second.\n"
        );
    }
}
