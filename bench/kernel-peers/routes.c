// SPDX-License-Identifier: GPL-2.0
/*
 * Parses and stores routes that are written to the device. They fill the peers, and streams of
 * addresses use their prefixes.
 */

#include <linux/errno.h>
#include <linux/inet.h>
#include <linux/kstrtox.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include "peer.h"

#define VIA " via "

static struct routes families[2];

struct routes *routes_of(bool is_inet6)
{
	return &families[is_inet6];
}

/* Parses an address up to the character `end`. */
static bool parse_address(const char *text, char end, struct address *address, bool *is_inet6)
{
	struct in6_addr in6;
	__be32 in4;

	if (in4_pton(text, -1, (u8 *)&in4, end, NULL)) {
		*is_inet6 = false;
		*address = (struct address){ .high = (u64)ntohl(in4) << 32 };
		return true;
	}
	if (!in6_pton(text, -1, in6.s6_addr, end, NULL))
		return false;
	*is_inet6 = true;
	*address = from_in6(&in6);
	return true;
}

/* The FIB does not check for host bits, which would corrupt it. */
static bool is_prefix(const struct route *route, bool is_inet6)
{
	struct address rest = host_bits(route->len);

	return route->len <= (is_inet6 ? 128 : 32) && !(route->prefix.high & rest.high) &&
	       !(route->prefix.low & rest.low);
}

static int parse_route(char *line, struct route *route, bool *is_inet6)
{
	char *len = strchr(line, '/');
	char *via = strstr(line, VIA);
	bool is_gateway6;

	if (!len || !via)
		return -EINVAL;
	*via = 0;
	if (!parse_address(line, '/', &route->prefix, is_inet6) || kstrtou8(len + 1, 10, &route->len))
		return -EINVAL;
	if (!parse_address(via + strlen(VIA), '\0', &route->gateway, &is_gateway6))
		return -EINVAL;
	if (*is_inet6 != is_gateway6 || !is_prefix(route, *is_inet6))
		return -EINVAL;
	if (!is_gateway6)
		route->gateway = (struct address){ .low = route->gateway.high >> 32 };
	return 0;
}

/* Adds the route of a line PREFIX via GATEWAY. Modifies the line. */
int route_add(char *line)
{
	struct routes *routes;
	struct route route;
	bool is_inet6;

	if (parse_route(line, &route, &is_inet6))
		return -EINVAL;
	routes = routes_of(is_inet6);
	if (routes->is_closed)
		return -EBUSY;
	if (routes->count == MAX_ROUTES)
		return -ENOSPC;
	if (!routes->routes)
		routes->routes = vmalloc_array(MAX_ROUTES, sizeof(route));
	if (!routes->routes)
		return -ENOMEM;
	routes->routes[routes->count++] = route;
	return 0;
}
