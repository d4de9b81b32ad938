// SPDX-License-Identifier: GPL-2.0
/*
 * The report: the text that a read of the device returns. It grows until reboot, so its size is
 * limited; a command that exceeds the limit fails.
 */

#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/sprintf.h>
#include <linux/vmalloc.h>
#include "bench.h"

#define MAX_TEXT (64 * 1024)

static char *text;
static size_t text_len;
static bool is_full;

int report_init(void)
{
	text = vzalloc(MAX_TEXT);
	return text ? 0 : -ENOMEM;
}

void report_free(void)
{
	vfree(text);
}

void report(const char *format, ...)
{
	size_t room = MAX_TEXT - text_len;
	va_list arguments;
	size_t len;

	va_start(arguments, format);
	len = vsnprintf(text + text_len, room, format, arguments);
	va_end(arguments);
	/* A later line would continue a truncated one, so nothing is appended any more. */
	is_full |= len >= room;
	if (!is_full)
		text_len += len;
}

int report_error(void)
{
	return is_full ? -ENOSPC : 0;
}

ssize_t report_read(char __user *buffer, size_t count, loff_t *position)
{
	return simple_read_from_buffer(buffer, count, position, text, text_len);
}
