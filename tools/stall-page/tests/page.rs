// SPDX-License-Identifier: GPL-2.0

//! Reads pages by the rules of browsers.

use scraper::{ElementRef, Html, Selector};
use stall_page::Page;

const STALL: &str = "\
[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU
[  100.000001] rcu: \t1-....: (5240 ticks this GP) idle=1234/1/0x4000000000000000 softirq=1/2 fqs=2624
[  100.000002] rcu: \t(t=5250 jiffies g=289 q=2 ncpus=2)
[  100.000003] CPU: 1 UID: 0 PID: 57 Comm: spinner Not tainted 6.18.15 #1
[  100.000004] RIP: 0010:spin+0x12/0x20 [demo]
[  100.000005] Call Trace:
[  100.000006]  spin_thread+0x12/0x20 [demo]
[  100.000007]  kthread+0x12/0x20
";

const HUNG: &str = "\
[  363.000000] INFO: task sh:57 blocked for more than 122 seconds.
[  363.000001] task:sh              state:D stack:0     pid:57    tgid:57    ppid:1      flags:0x0
[  363.000002]  schedule+0x1/0x2
[  363.000003]  synchronize_rcu+0x1/0x2
";

fn page(logs: &[(&str, &str)]) -> Html {
    let mut page = Page::new();
    for (name, log) in logs {
        let mut events = Vec::new();
        stall_decode::decode(log.as_bytes(), |event| {
            events.push(event);
            Ok(())
        })
        .expect("memory can be read");
        page.add(name, log.as_bytes(), events);
    }
    Html::parse_document(&page.html())
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    let selector = Selector::parse(selector).expect("a selector");
    page.select(&selector).collect()
}

fn texts(page: &Html, selector: &str) -> Vec<String> {
    let elements = all(page, selector);
    elements
        .iter()
        .map(|element| element.text().collect())
        .collect()
}

#[test]
fn an_incident_begins_with_its_story() {
    let page = page(&[("console.log", STALL)]);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    assert_eq!(texts(&page, "h1"), ["Kernel log console.log"]);
    assert_eq!(
        texts(&page, ".incident > .story dt"),
        ["What", "Who", "Why", "Do"]
    );
    let who = &texts(&page, ".incident > .story dd")[1];
    assert!(
        who.contains("spin() on CPU 1") && who.contains("likely"),
        "{who}"
    );
    let first = all(&page, ".incident > *");
    let order: Vec<_> = first.iter().map(|part| part.value().name()).collect();
    assert_eq!(order[..3], ["h2", "dl", "figure"]);
}

#[test]
fn the_culprit_s_frame_is_marked_in_its_stack_and_in_the_log() {
    let page = page(&[("log", STALL)]);
    let marked = texts(&page, ".stack mark");
    assert!(
        marked.len() == 1 && marked[0].starts_with("spin"),
        "{marked:?}"
    );
    assert_eq!(texts(&page, ".stack li").len(), 3);
    let telling = texts(&page, ".line.telling");
    assert!(
        telling.len() == 1 && telling[0].contains("RIP: 0010:spin+0x12"),
        "{telling:?}"
    );
}

#[test]
fn fields_in_the_log_are_explained_by_mouse_and_by_keyboard() {
    let page = page(&[("log", STALL)]);
    let hints = all(&page, ".line .hint");
    let texts: Vec<String> = hints.iter().map(|hint| hint.text().collect()).collect();
    for field in [
        "t=5250",
        "g=289",
        "q=2",
        "ncpus=2",
        "5240 ticks this GP",
        "fqs=2624",
    ] {
        let hint = texts.iter().find(|text| text.starts_with(field));
        assert!(
            hint.is_some_and(|hint| hint.len() > field.len() + 5),
            "{field}: {texts:?}"
        );
    }
    for hint in hints {
        assert_eq!(hint.attr("tabindex"), Some("0"));
        let tip = Selector::parse("[role=tooltip]").expect("a selector");
        assert_eq!(hint.select(&tip).count(), 1);
    }
}

#[test]
fn a_report_on_the_timeline_links_to_its_line() {
    let page = page(&[("log", &format!("{STALL}{HUNG}"))]);
    let reports = all(&page, ".timeline a.report");
    assert!(!reports.is_empty());
    for report in reports {
        let target = report.attr("href").expect("a link");
        assert_eq!(all(&page, target).len(), 1, "{target}");
    }
    for anchor in all(&page, "nav a") {
        assert_eq!(all(&page, anchor.attr("href").expect("a link")).len(), 1);
    }
}

#[test]
fn several_logs_have_a_heading_each() {
    let page = page(&[("first", STALL), ("second", "nothing\n"), ("third", HUNG)]);
    assert_eq!(texts(&page, "h2.log"), ["first", "second", "third"]);
    assert_eq!(all(&page, ".incident").len(), 2);
    let ids: Vec<_> = all(&page, "[id]")
        .iter()
        .filter_map(|part| part.attr("id"))
        .collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
}

/// Markup, attributes and entities at each place that the page copies from a log.
const HOSTILE: &str = "\
[  100.000000] rcu: INFO: rcu_preempt self-detected stall on CPU
[  100.000001] rcu: \t1-....: (5240 ticks this GP) idle=<script>alert(1)</script> softirq=1/2 fqs=9
[  100.000002] rcu: \t(t=5250 jiffies g=289 q=2 ncpus=2) <img src=x onerror=alert(1)>
[  100.000003] CPU: 1 UID: 0 PID: 57 Comm: <b onclick=x>&lt; Not tainted 6.18\"onmouseover=\"alert(1) #1
[  100.000004] RIP: 0010:</style><script>alert(1)</script>+0x12/0x20 [</title>]
[  163.000000] INFO: task \"><svg/onload=alert(1)>:57 blocked for more than 122 seconds.
[  163.000002]  schedule+0x1/0x2
[  163.000003]  </pre><iframe>+0x1/0x2
";

#[test]
fn text_of_a_log_never_becomes_markup() {
    let page = page(&[("</title><script>alert(1)</script>.log", HOSTILE)]);
    for element in [
        "script", "img", "svg", "iframe", "object", "link", "base", "form",
    ] {
        assert!(all(&page, element).is_empty(), "{element}");
    }
    assert!(!all(&page, ".event").is_empty(), "the log has reports");
    for element in all(&page, "*") {
        for (name, value) in element.value().attrs() {
            assert!(!name.starts_with("on"), "{name}={value}");
            if ["href", "src"].contains(&name) {
                assert!(value.starts_with('#'), "{name}={value}");
            }
        }
    }
    let raw = texts(&page, ".raw").join("");
    assert!(
        raw.contains("<script>alert(1)</script>"),
        "the text is shown: {raw}"
    );
}

#[test]
fn the_page_forbids_scripts_and_outside_resources() {
    let mut page = Page::new();
    page.add("log", b"", Vec::new());
    let html = page.html();
    let policy = "content=\"default-src 'none'; style-src 'unsafe-inline'\"";
    assert!(html.contains(policy), "{html}");
    assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("url("));
    assert!(html.contains("This log has no reports"), "{html}");
    assert!(html
        .get(..4096)
        .unwrap_or(&html)
        .contains(stall_decode::Timeline::AUTHOR));
}

#[test]
fn a_page_has_a_limit() {
    let line =
        |pid| format!("[{pid:5}.000000] INFO: task a:{pid} blocked for more than 120 seconds.");
    let log = (0..600).map(line).collect::<Vec<_>>().join("\n");
    let page = page(&[("log", &log)]);
    assert_eq!(all(&page, ".event").len(), 500);
    assert!(texts(&page, "header p")[0].contains("100 reports are left out"));
}
