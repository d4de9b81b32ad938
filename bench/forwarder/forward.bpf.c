// SPDX-License-Identifier: GPL-2.0
/*
 * XDP programs that forward IPv4 packets. Each asks another table, and is otherwise the same.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "forward.h"
#include "kfunc.h"

#define AF_INET 2

char LICENSE[] SEC("license") = "GPL";

/* The headers of older systems lack these flags of bpf_fib_lookup(). */
#define LOOKUP_DIRECT (1U << 0)
#define LOOKUP_SKIP_NEIGH (1U << 2)

/* The kfunc of the module route_xdp. kfunc.c describes its arguments and errors. */
extern int bpf_route_xdp_lookup(struct xdp_md *ctx, const unsigned char *address,
				unsigned int address__sz, struct route_xdp_hop *hop) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2000000);
	__type(key, struct lpm_key);
	__type(value, struct answer);
} routes SEC(".maps");

/* The answer for the last packet. The loader reads it to compare the tables. */
struct answer last;
/* The number of packets that reached the sink. */
unsigned long received;

static __always_inline int by_kfunc(struct xdp_md *ctx, __u32 address, struct answer *answer)
{
	struct route_xdp_hop hop = {};

	if (bpf_route_xdp_lookup(ctx, (unsigned char *)&address, sizeof(address), &hop))
		return -1;
	__builtin_memcpy(&answer->gateway, hop.gateway, sizeof(answer->gateway));
	answer->ifindex = hop.ifindex;
	return 0;
}

static __always_inline int by_fib(struct xdp_md *ctx, __u32 address, struct answer *answer)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.ifindex = ctx->ingress_ifindex,
		.ipv4_dst = address,
	};

	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), LOOKUP_DIRECT | LOOKUP_SKIP_NEIGH))
		return -1;
	answer->gateway = fib.ipv4_dst;
	answer->ifindex = fib.ifindex;
	return 0;
}

static __always_inline int by_lpm_map(struct xdp_md *ctx, __u32 address, struct answer *answer)
{
	struct lpm_key key = { .bits = 32, .address = address };
	struct answer *found = bpf_map_lookup_elem(&routes, &key);

	if (!found)
		return -1;
	*answer = *found;
	return 0;
}

/* Asks no table, so the program measures the cost of everything else. */
static __always_inline int by_nothing(struct xdp_md *ctx, __u32 address, struct answer *answer)
{
	*answer = last;
	return 0;
}

#define FORWARD(name, find)                                                              \
	SEC("xdp") int name(struct xdp_md *ctx)                                          \
	{                                                                                \
		struct ethhdr *ethernet = (void *)(long)ctx->data;                       \
		struct iphdr *ip = (void *)(ethernet + 1);                               \
		struct answer answer = {};                                               \
											 \
		if ((void *)(ip + 1) > (void *)(long)ctx->data_end ||                    \
		    ethernet->h_proto != bpf_htons(ETH_P_IP) || ip->ttl <= 1)            \
			return XDP_PASS;                                                 \
		if (find(ctx, ip->daddr, &answer)) {                                     \
			last = (struct answer){};                                        \
			return XDP_DROP;                                                 \
		}                                                                        \
		last = answer;                                                           \
		/* RFC 1141: the word of TTL and protocol loses 0x0100, the sum gains it. */\
		__u32 sum = ip->check + bpf_htons(0x0100);                               \
		ip->check = sum + (sum >= 0xffff);                                       \
		ip->ttl--;                                                               \
		return bpf_redirect(answer.ifindex, 0);                                  \
	}

FORWARD(forward_by_kfunc, by_kfunc)
FORWARD(forward_by_fib, by_fib)
FORWARD(forward_by_lpm_map, by_lpm_map)
FORWARD(forward_by_nothing, by_nothing)

/* Runs in the sink. */
SEC("xdp") int count(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&received, 1);
	return XDP_DROP;
}
