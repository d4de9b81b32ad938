// SPDX-License-Identifier: GPL-2.0
/*
 * The command read: measures empty read-side critical sections of RCU in C, to compare with
 * scale=read.
 */

#include <linux/compiler.h>
#include <linux/math.h>
#include <linux/rcupdate.h>
#include "bench.h"

/* The same sections as in scale/primitives.rs. */
static void sections(const struct experiment *experiment, u32 reader, u32 batch)
{
	u32 i;

	for (i = 0; i < BATCH; i++) {
		rcu_read_lock();
		barrier();
		rcu_read_unlock();
		barrier();
	}
}

int run_read(u32 runs, u32 loops, u32 readers)
{
	struct experiment experiment = {
		.pass = sections,
		.batches = DIV_ROUND_UP(loops, BATCH),
	};

	if (!experiment_is_valid(runs, loops, readers))
		return -EINVAL;
	return experiment_run(&experiment, readers, runs, "kind=rcu_c");
}
