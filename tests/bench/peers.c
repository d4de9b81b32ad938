// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own route tables, asked what scale=lookup asks the table of rust_rcu_demo: for benchmarks alone.
 *
 * Three peers, filled with the same routes: fib_table_lookup() for IPv4, fib6_table_lookup() for IPv6, and BPF's LPM
 * trie for either.
 *
 *   # insmod peers.ko fib_table_insert=0x$(sed -n 's/ . fib_table_insert$//p' /proc/kallsyms) …
 *   # cat routes >/dev/peers                  lines PREFIX via GATEWAY, sorted as the device of rust_rcu_demo shows them
 *   # echo fill >/dev/peers                   into all peers
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
 * netlink, as those of ip-route do. Batches of the BPF trie's changes are followed by irq_work_run(): its allocator
 * is filled up by that, in user-mode Linux only at a tick otherwise.
 */

#include <linux/bpf.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/inet.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/ip_fib.h>
#include <net/net_namespace.h>

#define BATCH 4096
#define SECTION 64
#define MAX_ADDRESSES (1U << 22)
#define APART 500
#define MAX_ROUTES (1U << 22)
#define MAX_READERS 512
#define MAX_LINE 128
#define MAX_TEXT (16 * PAGE_SIZE)
#define TABLE 1000

/* Addresses of functions that are not exported. */
#define ADDRESS(name) \
	static unsigned long name##_address; \
	module_param_named(name, name##_address, ulong, 0400); \
	MODULE_PARM_DESC(name, "Address of " #name " from /proc/kallsyms")

ADDRESS(fib_table_insert);
ADDRESS(fib_table_delete);
ADDRESS(fib6_table_lookup);
ADDRESS(ip6_route_add);
ADDRESS(ip6_route_del);
ADDRESS(trie_map_ops);

typedef int fib_change_fn(struct net *net, struct fib_table *table, struct fib_config *config,
			  struct netlink_ext_ack *ack);
typedef int fib6_lookup_fn(struct net *net, struct fib6_table *table, int oif, struct flowi6 *flow,
			   struct fib6_result *result, int strict);
typedef int fib6_add_fn(struct fib6_config *config, gfp_t flags, struct netlink_ext_ack *ack);
typedef int fib6_del_fn(struct fib6_config *config, struct netlink_ext_ack *ack);

/* Of either family, from the left: what IPv4 has not is zero. */
struct address {
	u64 high;
	u64 low;
};

struct route {
	struct address prefix;
	/* IPv4: in the lowest 32 bits. */
	struct address gateway;
	u8 len;
};

/* A route table of the kernel, of one family. */
struct peer {
	const char *name;
	bool is_inet6;
	int (*init)(struct peer *peer);
	u64 (*lookup)(struct peer *peer, const struct address *address);
	int (*add)(struct peer *peer, const struct route *route);
	int (*del)(struct peer *peer, const struct route *route);
	/* After some changes. */
	void (*settle)(void);
	void *table;
	bool is_filled;
};

static struct net_device *dummy;

/* Each of them */

static int fib_init(struct peer *peer)
{
	rtnl_lock();
	/* In which gateways are looked up; there is none before there is an address. */
	fib_new_table(&init_net, RT_TABLE_LOCAL);
	peer->table = fib_new_table(&init_net, TABLE);
	rtnl_unlock();
	return peer->table ? 0 : -ENOMEM;
}

static noinline u64 fib_lookup_one(struct peer *peer, const struct address *address)
{
	struct flowi4 flow = { .daddr = htonl(address->high >> 32) };
	struct fib_result result;

	if (fib_table_lookup(peer->table, &flow, &result, FIB_LOOKUP_NOREF))
		return 0;
	return ntohl(result.nhc->nhc_gw.ipv4);
}

static struct fib_config fib_config_of(const struct route *route)
{
	return (struct fib_config){
		.fc_dst = htonl(route->prefix.high >> 32),
		.fc_dst_len = route->len,
		.fc_table = TABLE,
		.fc_type = RTN_UNICAST,
		.fc_scope = RT_SCOPE_UNIVERSE,
		.fc_protocol = RTPROT_STATIC,
		.fc_gw_family = AF_INET,
		.fc_gw4 = htonl(route->gateway.low),
		.fc_oif = dummy->ifindex,
		.fc_flags = RTNH_F_ONLINK,
		.fc_nlflags = NLM_F_CREATE,
		.fc_nlinfo.nl_net = &init_net,
	};
}

static int fib_add(struct peer *peer, const struct route *route)
{
	struct fib_config config = fib_config_of(route);

	return ((fib_change_fn *)fib_table_insert_address)(&init_net, peer->table, &config, NULL);
}

static int fib_del(struct peer *peer, const struct route *route)
{
	struct fib_config config = fib_config_of(route);

	return ((fib_change_fn *)fib_table_delete_address)(&init_net, peer->table, &config, NULL);
}

/* What a device has of its own accord, and is no route of ours: without it the main table is empty. */
static void fib6_forget(u32 prefix, int len)
{
	struct fib6_config config = {
		.fc_table = TABLE,
		.fc_dst.s6_addr32[0] = htonl(prefix),
		.fc_dst_len = len,
		.fc_ifindex = dummy->ifindex,
		.fc_nlinfo.nl_net = &init_net,
	};

	while (!((fib6_del_fn *)ip6_route_del_address)(&config, NULL))
		;
}

static int fib6_init_one(struct peer *peer)
{
#ifdef CONFIG_IPV6_MULTIPLE_TABLES
	peer->table = fib6_new_table(&init_net, TABLE);
#else
	peer->table = init_net.ipv6.fib6_main_tbl;
#endif
	fib6_forget(0xfe800000, 64);
	fib6_forget(0xff000000, 8);
	return peer->table ? 0 : -ENOMEM;
}

static struct in6_addr to_in6(const struct address *address)
{
	struct in6_addr in6;

	in6.s6_addr32[0] = htonl(address->high >> 32);
	in6.s6_addr32[1] = htonl(address->high);
	in6.s6_addr32[2] = htonl(address->low >> 32);
	in6.s6_addr32[3] = htonl(address->low);
	return in6;
}

static u64 low_of(const struct in6_addr *in6)
{
	return (u64)ntohl(in6->s6_addr32[2]) << 32 | ntohl(in6->s6_addr32[3]);
}

static noinline u64 fib6_lookup_one(struct peer *peer, const struct address *address)
{
	struct flowi6 flow = { .daddr = to_in6(address) };
	struct fib6_result result = {};

	((fib6_lookup_fn *)fib6_table_lookup_address)(&init_net, peer->table, 0, &flow, &result, 0);
	if (!result.f6i || result.f6i == init_net.ipv6.fib6_null_entry)
		return 0;
	return low_of(&result.nh->fib_nh_gw6);
}

static struct fib6_config fib6_config_of(const struct route *route)
{
	return (struct fib6_config){
		.fc_table = TABLE,
		.fc_metric = IP6_RT_PRIO_USER,
		.fc_dst = to_in6(&route->prefix),
		.fc_dst_len = route->len,
		.fc_ifindex = dummy->ifindex,
		.fc_flags = RTF_UP | RTF_GATEWAY | RTNH_F_ONLINK,
		.fc_protocol = RTPROT_STATIC,
		.fc_type = RTN_UNICAST,
		.fc_gateway = to_in6(&route->gateway),
		.fc_nlinfo.nl_net = &init_net,
		.fc_nlinfo.nlh = NULL,
	};
}

static int fib6_add_one(struct peer *peer, const struct route *route)
{
	struct fib6_config config = fib6_config_of(route);

	return ((fib6_add_fn *)ip6_route_add_address)(&config, GFP_KERNEL, NULL);
}

static int fib6_del_one(struct peer *peer, const struct route *route)
{
	struct fib6_config config = fib6_config_of(route);

	return ((fib6_del_fn *)ip6_route_del_address)(&config, NULL);
}

struct lpm_key {
	u32 len;
	__be32 words[4];
};

static int lpm_init(struct peer *peer)
{
	const struct bpf_map_ops *ops = (void *)trie_map_ops_address;
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_LPM_TRIE,
		.key_size = sizeof(u32) + (peer->is_inet6 ? 16 : 4),
		/* The gateway's lowest half. */
		.value_size = sizeof(u64),
		.max_entries = MAX_ROUTES,
		.map_flags = BPF_F_NO_PREALLOC,
	};
	struct bpf_map *map = ops->map_alloc(&attr);

	if (IS_ERR(map))
		return PTR_ERR(map);
	map->ops = ops;
	peer->table = map;
	return 0;
}

static struct lpm_key lpm_key_of(const struct address *address, u32 len)
{
	struct in6_addr in6 = to_in6(address);
	struct lpm_key key = { .len = len };

	memcpy(key.words, &in6, sizeof(in6));
	return key;
}

static noinline u64 lpm_lookup(struct peer *peer, const struct address *address)
{
	struct bpf_map *map = peer->table;
	struct lpm_key key = lpm_key_of(address, peer->is_inet6 ? 128 : 32);
	u64 *gateway = map->ops->map_lookup_elem(map, &key);

	return gateway ? *gateway : 0;
}

static void lpm_settle(void)
{
	local_irq_disable();
	irq_work_run();
	local_irq_enable();
}

static int lpm_add(struct peer *peer, const struct route *route)
{
	struct bpf_map *map = peer->table;
	struct lpm_key key = lpm_key_of(&route->prefix, route->len);
	u64 gateway = route->gateway.low;
	int error;

	rcu_read_lock();
	error = map->ops->map_update_elem(map, &key, &gateway, BPF_NOEXIST);
	rcu_read_unlock();
	return error;
}

static int lpm_del(struct peer *peer, const struct route *route)
{
	struct bpf_map *map = peer->table;
	struct lpm_key key = lpm_key_of(&route->prefix, route->len);
	int error;

	rcu_read_lock();
	error = map->ops->map_delete_elem(map, &key);
	rcu_read_unlock();
	return error;
}

static void no_settling(void)
{
}

static struct peer peers[] = {
	{ "fib_trie", false, fib_init, fib_lookup_one, fib_add, fib_del, no_settling },
	{ "lpm_trie", false, lpm_init, lpm_lookup, lpm_add, lpm_del, lpm_settle },
	{ "fib6", true, fib6_init_one, fib6_lookup_one, fib6_add_one, fib6_del_one, no_settling },
	{ "lpm_trie", true, lpm_init, lpm_lookup, lpm_add, lpm_del, lpm_settle },
};

/* Routes, of each family in the order in which they came. */

struct routes {
	struct route *routes;
	u32 count;
};

static struct routes families[2];

static const char *family_name(bool is_inet6)
{
	return is_inet6 ? "inet6" : "inet";
}

static bool parse_address(const char *text, char end, struct address *address, bool *is_inet6)
{
	struct in6_addr in6;
	__be32 in4;

	if (in4_pton(text, -1, (u8 *)&in4, end, NULL)) {
		*is_inet6 = false;
		address->high = (u64)ntohl(in4) << 32;
		address->low = 0;
		return true;
	}
	if (!in6_pton(text, -1, in6.s6_addr, end, NULL))
		return false;
	*is_inet6 = true;
	address->high = (u64)ntohl(in6.s6_addr32[0]) << 32 | ntohl(in6.s6_addr32[1]);
	address->low = low_of(&in6);
	return true;
}

static int take_route(char *line)
{
	char *len = strchr(line, '/');
	char *via = strstr(line, " via ");
	struct route route = {};
	struct routes *routes;
	bool is_inet6, is_gateway6;

	if (!len || !via)
		return -EINVAL;
	*via = 0;
	if (!parse_address(line, '/', &route.prefix, &is_inet6) || kstrtou8(len + 1, 10, &route.len))
		return -EINVAL;
	if (!parse_address(via + strlen(" via "), -1, &route.gateway, &is_gateway6) || is_inet6 != is_gateway6)
		return -EINVAL;
	if (!is_inet6)
		route.gateway = (struct address){ .low = route.gateway.high >> 32 };
	routes = &families[is_inet6];
	if (!routes->routes)
		routes->routes = vmalloc_array(MAX_ROUTES, sizeof(route));
	if (!routes->routes)
		return -ENOMEM;
	if (routes->count == MAX_ROUTES)
		return -ENOSPC;
	routes->routes[routes->count++] = route;
	return 0;
}

/* What is told. */

static char *text;
static size_t text_len;

static __printf(1, 2) void tell(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_len += vscnprintf(text + text_len, MAX_TEXT - text_len, format, arguments);
	va_end(arguments);
}

static void tell_ns(const char *name, u64 ps)
{
	tell(" %s=%llu.%02llu", name, ps / 1000, ps % 1000 / 10);
}

static int compare_figures(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* As scale/samples.rs finds it, in ascending order. */
static u64 at(const u64 *figures, u32 count, u32 percent)
{
	return count ? figures[(u64)(count - 1) * percent / 100] : 0;
}

/* Addresses, as scale/stream.rs makes them. */

static u64 split_mix(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static u32 below(u64 *state, u64 end)
{
	return ((split_mix(state) >> 32) * end) >> 32;
}

static struct address random_address(u64 *state, bool is_inet6)
{
	struct address address = { .high = split_mix(state) };

	if (is_inet6)
		address.low = split_mix(state);
	else
		address.high = address.high >> 32 << 32;
	return address;
}

static struct address random_inside(u64 *state, bool is_inet6)
{
	const struct routes *routes = &families[is_inet6];
	const struct route *route = &routes->routes[below(state, routes->count)];
	struct address rest = random_address(state, is_inet6);
	struct address mask = {
		.high = route->len < 64 ? ~0ULL >> route->len : 0,
		.low = route->len <= 64 ? ~0ULL : route->len < 128 ? ~0ULL >> (route->len - 64) : 0,
	};

	return (struct address){
		.high = route->prefix.high | (rest.high & mask.high),
		.low = route->prefix.low | (rest.low & mask.low),
	};
}

static void hash(u64 *state, u64 word)
{
	*state = (*state ^ word) * 0x00000100000001b3ULL;
}

#define HASH_INIT 0xcbf29ce484222325ULL

enum { STREAM_A, STREAM_B, STREAM_C, STREAM_D, STREAMS };

struct stream {
	struct address *addresses;
	u32 count;
};

static struct stream make_stream(int kind, bool is_inet6, u32 loops, u32 seed)
{
	struct stream stream = {
		.count = kind == STREAM_D ? BATCH : roundup(clamp(loops, 1U, MAX_ADDRESSES), BATCH),
	};
	u64 state = (u64)seed + (kind == STREAM_A ? 0 : 1);
	u32 i;

	stream.addresses = vmalloc_array(stream.count, sizeof(struct address));
	for (i = 0; stream.addresses && i < stream.count; i++) {
		if (kind == STREAM_A)
			stream.addresses[i] = random_address(&state, is_inet6);
		else if (kind == STREAM_D && i > 0)
			stream.addresses[i] = stream.addresses[0];
		else
			stream.addresses[i] = random_inside(&state, is_inet6);
		if (i % BATCH == 0)
			cond_resched();
	}
	return stream;
}

/* Readers, as scale/rendezvous.rs has them. */

struct tally {
	u64 first, last, time, kept;
} ____cacheline_aligned;

struct experiment {
	void (*pass)(struct experiment *experiment, u32 reader, u32 batch);
	struct peer *peer;
	struct stream stream;
	bool is_chained;
	u32 readers, batches, apart;
	atomic_t arrived, ready, done;
	struct tally *tallies;
};

struct reader {
	struct experiment *experiment;
	u32 number;
	struct completion ended;
};

/* Keeps the compiler from knowing that nobody needs the answers. */
static u64 sink;

static void lookups(struct experiment *experiment, u32 reader, u32 batch)
{
	u32 batches = experiment->stream.count / BATCH;
	const struct address *addresses =
		experiment->stream.addresses + (size_t)((batch + reader * experiment->apart) % batches) * BATCH;
	struct peer *peer = experiment->peer;
	u64 sum = 0, last = 0, no_bits = 0;
	u32 section, i;

	OPTIMIZER_HIDE_VAR(no_bits);
	for (section = 0; section < BATCH; section += SECTION) {
		rcu_read_lock();
		if (experiment->is_chained) {
			for (i = section; i < section + SECTION; i++) {
				last = peer->lookup(peer, &addresses[i + (last & no_bits)]);
				sum += last;
			}
		} else {
			for (i = section; i < section + SECTION; i++)
				sum += peer->lookup(peer, &addresses[i]);
		}
		rcu_read_unlock();
	}
	OPTIMIZER_HIDE_VAR(sum);
	if (unlikely(sum == 1))
		WRITE_ONCE(sink, sum);
}

/* Empty sections, as scale/primitives.rs has them. */
static void sections(struct experiment *experiment, u32 reader, u32 batch)
{
	u32 i;

	for (i = 0; i < BATCH; i++) {
		rcu_read_lock();
		barrier();
		rcu_read_unlock();
		barrier();
	}
}

static void be_polite(u32 batches)
{
	if (batches % 16 == 0)
		schedule();
}

static int read_all(void *data)
{
	struct reader *reader = data;
	struct experiment *experiment = reader->experiment;
	struct tally *tally = &experiment->tallies[reader->number];
	u64 start, end, preempted;
	u32 batch, turns = 0;

	experiment->pass(experiment, reader->number, 0);
	atomic_inc(&experiment->arrived);
	while (atomic_read(&experiment->arrived) < experiment->readers) {
		cpu_relax();
		if (++turns % 10000 == 0)
			schedule();
	}
	/* Some may have been away when the last one came. */
	atomic_inc(&experiment->ready);
	while (atomic_read(&experiment->ready) < experiment->readers)
		cpu_relax();
	tally->first = ktime_get_ns();
	for (batch = 0; batch < experiment->batches; batch++) {
		preempted = current->nivcsw;
		start = ktime_get_ns();
		experiment->pass(experiment, reader->number, batch);
		end = ktime_get_ns();
		if (current->nivcsw == preempted) {
			tally->time += end - start;
			tally->kept++;
		}
		be_polite(batch + 1);
	}
	tally->last = ktime_get_ns();
	atomic_inc_return(&experiment->done);
	for (batch = 0; atomic_read(&experiment->done) < experiment->readers; ) {
		experiment->pass(experiment, reader->number, batch++);
		be_polite(batch);
	}
	complete(&reader->ended);
	return 0;
}

/* Starts all readers and waits for them. What was started waits for the others, so all are made before. */
static int run_readers(struct experiment *experiment)
{
	struct task_struct **tasks = kcalloc(experiment->readers, sizeof(*tasks), GFP_KERNEL);
	struct reader *readers = kcalloc(experiment->readers, sizeof(*readers), GFP_KERNEL);
	u32 made = 0, i;
	int error = -ENOMEM, cpu;

	if (!tasks || !readers)
		goto out;
	for_each_online_cpu(cpu) {
		if (made == experiment->readers)
			break;
		readers[made].experiment = experiment;
		readers[made].number = made;
		init_completion(&readers[made].ended);
		tasks[made] = kthread_create(read_all, &readers[made], "peers_reader");
		if (IS_ERR(tasks[made])) {
			error = PTR_ERR(tasks[made]);
			break;
		}
		kthread_bind(tasks[made], cpu);
		made++;
	}
	if (made < experiment->readers) {
		/* One that was never woken does not begin. */
		while (made--)
			kthread_stop(tasks[made]);
		goto out;
	}
	for (i = 0; i < made; i++)
		wake_up_process(tasks[i]);
	for (i = 0; i < made; i++)
		wait_for_completion(&readers[i].ended);
	error = 0;
out:
	kfree(readers);
	kfree(tasks);
	return error;
}

struct measured {
	u64 own_ps, wall_ps, dropped;
};

static int measure(struct experiment *experiment, struct measured *measured)
{
	u64 first = U64_MAX, last = 0, time = 0, kept = 0;
	int error = -ENOMEM;
	u32 i;

	atomic_set(&experiment->arrived, 0);
	atomic_set(&experiment->ready, 0);
	atomic_set(&experiment->done, 0);
	experiment->tallies = kcalloc(experiment->readers, sizeof(struct tally), GFP_KERNEL);
	if (experiment->tallies)
		error = run_readers(experiment);
	for (i = 0; !error && i < experiment->readers; i++) {
		struct tally *tally = &experiment->tallies[i];

		first = min(first, tally->first);
		last = max(last, tally->last);
		time += tally->time;
		kept += tally->kept;
	}
	if (!error)
		*measured = (struct measured){
			.own_ps = kept ? div64_u64(time * 1000, kept * BATCH) : 0,
			.wall_ps = div64_u64((last - first) * 1000, (u64)experiment->batches * BATCH),
			.dropped = (u64)experiment->batches * experiment->readers - kept,
		};
	kfree(experiment->tallies);
	return error;
}

/* The commands. */

static bool is_measured(const struct peer *peer)
{
	return peer->is_filled && families[peer->is_inet6].count;
}

static int fill_one(struct peer *peer)
{
	struct routes *routes = &families[peer->is_inet6];
	u64 begin = ktime_get_ns();
	u32 i, attempts;
	int error;

	if (peer->is_filled || !routes->count)
		return 0;
	error = peer->init(peer);
	for (i = 0; !error && i < routes->count; i++) {
		/* For the allocator of BPF, which is behind. */
		for (attempts = 0; attempts < 1000; attempts++) {
			rtnl_lock();
			error = peer->add(peer, &routes->routes[i]);
			rtnl_unlock();
			if (error != -ENOMEM)
				break;
			peer->settle();
			schedule_timeout_uninterruptible(1);
		}
		if (i % 8 == 0)
			peer->settle();
		if (i % 64 == 0)
			cond_resched();
	}
	if (error) {
		tell("failed peer=%s family=%s route=%u error=%d\n", peer->name, family_name(peer->is_inet6), i - 1, error);
		return error;
	}
	peer->is_filled = true;
	tell("filled peer=%s family=%s routes=%u milliseconds=%llu\n", peer->name, family_name(peer->is_inet6), routes->count,
	     div_u64(ktime_get_ns() - begin, 1000000));
	return 0;
}

static int fill(void)
{
	int error = 0, i;

	for (i = 0; !error && i < ARRAY_SIZE(peers); i++)
		error = fill_one(&peers[i]);
	return error;
}

static void tell_stream(struct peer *peer, const struct stream *stream, int kind)
{
	u64 addresses = HASH_INIT, answers = HASH_INIT;
	u32 i;

	for (i = 0; i < stream->count; i++) {
		hash(&addresses, stream->addresses[i].high);
		hash(&addresses, stream->addresses[i].low);
		rcu_read_lock();
		hash(&answers, peer->lookup(peer, &stream->addresses[i]));
		rcu_read_unlock();
		if (i % BATCH == 0)
			cond_resched();
	}
	tell("stream peer=%s family=%s stream=%c count=%u addresses=%016llx answers=%016llx\n", peer->name,
	     family_name(peer->is_inet6), 'a' + kind, stream->count, addresses, answers);
}

/* All runs of an experiment, which `label` tells about. */
static int tell_row(struct experiment *experiment, u32 runs, const char *label)
{
	u64 *own = kcalloc(runs, sizeof(*own), GFP_KERNEL), *wall = kcalloc(runs, sizeof(*wall), GFP_KERNEL);
	u64 dropped = 0;
	int error = own && wall ? 0 : -ENOMEM;
	struct measured measured;
	u32 run;

	for (run = 0; !error && run < runs; run++) {
		error = measure(experiment, &measured);
		if (error)
			break;
		own[run] = measured.own_ps;
		wall[run] = measured.wall_ps;
		dropped += measured.dropped;
		if (signal_pending(current))
			error = -EINTR;
	}
	if (!error) {
		tell("row %s readers=%u", label, experiment->readers);
		sort(own, runs, sizeof(*own), compare_figures, NULL);
		sort(wall, runs, sizeof(*wall), compare_figures, NULL);
		tell_ns("min", at(own, runs, 0));
		tell_ns("median", at(own, runs, 50));
		tell_ns("max", at(own, runs, 100));
		tell_ns("wall", at(wall, runs, 50));
		tell(" dropped=%llu\n", dropped);
	}
	kfree(own);
	kfree(wall);
	return error;
}

/* One stream of one peer, with so many readers. */
static int lookup_row(struct peer *peer, int kind, const struct stream *stream, u32 runs, u32 loops, u32 readers, u32 apart)
{
	struct experiment experiment = {
		.pass = lookups,
		.peer = peer,
		.stream = *stream,
		.is_chained = kind == STREAM_C,
		.readers = readers,
		.batches = DIV_ROUND_UP(loops, BATCH),
		.apart = apart,
	};
	char label[64];

	snprintf(label, sizeof(label), "peer=%s family=%s stream=%c", peer->name, family_name(peer->is_inet6), 'a' + kind);
	return tell_row(&experiment, runs, label);
}

static int lookup_peer(struct peer *peer, u32 runs, u32 loops, u32 most, u32 seed)
{
	int error = 0, kind;

	for (kind = STREAM_A; !error && kind < STREAMS; kind++) {
		struct stream stream = make_stream(kind, peer->is_inet6, loops, seed);
		u32 apart = stream.count / BATCH / most;

		if (!stream.addresses)
			return -ENOMEM;
		if (kind == STREAM_A || kind == STREAM_B)
			tell_stream(peer, &stream, kind);
		error = lookup_row(peer, kind, &stream, runs, loops, 1, apart);
		if (!error && most > 1)
			error = lookup_row(peer, kind, &stream, runs, loops, most, apart);
		vfree(stream.addresses);
	}
	return error;
}

static bool is_sensible(u32 runs, u32 loops, u32 readers)
{
	return runs && runs <= 1000 && loops && loops <= 1 << 26 && readers && readers <= min(num_online_cpus(), MAX_READERS);
}

static int lookup(u32 runs, u32 loops, u32 readers, u32 seed)
{
	int error = 0, i;

	if (!is_sensible(runs, loops, readers))
		return -EINVAL;
	for (i = 0; !error && i < ARRAY_SIZE(peers); i++)
		if (is_measured(&peers[i]))
			error = lookup_peer(&peers[i], runs, loops, readers, seed);
	return error;
}

static int read_sections(u32 runs, u32 loops, u32 most)
{
	struct experiment experiment = { .pass = sections, .readers = 1, .batches = DIV_ROUND_UP(loops, BATCH) };
	int error;

	if (!is_sensible(runs, loops, most))
		return -EINVAL;
	error = tell_row(&experiment, runs, "kind=rcu_c");
	if (!error && most > 1) {
		experiment.readers = most;
		error = tell_row(&experiment, runs, "kind=rcu_c");
	}
	return error;
}

/* So many routes, as scale/writer.rs chooses them. */
static struct route *choose(bool is_inet6, u32 *count, u32 seed)
{
	const struct routes *routes = &families[is_inet6];
	struct route *chosen = vmalloc_array(*count, sizeof(*chosen));
	u64 state = (u64)seed + 2;
	u32 i, place, made = 0;

	for (i = 0; chosen && i < routes->count; i++) {
		if (made < *count) {
			chosen[made++] = routes->routes[i];
			continue;
		}
		place = below(&state, i + 1);
		if (place < *count)
			chosen[place] = routes->routes[i];
	}
	*count = made;
	return chosen;
}

static int change_all(struct peer *peer, const struct route *routes, u32 count,
		      int (*change)(struct peer *peer, const struct route *route), u64 *figures)
{
	int error = 0;
	u32 i, attempts;
	u64 begin;

	for (i = 0; !error && i < count; i++) {
		for (attempts = 0; attempts < 1000; attempts++) {
			begin = ktime_get_ns();
			error = change(peer, &routes[i]);
			figures[i] = ktime_get_ns() - begin;
			if (error != -ENOMEM)
				break;
			peer->settle();
			schedule_timeout_uninterruptible(1);
		}
		if (i % 8 == 0)
			peer->settle();
	}
	return error;
}

static void tell_updates(struct peer *peer, const char *change, u64 *figures, u32 count)
{
	sort(figures, count, sizeof(*figures), compare_figures, NULL);
	tell("row peer=%s family=%s change=%s count=%u min=%llu median=%llu p90=%llu p99=%llu max=%llu\n", peer->name,
	     family_name(peer->is_inet6), change, count, at(figures, count, 0), at(figures, count, 50),
	     at(figures, count, 90), at(figures, count, 99), at(figures, count, 100));
}

/* Deletes and adds routes, some hundred at a time, as scale/update.rs does. */
static int update_peer(struct peer *peer, u32 runs, u32 changes, u32 seed)
{
	struct route *routes = choose(peer->is_inet6, &changes, seed);
	u64 *deleted = vcalloc((size_t)runs * changes, sizeof(u64)), *added = vcalloc((size_t)runs * changes, sizeof(u64));
	u32 run, i, apart, done = 0;
	int error = routes && deleted && added ? 0 : -ENOMEM;

	for (run = 0; !error && run < runs; run++)
		for (i = 0; !error && i < changes; i += apart, done += apart) {
			apart = min(changes - i, (u32)APART);
			rtnl_lock();
			error = change_all(peer, routes + i, apart, peer->del, deleted + done);
			if (!error)
				error = change_all(peer, routes + i, apart, peer->add, added + done);
			rtnl_unlock();
			cond_resched();
		}
	if (!error) {
		tell_updates(peer, "delete", deleted, done);
		tell_updates(peer, "add", added, done);
	}
	vfree(added);
	vfree(deleted);
	vfree(routes);
	return error;
}

static int update(u32 runs, u32 changes, u32 seed)
{
	int error = 0, i;

	if (!runs || runs > 1000 || !changes || changes > 1000000)
		return -EINVAL;
	for (i = 0; !error && i < ARRAY_SIZE(peers); i++)
		if (is_measured(&peers[i]))
			error = update_peer(&peers[i], runs, changes, seed);
	return error;
}

static int take_line(char *line)
{
	u32 runs, loops, readers, seed;

	if (!strcmp(line, "fill"))
		return fill();
	if (sscanf(line, "lookup %u %u %u %u", &runs, &loops, &readers, &seed) == 4)
		return lookup(runs, loops, readers, seed);
	if (sscanf(line, "update %u %u %u", &runs, &loops, &seed) == 3)
		return update(runs, loops, seed);
	if (sscanf(line, "read %u %u %u", &runs, &loops, &readers) == 3)
		return read_sections(runs, loops, readers);
	return take_route(line);
}

/* The device. */

static DEFINE_MUTEX(lock);
static char line[MAX_LINE];
static size_t line_len;

static ssize_t peers_write(struct file *file, const char __user *buffer, size_t count, loff_t *position)
{
	char piece[256];
	size_t done = 0, size, i;
	int error = 0;

	if (mutex_lock_interruptible(&lock))
		return -ERESTARTSYS;
	while (!error && done < count) {
		size = min(count - done, sizeof(piece));
		if (copy_from_user(piece, buffer + done, size)) {
			error = -EFAULT;
			break;
		}
		for (i = 0; !error && i < size; i++, done++) {
			if (piece[i] != '\n') {
				if (line_len == MAX_LINE - 1)
					error = -EINVAL;
				else
					line[line_len++] = piece[i];
				continue;
			}
			line[line_len] = 0;
			line_len = 0;
			error = take_line(line);
		}
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
	size = simple_read_from_buffer(buffer, count, position, text, text_len);
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
	int error;

	if (!fib_table_insert_address || !fib_table_delete_address || !fib6_table_lookup_address ||
	    !ip6_route_add_address || !ip6_route_del_address || !trie_map_ops_address) {
		pr_err("peers: each parameter is an address from /proc/kallsyms\n");
		return -EINVAL;
	}
	text = vzalloc(MAX_TEXT);
	if (!text)
		return -ENOMEM;
	/* The one that CONFIG_DUMMY makes. */
	dummy = dev_get_by_name(&init_net, "dummy0");
	error = dummy ? 0 : -ENODEV;
	if (dummy) {
		rtnl_lock();
		error = dev_open(dummy, NULL);
		rtnl_unlock();
	}
	if (!error)
		error = misc_register(&device);
	if (error) {
		dev_put(dummy);
		vfree(text);
	}
	return error;
}
/* Without an exit: the routes go with the kernel. */
module_init(peers_init);

MODULE_DESCRIPTION("The kernel's own route tables, for benchmarks");
MODULE_LICENSE("GPL");
