// SPDX-License-Identifier: GPL-2.0

//! Classes of kernel functions, read from the tables in `functions/`.
//!
//! Each table lists the functions of one class, one pattern a line, and says why they cannot be the
//! culprit. In a pattern, `*` matches any text, and `~` at its start any number of underscores. An
//! exact name wins over a pattern; of two patterns, the one in the earlier table of [`TABLES`] wins.
//! The tables list functions of the core kernel. A function of a module matches only patterns that
//! end with ` [*]`, so that a driver's own code is never skipped.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::stack::{base, Frame};

/// The purpose of a kernel function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Prints the report, or is the clock interrupt that detects the stall.
    Reporting,
    /// Enters an interrupt or exception.
    Entry,
    /// Handles an interrupt, between its entry and the driver.
    Irq,
    /// Runs the idle loop.
    Idle,
    /// Gives up the CPU, or waits for something that its caller knows.
    Scheduler,
    /// Waits for something that its name tells.
    Wait,
    /// Operates on a lock.
    Locking,
    /// Calls functions on other CPUs.
    Ipi,
    /// Belongs to RCU.
    Rcu,
    /// Allocates memory.
    Memory,
    /// Checks a memory access, or copies memory.
    Access,
    /// Reads a clock, delays, traces, or is code that the compiler inserts.
    Probe,
    /// Belongs to a general library: data structures, text, checksums, buffers, counters.
    Library,
    /// Carries other code: a worker, softirq, timer, system call or page fault.
    Plumbing,
    /// Anything else: a possible culprit.
    Other,
}

/// The tables, in the order in which their patterns are tried.
const TABLES: [(Class, &str); 19] = [
    (Class::Other, include_str!("functions/other.txt")),
    (Class::Reporting, include_str!("functions/report.txt")),
    (Class::Reporting, include_str!("functions/unwind.txt")),
    (Class::Reporting, include_str!("functions/tick.txt")),
    (Class::Entry, include_str!("functions/entry.txt")),
    (Class::Plumbing, include_str!("functions/plumbing.txt")),
    (Class::Irq, include_str!("functions/irq.txt")),
    (Class::Idle, include_str!("functions/idle.txt")),
    (Class::Wait, include_str!("functions/wait.txt")),
    (Class::Scheduler, include_str!("functions/sched.txt")),
    (Class::Locking, include_str!("functions/lock.txt")),
    (Class::Ipi, include_str!("functions/ipi.txt")),
    (Class::Rcu, include_str!("functions/rcu.txt")),
    (Class::Memory, include_str!("functions/alloc.txt")),
    (Class::Access, include_str!("functions/access.txt")),
    (Class::Probe, include_str!("functions/probe.txt")),
    (Class::Library, include_str!("functions/data.txt")),
    (Class::Library, include_str!("functions/compute.txt")),
    (Class::Library, include_str!("functions/helper.txt")),
];

impl Class {
    /// Returns the class of a frame's function.
    pub(crate) fn of_frame(frame: &Frame) -> Self {
        FUNCTIONS.class(&frame.symbol, frame.module.is_some())
    }

    /// Returns the class of a function of the core kernel.
    pub(crate) fn of(symbol: &str) -> Self {
        FUNCTIONS.class(symbol, false)
    }
}

/// A pattern of a function name.
struct Pattern {
    /// Whether leading underscores of the name are ignored.
    is_bare: bool,
    /// The texts between the asterisks.
    parts: Vec<&'static str>,
    in_modules: bool,
    class: Class,
}

impl Pattern {
    fn matches(&self, name: &str, bare: &str) -> bool {
        let mut rest = if self.is_bare { bare } else { name };
        let last = self.parts.len() - 1;
        for (at, part) in self.parts.iter().enumerate() {
            let found = match at {
                0 => rest.strip_prefix(part),
                _ if at == last && !part.is_empty() => {
                    return rest.ends_with(part);
                }
                _ => rest
                    .find(part)
                    .and_then(|from| rest.get(from + part.len()..)),
            };
            match found {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        last > 0 || rest.is_empty()
    }
}

struct Functions {
    /// Exact names of the core kernel.
    names: HashMap<&'static str, Class>,
    /// Patterns by the first byte of the names that they match, in the order of the tables. Entry 0
    /// has those that begin with an asterisk, which each list repeats.
    patterns: Vec<Vec<Pattern>>,
}

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(Functions::parse);

/// Symbols whose classes are kept. The same few hundred fill a log.
const MAX_KNOWN: usize = 4096;

thread_local! {
    /// The classes of symbols of the core kernel, and of modules.
    static KNOWN: RefCell<[HashMap<String, Class>; 2]> = RefCell::default();
}

impl Functions {
    fn parse() -> Self {
        let mut functions = Self {
            names: HashMap::new(),
            patterns: (0..256).map(|_| Vec::new()).collect(),
        };
        for (class, table) in TABLES {
            for line in table.lines().filter(|line| !line.starts_with('#')) {
                if !line.is_empty() {
                    functions.add(line, class);
                }
            }
        }
        functions
    }

    fn add(&mut self, line: &'static str, class: Class) {
        let (line, in_modules) = match line.strip_suffix(" [*]") {
            Some(line) => (line, true),
            None => (line, false),
        };
        let (text, is_bare) = match line.strip_prefix('~') {
            Some(text) => (text, true),
            None => (line, false),
        };
        if !is_bare && !in_modules && !text.contains('*') {
            self.names.entry(text).or_insert(class);
            return;
        }
        let pattern = || Pattern {
            is_bare,
            parts: text.split('*').collect(),
            in_modules,
            class,
        };
        // A name is searched by its first byte that is no underscore.
        match text.trim_start_matches('_').bytes().next() {
            Some(b'*') => self
                .patterns
                .iter_mut()
                .for_each(|list| list.push(pattern())),
            Some(first) => {
                if let Some(list) = self.patterns.get_mut(usize::from(first)) {
                    list.push(pattern());
                }
            }
            None => (),
        }
    }

    fn class(&self, symbol: &str, is_module: bool) -> Class {
        KNOWN.with_borrow_mut(|[of_kernel, of_modules]| {
            let known = if is_module { of_modules } else { of_kernel };
            if let Some(class) = known.get(symbol) {
                return *class;
            }
            let class = self.search(symbol, is_module);
            if known.len() >= MAX_KNOWN {
                known.clear();
            }
            known.insert(symbol.to_string(), class);
            class
        })
    }

    fn search(&self, symbol: &str, is_module: bool) -> Class {
        let name = base(symbol);
        // Rust calls C macros and inline functions through these helpers.
        let name = name.strip_prefix("rust_helper_").unwrap_or(name);
        if let (Some(class), false) = (self.names.get(name), is_module) {
            return *class;
        }
        let bare = name.trim_start_matches('_');
        let first = bare.bytes().next().unwrap_or_default();
        let patterns = self.patterns.get(usize::from(first));
        let found = patterns
            .into_iter()
            .flatten()
            .find(|pattern| (pattern.in_modules || !is_module) && pattern.matches(name, bare));
        found.map_or(Class::Other, |pattern| pattern.class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_families_of_helpers_have_a_class() {
        for (names, class) in [
            (
                "_sched_show_task print_other_cpu_stall console_unlock vprintk_emit _printk \
                 dump_stack_lvl rcu_dump_cpu_stacks dump_trace unwind_backtrace walk_stackframe \
                 tick_sched_timer __hrtimer_run_queues rcu_check_callbacks __rcu_pending",
                Class::Reporting,
            ),
            (
                "kasan_check_range check_memory_region __asan_load8_noabort __tsan_read4 \
                 kcsan_setup_watchpoint __msan_metadata_ptr_for_load_8 memcpy _copy_from_user \
                 __sanitizer_cov_trace_pc __ubsan_handle_shift",
                Class::Access,
            ),
            (
                "mcount ftrace_call __fentry__ srso_return_thunk __x86_return_thunk retbleed_return_thunk \
                 srso_alias_safe_ret delay_tsc ktime_get its_return_thunk",
                Class::Probe,
            ),
            (
                "__irq_svc el1h_64_irq el0t_64_irq_handler handle_exception ret_from_irq do_entInt \
                 except_vec_vi_end decrementer_common_virt ext_int_handler asm_exc_nmi handle_int",
                Class::Entry,
            ),
            (
                "process_one_work kthread worker_thread ret_from_fork_asm handle_softirqs tmigr_handle_remote \
                 do_syscall_64 entry_SYSCALL_64_after_hwframe __run_timers smpboot_thread_fn el0_svc_common",
                Class::Plumbing,
            ),
            (
                "__schedule preempt_schedule_common io_schedule_timeout wait_for_completion_killable",
                Class::Scheduler,
            ),
            (
                "_raw_spin_lock_irqsave native_queued_spin_lock_slowpath mutex_lock_nested rtnl_lock \
                 rt_spin_lock down_write percpu_down_write osq_lock",
                Class::Locking,
            ),
            (
                "kmem_cache_alloc_noprof ___slab_alloc kfree pte_alloc_one __alloc_pages",
                Class::Memory,
            ),
            ("do_idle arch_cpu_idle r4k_wait_irqoff psw_idle acpi_safe_halt", Class::Idle),
            ("__flush_work dma_fence_default_wait folio_wait_bit_common", Class::Wait),
            ("do_domain_IRQ plat_irq_dispatch gic_handle_irq generic_handle_domain_irq", Class::Irq),
            ("rcu_gp_kthread __wait_rcu_gp synchronize_rcu", Class::Rcu),
            ("smp_call_function_many_cond on_each_cpu_cond_mask", Class::Ipi),
            (
                "xas_descend idr_get_next mas_walk radix_tree_lookup rb_erase __list_del_entry_valid_or_report \
                 rhashtable_walk_next bitmap_find_free_region cpumask_next_and sbitmap_get iov_iter_advance \
                 atomic_add test_and_set_bit refcount_warn_saturate vsnprintf __udivdi3 jhash siphash_2u64 \
                 crc32c_le ZSTD_compressBlock_fast crypto_skcipher_encrypt sha256_transform get_random_bytes \
                 debug_check_no_obj_freed stack_depot_save kmemleak_alloc __mod_lruvec_state mod_timer \
                 __wake_up_common queue_work_on skb_page_frag_refill __kfree_skb consume_skb regmap_read \
                 ioread32 serial8250_console_write",
                Class::Library,
            ),
            (
                "__slab_free get_any_partial free_unref_page free_pcppages_bulk page_frag_alloc_align pcpu_block_update \
                 kmem_getpages ____cache_alloc_node",
                Class::Memory,
            ),
            ("my_driver_work copy_page_range net_rx_action rcu_torture_reader rht_deferred_worker \
                 kmemleak_scan shrink_lruvec compact_zone writeback_sb_inodes csum_one_bio psi_avgs_work", Class::Other),
        ] {
            for name in names.split_ascii_whitespace() {
                assert_eq!(Class::of(name), class, "{name}");
            }
        }
        assert_eq!(Class::of("rust_helper_mutex_lock"), Class::Locking);
    }

    #[test]
    fn a_function_of_a_module_is_its_own_code() {
        let of_module = |name: &str| FUNCTIONS.class(name, true);
        assert_eq!(of_module("memcpy_to_ring"), Class::Other);
        assert_eq!(of_module("kmalloc_demo"), Class::Other);
        assert_eq!(of_module("drm_modeset_lock_all"), Class::Locking);
        // Headers put these into the module.
        assert_eq!(of_module("might_fault"), Class::Access);
        assert_eq!(of_module("spin_lock_bh"), Class::Locking);
    }

    #[test]
    fn an_asterisk_matches_any_text() {
        let pattern = |text: &'static str| Pattern {
            is_bare: false,
            parts: text.split('*').collect(),
            in_modules: false,
            class: Class::Other,
        };
        for (text, name, matches) in [
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("*b*", "abc", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(pattern(text).matches(name, name), matches, "{text} {name}");
        }
    }
}
