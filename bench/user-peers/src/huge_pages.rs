// SPDX-License-Identifier: GPL-2.0

//! Huge pages for the memory of all tables. The kernel maps its own memory with huge pages, and so
//! does user-mode Linux in the lab. A program gets pages of 4 KiB unless it asks for huge ones.

use std::fs;

use anyhow::{ensure, Context, Result};

/// The size of a huge page.
const HUGE: usize = 2 << 20;

/// Returns the start and the length of a writable mapping without file. It is private or, as DPDK's
/// heap, of `memfd_create()`.
fn without_file(line: &str) -> Option<(usize, usize)> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let [start, end] = [start, end].map(|text| usize::from_str_radix(text, 16).ok());
    let (access, inode) = (words.next()?, words.nth(2)?);
    let is_memfd = words.next().is_some_and(|path| path.starts_with("/memfd:"));
    let is_anonymous = access.ends_with('p') && inode == "0";
    let has_no_file = access.starts_with("rw") && (is_anonymous || is_memfd);
    has_no_file.then_some((start?, end? - start?))
}

/// Asks for huge pages in all mapped memory without file. Only pages that the program has not used
/// yet become huge at once.
pub fn request() -> Result<()> {
    let maps = fs::read_to_string("/proc/self/maps").context("/proc/self/maps")?;
    for (start, len) in maps.lines().filter_map(without_file) {
        if len < HUGE {
            continue;
        }
        // SAFETY: The advice changes the size of pages alone, not their contents.
        let status = unsafe { libc::madvise(start as *mut _, len, libc::MADV_HUGEPAGE) };
        ensure!(
            status == 0,
            "the kernel refuses huge pages: {}; expected a kernel with TRANSPARENT_HUGEPAGE",
            std::io::Error::last_os_error()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writable_memory_without_a_file_is_found() {
        for heap in [
            "7f0000000000-7f0000200000 rw-p 00000000 00:00 0 ",
            "7f0000000000-7f0000200000 rw-s 00000000 00:01 12 /memfd:nohuge (deleted)",
        ] {
            assert_eq!(without_file(heap), Some((0x7f00_0000_0000, HUGE)), "{heap}");
        }
        for other in [
            "7f0000000000-7f0000200000 r--p 00000000 00:00 0 ",
            "7f0000000000-7f0000200000 rw-s 00000000 00:01 12 /dev/shm/x",
            "7f0000000000-7f0000200000 rw-p 00000000 fe:00 12 /lib/x.so",
            "",
        ] {
            assert_eq!(without_file(other), None, "{other}");
        }
    }
}
