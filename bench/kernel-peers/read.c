// SPDX-License-Identifier: GPL-2.0
/*
 * The command read: empty read-side critical sections of RCU, C beside scale=read.
 */

#include <linux/compiler.h>
#include <linux/math.h>
#include <linux/rcupdate.h>
#include "bench.h"

/* As scale/primitives.rs has them. */
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

int command_read(u32 runs, u32 loops, u32 readers)
{
	struct experiment experiment = {
		.pass = sections,
		.batches = DIV_ROUND_UP(loops, BATCH),
	};

	if (!experiment_is_sensible(runs, loops, readers))
		return -EINVAL;
	return experiment_tell(&experiment, readers, runs, "kind=rcu_c");
}
