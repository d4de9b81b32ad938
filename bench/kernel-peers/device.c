// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own route tables, asked what scale=lookup asks the table of rust_rcu_demo: for benchmarks alone.
 *
 * Three peers, filled with the same routes: fib_table_lookup() for IPv4, fib6_table_lookup() for IPv6, and BPF's LPM
 * trie for either. This is the device through which they are told what to do:
 *
 *   # insmod peers.ko fib_table_insert=0x$(sed -n 's/ . fib_table_insert$//p' /proc/kallsyms) …
 *   # cat routes >/dev/peers                  lines PREFIX via GATEWAY, sorted as the device of rust_rcu_demo shows them
 *   # echo fill >/dev/peers                   into all peers; then no more of that family are taken
 *   # echo lookup 10 1048576 2 1 >/dev/peers  runs, lookups of each reader, readers, seed
 *   # echo update 10 5000 1 >/dev/peers       runs, changes, seed
 *   # echo read 10 1048576 2 >/dev/peers      runs, sections of each reader, readers: C beside scale=read
 *   # cat /dev/peers                          what was found, in the words of the parameter `scale`
 *
 * How it is made comparable:
 *
 * - The addresses are those of scale.rs, made in the same way of the same prefixes and seed (scale/stream.rs); a hash
 *   of them tells whether they are. A hash of all answers tells whether all gateways are the same. Whoever compares
 *   has to look at both hashes before any time.
 * - The loops are those of scale.rs: readers bound to a CPU each, which begin together and go on until the last is
 *   done; batches of 4096 lookups, of which those do not count in which the reader lost its CPU; sections of 64
 *   lookups under rcu_read_lock(); the answer goes out through a function call, and is added up.
 * - What differs: C inlines rcu_read_lock(), once in 64 lookups; and the peers' lookup takes a structure that has to
 *   be filled, which is their interface.
 *
 * Give few different gateways, as a router has: the FIB looks for a new route's next hop among all of a device, one by
 * one, and with tens of thousands of them a change takes a tenth of a millisecond.
 *
 * What is not exported comes as an address from /proc/kallsyms. That is no way to treat a kernel that is used for
 * anything else; and the routes stay until it goes, as this cannot be unloaded. Changes of the FIBs tell listeners on
 * netlink, as those of ip-route do.
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

/* Of all that the commands use, and of the line that has begun. */
static DEFINE_MUTEX(lock);
static char line[MAX_LINE];
static size_t line_len;

static int run_line(void)
{
	u32 runs, loops, readers, seed;

	if (!strcmp(line, "fill"))
		return command_fill();
	if (sscanf(line, "lookup %u %u %u %u", &runs, &loops, &readers, &seed) == 4)
		return command_lookup(runs, loops, readers, seed);
	if (sscanf(line, "update %u %u %u", &runs, &loops, &seed) == 3)
		return command_update(runs, loops, seed);
	if (sscanf(line, "read %u %u %u", &runs, &loops, &readers) == 3)
		return command_read(runs, loops, readers);
	return route_take(line);
}

static int take_character(char character)
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
	char piece[256];
	size_t done, size, i;
	int error = 0;

	if (mutex_lock_interruptible(&lock))
		return -ERESTARTSYS;
	for (done = 0; !error && done < count; done += size) {
		size = min(count - done, sizeof(piece));
		if (copy_from_user(piece, buffer + done, size))
			error = -EFAULT;
		for (i = 0; !error && i < size; i++)
			error = take_character(piece[i]);
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
		goto unprepare;
	error = misc_register(&device);
	if (error)
		goto free_report;
	return 0;

free_report:
	report_free();
unprepare:
	peers_unprepare();
	return error;
}
/* Without an exit: the routes go with the kernel. */
module_init(peers_init);

MODULE_DESCRIPTION("The kernel's own route tables, for benchmarks");
MODULE_LICENSE("GPL");
