// SPDX-License-Identifier: GPL-2.0
/*
 * Percentiles of the figures of a row, as in scale/quantile.rs and scale/row.rs.
 */

#include <linux/math64.h>
#include <linux/sort.h>
#include "bench.h"

static int compare_figures(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

void figures_sort(u64 *figures, u32 count)
{
	sort(figures, count, sizeof(*figures), compare_figures, NULL);
}

/* The figures must be sorted, and there must be at least one. */
u64 percentile(const u64 *figures, u32 count, u32 percent)
{
	return figures[div_u64((u64)(count - 1) * percent, 100)];
}

/* Reports a percentile of sorted picoseconds as nanoseconds; "-" if there are none. */
void report_percentile_ps(const char *name, const u64 *figures, u32 count, u32 percent)
{
	u64 ns;
	u32 ps;

	if (!count) {
		report(" %s=-", name);
		return;
	}
	ns = div_u64_rem(percentile(figures, count, percent), 1000, &ps);
	report(" %s=%llu.%02u", name, ns, ps / 10);
}
