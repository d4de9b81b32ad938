// SPDX-License-Identifier: GPL-2.0
/*
 * Benchmarks the kernel's own route tables, as scale=lookup of rust_rcu_demo benchmarks its table.
 *
 * There are three peers: fib_table_lookup() for IPv4, fib6_table_lookup() for IPv6, and BPF's LPM
 * trie for both. All get the same routes. /dev/peers controls them:
 *
 *   # insmod peers.ko fib_table_insert=0x$(sed -n 's/ . fib_table_insert$//p' /proc/kallsyms) …
 *   # cat routes >/dev/peers                  lines PREFIX via GATEWAY, in dump order
 *   # echo fill >/dev/peers                   fills all peers, which then accept no more routes
 *   # echo lookup 10 1048576 2 1 >/dev/peers  runs, lookups per reader, readers, seed
 *   # echo update 10 5000 1 >/dev/peers       runs, changes, seed
 *   # echo read 10 1048576 2 >/dev/peers      runs, sections per reader, readers
 *   # cat /dev/peers                          prints the report, in the format of `scale`
 *
 * The figures are comparable, with small differences:
 *
 * - Both modules make the same addresses of the same prefixes and seed (scale/stream.rs). A hash of
 *   the addresses and a hash of the answers prove it; compare them before any time.
 * - The loops are those of scale/lookup.rs. Each reader is bound to its own CPU; all start together
 *   and run until the last one is done. A batch has 4096 lookups and does not count if the reader
 *   was preempted. A section under rcu_read_lock() has 64 lookups. A function that is not inlined
 *   returns the answer, which is added up.
 * - The differences: C inlines rcu_read_lock(), once in 64 lookups. The FIBs' lookup
 *   functions require a structure that the caller must fill.
 *
 * Use few gateways, as a router does: the FIB compares the next hop of a new route with all others
 * of the device. With tens of thousands of them, a change takes 100 µs.
 *
 * Symbols that are not exported are module parameters with addresses from /proc/kallsyms, so use
 * this in a test kernel only. The module cannot be unloaded; its routes exist until reboot. Changes
 * of the FIBs notify netlink listeners, as ip-route does.
 */

#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sprintf.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "bench.h"
#include "peer.h"

#define MAX_LINE 128

/* Protects the peers, the routes, the report and the current line. */
static DEFINE_MUTEX(lock);
static char line[MAX_LINE];
static size_t line_len;

static int run_line(void)
{
	u32 runs, loops, readers, seed;

	if (!strcmp(line, "fill"))
		return run_fill();
	if (sscanf(line, "lookup %u %u %u %u", &runs, &loops, &readers, &seed) == 4)
		return run_lookup(runs, loops, readers, seed);
	if (sscanf(line, "update %u %u %u", &runs, &loops, &seed) == 3)
		return run_update(runs, loops, seed);
	if (sscanf(line, "read %u %u %u", &runs, &loops, &readers) == 3)
		return run_read(runs, loops, readers);
	return route_add(line);
}

static int handle_char(char character)
{
	int error;

	if (character != '\n') {
		if (line_len == MAX_LINE - 1)
			return -EINVAL;
		line[line_len++] = character;
		return 0;
	}
	line[line_len] = 0;
	line_len = 0;
	error = run_line();
	return error ?: report_error();
}

static ssize_t peers_write(struct file *file, const char __user *buffer, size_t count, loff_t *position)
{
	char chunk[256];
	size_t done, size, i;
	int error = 0;

	if (mutex_lock_interruptible(&lock))
		return -ERESTARTSYS;
	for (done = 0; !error && done < count; done += size) {
		size = min(count - done, sizeof(chunk));
		if (copy_from_user(chunk, buffer + done, size))
			error = -EFAULT;
		for (i = 0; !error && i < size; i++)
			error = handle_char(chunk[i]);
	}
	if (error)
		line_len = 0;
	mutex_unlock(&lock);
	return error ?: count;
}

static ssize_t peers_read(struct file *file, char __user *buffer, size_t count, loff_t *position)
{
	ssize_t size;

	if (mutex_lock_interruptible(&lock))
		return -ERESTARTSYS;
	size = report_read(buffer, count, position);
	mutex_unlock(&lock);
	return size;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.read = peers_read,
	.write = peers_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "peers",
	.fops = &operations,
	.mode = 0600,
};

static int __init peers_init(void)
{
	int error = peers_prepare();

	if (error)
		return error;
	error = report_init();
	if (error)
		goto cleanup;
	error = misc_register(&device);
	if (error)
		goto free_report;
	return 0;

free_report:
	report_free();
cleanup:
	peers_cleanup();
	return error;
}
/* There is no exit function: nothing deletes the routes. */
module_init(peers_init);

MODULE_DESCRIPTION("Benchmarks the kernel's own route tables");
MODULE_LICENSE("GPL");
