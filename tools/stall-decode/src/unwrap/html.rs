// SPDX-License-Identifier: GPL-2.0

//! Removes what web pages put into a line: entities, and tags of paragraphs and code.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};

const ENTITIES: [(&str, &str); 9] = [
    ("&nbsp;", " "),
    ("&#160;", " "),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#34;", "\""),
    ("&#39;", "'"),
    ("&#x27;", "'"),
    ("&amp;", "&"),
];

const TAGS: [&str; 9] = [
    "<pre>", "</pre>", "<code>", "</code>", "<p>", "</p>", "<div>", "</div>", "<tt>",
];

const BREAKS: [&str; 3] = ["<br>", "<br/>", "<br />"];

/// Replaces entities and tags. A `<br>` becomes a line break.
pub(crate) fn without_html(text: &str) -> Cow<'_, str> {
    let has_entity = memchr(b'&', text.as_bytes()).is_some() && text.contains(';');
    // Tags are in lower case; `<TASK>` and `<IRQ>` are the kernel's.
    if !has_entity && !has_tag(text) {
        return Cow::Borrowed(text);
    }
    let mut text = text.to_string();
    for tag in BREAKS {
        text = text.replace(tag, "\n");
    }
    for tag in TAGS {
        text = text.replace(tag, "");
    }
    for (entity, character) in ENTITIES {
        text = text.replace(entity, character);
    }
    Cow::Owned(text)
}

/// Returns whether a known tag begins at one of the `<`.
fn has_tag(text: &str) -> bool {
    let starts_tag = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        let second = rest.as_bytes().get(1).copied().unwrap_or_default();
        let may_be = second == b'/' || second.is_ascii_lowercase();
        may_be && TAGS.iter().chain(&BREAKS).any(|tag| rest.starts_with(tag))
    };
    memchr_iter(b'<', text.as_bytes()).any(starts_tag)
}

#[cfg(test)]
mod tests {
    use crate::tests::only;

    #[test]
    fn lines_copied_out_of_a_page_are_read() {
        let event = only(
            "<pre><code>[  817.628720]&nbsp;rcu: INFO: rcu_sched self-detected stall on CPU<br>\
             [  817.629192] rcu: &nbsp;1-....: (5249 ticks this GP) idle=217c/1/0x4000000000000000<br/>\n\
             [  817.629843] rcu: (t=5250 jiffies g=49877 q=8517 ncpus=2)\n\
             [  817.631600] Call Trace:\n\
             [  817.631601]  &lt;TASK&gt;\n\
             [  817.631602]  foo_thread_fn+0x31/0x60 [foo]</code></pre>\n",
        );
        assert_eq!((event.cpus.as_slice(), event.ncpus), (&[1][..], Some(2)));
        assert_eq!(event.culprit_frame.as_deref(), Some("foo_thread_fn"));
    }
}
