// SPDX-License-Identifier: GPL-2.0
/*
 * Figures of one row, and what is told of them: as scale/samples.rs and scale/row.rs do it.
 */

#include <linux/math64.h>
#include <linux/sort.h>
#include "bench.h"

static int compare_figures(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Before anything is told of them. */
void figures_sort(u64 *figures, u32 count)
{
	sort(figures, count, sizeof(*figures), compare_figures, NULL);
}

/* The one than which so many percent are less. There is one at least. */
u64 figures_at(const u64 *figures, u32 count, u32 percent)
{
	return figures[div_u64((u64)(count - 1) * percent, 100)];
}

/* Picoseconds, told as nanoseconds; there may be none. */
void figures_tell_ps(const char *name, const u64 *figures, u32 count, u32 percent)
{
	u64 ns;
	u32 ps;

	if (!count) {
		tell(" %s=-", name);
		return;
	}
	ns = div_u64_rem(figures_at(figures, count, percent), 1000, &ps);
	tell(" %s=%llu.%02u", name, ns, ps / 10);
}
