// SPDX-License-Identifier: GPL-2.0
/*
 * Measures forwarding by XDP programs that ask different tables: packets a second through veth
 * pairs, and the time of a program. Runs in the guest; run.sh prepares the devices and the tables.
 *
 * Usage: forwarder OBJECT ROUTES ADDRESSES SECONDS ROUNDS
 *
 * The namespaces are named source, router and sink. The router receives on `in` and sends on `out`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "forward.h"

#define BATCH 64
#define FRAME 60
#define MAX_ADDRESSES 200000
#define MAX_ROUNDS 199
#define TIMED_RUNS 500
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static const char *const TABLES[] = { "nothing", "kfunc", "fib", "lpm_map" };
/* The index of the first table: `nothing` asks none, and has no answers. */
#define FIRST_TABLE 1

static unsigned int addresses[MAX_ADDRESSES];
static unsigned int address_count;

static void die(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "forwarder: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, " (%s)\n", strerror(errno));
	exit(1);
}

static void enter_namespace(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die("entering the network namespace %s", path);
	close(fd);
}

static unsigned int device_index(const char *name)
{
	unsigned int index = if_nametoindex(name);

	if (!index)
		die("found no device %s", name);
	return index;
}

static FILE *open_file(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		die("opening %s", path);
	return file;
}

/* Reads the IPv4 addresses of a file that has one in each line. */
static void read_addresses(const char *path)
{
	FILE *file = open_file(path);
	char line[128];

	while (address_count < MAX_ADDRESSES && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		if (inet_pton(AF_INET, line, &addresses[address_count]) == 1)
			address_count++;
	}
	fclose(file);
	if (!address_count)
		die("%s: expected IPv4 addresses, one in each line", path);
}

/* Fills the map from lines such as `10.0.0.0/8 via 192.0.2.1`. Returns the number of routes. */
static unsigned int fill_map(int map, const char *path, unsigned int ifindex)
{
	FILE *file = open_file(path);
	unsigned int count = 0;
	char line[128];

	while (fgets(line, sizeof(line), file)) {
		struct answer answer = { .ifindex = ifindex };
		struct lpm_key key;
		char network[64], gateway[64];

		if (sscanf(line, "%63[0-9.]/%u via %63s", network, &key.bits, gateway) != 3 ||
		    inet_pton(AF_INET, network, &key.address) != 1 ||
		    inet_pton(AF_INET, gateway, &answer.gateway) != 1)
			continue;
		if (bpf_map_update_elem(map, &key, &answer, BPF_ANY))
			die("adding %s to the map", line);
		count++;
	}
	fclose(file);
	return count;
}

static void make_frame(unsigned char *frame, unsigned int address)
{
	struct ethhdr *ethernet = (struct ethhdr *)frame;
	struct iphdr *ip = (struct iphdr *)(ethernet + 1);
	const unsigned short *words = (const unsigned short *)ip;
	unsigned int sum = 0;

	memset(frame, 0, FRAME);
	memset(ethernet->h_dest, 0xff, ETH_ALEN);
	ethernet->h_source[0] = 2;
	ethernet->h_proto = htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->tot_len = htons(FRAME - sizeof(*ethernet));
	ip->saddr = htonl(0xc0000201);
	ip->daddr = address;
	for (unsigned int at = 0; at < sizeof(*ip) / 2; at++)
		sum += words[at];
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = ~(sum + (sum >> 16));
}

/* Runs a program `repeat` times on a packet. Returns the mean time of a run in nanoseconds. */
static unsigned int run(int program, unsigned int address, unsigned int ingress, int repeat)
{
	unsigned char frame[FRAME], output[256];
	struct xdp_md context = { .data_end = FRAME, .ingress_ifindex = ingress };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = FRAME,
		    .data_out = output, .data_size_out = sizeof(output), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = repeat);

	make_frame(frame, address);
	if (bpf_prog_test_run_opts(program, &options))
		die("running a program");
	return options.duration;
}

/* Checks that all tables give the same answers. Keeps the addresses that have a route. */
static void compare(const int *programs, const volatile struct answer *last, unsigned int ingress)
{
	unsigned int kept = 0;

	for (unsigned int at = 0; at < address_count; at++) {
		struct answer expected = {};

		for (unsigned int table = FIRST_TABLE; table < ARRAY_SIZE(TABLES); table++) {
			struct answer found;

			run(programs[table], addresses[at], ingress, 1);
			found = *last;
			if (table == FIRST_TABLE)
				expected = found;
			errno = 0;
			if (memcmp(&found, &expected, sizeof(found)))
				die("address %08x: %s has gateway %08x, device %u; %s has %08x, %u",
				    ntohl(addresses[at]), TABLES[FIRST_TABLE], ntohl(expected.gateway),
				    expected.ifindex, TABLES[table], ntohl(found.gateway), found.ifindex);
		}
		if (expected.ifindex)
			addresses[kept++] = addresses[at];
	}
	printf("%u addresses, %u of them without a route; all tables give the same answers\n",
	       address_count, address_count - kept);
	if (!kept)
		die("expected addresses with a route, found none");
	address_count = kept;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Sends packets to each address in turn, for some seconds. Returns the number of packets. */
static unsigned long send_packets(int sock, double seconds)
{
	static unsigned char frames[BATCH][FRAME];
	struct mmsghdr messages[BATCH] = {};
	struct iovec vectors[BATCH];
	double end = now() + seconds;
	unsigned long sent = 0;
	unsigned int next = 0;

	for (unsigned int at = 0; at < BATCH; at++) {
		vectors[at] = (struct iovec){ frames[at], FRAME };
		messages[at].msg_hdr.msg_iov = &vectors[at];
		messages[at].msg_hdr.msg_iovlen = 1;
	}
	while (now() < end) {
		int count;

		for (unsigned int at = 0; at < BATCH; at++, next = (next + 1) % address_count)
			make_frame(frames[at], addresses[next]);
		count = sendmmsg(sock, messages, BATCH, 0);
		if (count > 0)
			sent += count;
		else if (errno != ENOBUFS && errno != EAGAIN)
			die("sending packets");
	}
	return sent;
}

static int open_socket(unsigned int ifindex)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = ifindex };
	int sock = socket(AF_PACKET, SOCK_RAW, 0), one = 1;

	if (sock < 0 || bind(sock, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(sock, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)))
		die("opening a packet socket");
	return sock;
}

/* The programs' variables, in the order in which forward.bpf.c declares them. */
struct variables {
	struct answer last;
	unsigned long received;
};

/* Returns how many packets a second reached the sink. Sends for a tenth of the time before. */
static double measure_rate(int program, int sock, unsigned int ingress, double seconds,
			   volatile unsigned long *received)
{
	unsigned long first;
	double start, rate;

	if (bpf_xdp_attach(ingress, program, XDP_FLAGS_DRV_MODE, NULL))
		die("attaching a program");
	send_packets(sock, seconds / 10);
	first = *received;
	start = now();
	send_packets(sock, seconds);
	rate = (*received - first) / (now() - start);
	if (bpf_xdp_detach(ingress, XDP_FLAGS_DRV_MODE, NULL))
		die("detaching a program");
	return rate;
}

static int compare_numbers(const void *left, const void *right)
{
	double difference = *(const double *)left - *(const double *)right;

	return (difference > 0) - (difference < 0);
}

/* Prints the median of sorted numbers, and the lowest and the highest. */
static void print_numbers(const char *table, double *numbers, int count, const char *unit)
{
	qsort(numbers, count, sizeof(*numbers), compare_numbers);
	printf("%-8s %8.0f %s (%.0f to %.0f)\n", table, numbers[count / 2], unit, numbers[0],
	       numbers[count - 1]);
	fflush(stdout);
}

/* Measures the tables in turn, so a disturbance of the machine does not hit one table alone. */
static void measure_rates(const int *programs, int sock, unsigned int ingress, unsigned int egress,
			  double seconds, int rounds, volatile struct variables *variables)
{
	static double rates[ARRAY_SIZE(TABLES)][MAX_ROUNDS];

	for (int round = 0; round < rounds; round++)
		for (unsigned int table = 0; table < ARRAY_SIZE(TABLES); table++) {
			/* The program that asks no table takes this answer. */
			variables->last.ifindex = egress;
			rates[table][round] =
				measure_rate(programs[table], sock, ingress, seconds, &variables->received);
		}
	for (unsigned int table = 0; table < ARRAY_SIZE(TABLES); table++)
		print_numbers(TABLES[table], rates[table], rounds, "packets/s");
}

/* Measures the programs alone. A round has one address, so its part of a table is in the cache. */
static void measure_times(const int *programs, unsigned int ingress)
{
	static double times[ARRAY_SIZE(TABLES)][MAX_ROUNDS];

	for (int round = 0; round < MAX_ROUNDS; round++)
		for (unsigned int table = 0; table < ARRAY_SIZE(TABLES); table++)
			times[table][round] = run(programs[table], addresses[round % address_count],
						  ingress, TIMED_RUNS);
	for (unsigned int table = 0; table < ARRAY_SIZE(TABLES); table++)
		print_numbers(TABLES[table], times[table], MAX_ROUNDS, "ns in the program, warm");
}

static int program_of(struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);

	if (!program)
		die("found no program %s", name);
	return bpf_program__fd(program);
}

/* Loads the programs and maps their variables. Returns the object. */
static struct bpf_object *load(const char *path, int *programs,
			       volatile struct variables **variables)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	void *memory;

	if (!object)
		die("opening %s", path);
	if (bpf_object__load(object))
		die("loading %s; is the module route_xdp loaded?", path);
	for (unsigned int table = 0; table < ARRAY_SIZE(TABLES); table++) {
		char name[64];

		snprintf(name, sizeof(name), "forward_by_%s", TABLES[table]);
		programs[table] = program_of(object, name);
	}
	memory = mmap(NULL, sizeof(**variables), PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(bpf_object__find_map_by_name(object, ".bss")), 0);
	if (memory == MAP_FAILED)
		die("mapping the variables of the programs");
	*variables = memory;
	return object;
}

int main(int argc, char **argv)
{
	int programs[ARRAY_SIZE(TABLES)], sock, rounds;
	volatile struct variables *variables;
	struct bpf_object *object;
	unsigned int ingress, egress;
	double seconds;

	if (argc != 6)
		die("expected OBJECT ROUTES ADDRESSES SECONDS ROUNDS");
	seconds = atof(argv[4]);
	rounds = atoi(argv[5]);
	if (seconds <= 0 || rounds < 1 || rounds > MAX_ROUNDS)
		die("expected seconds above 0 and 1 to %d rounds", MAX_ROUNDS);
	read_addresses(argv[3]);
	object = load(argv[1], programs, &variables);
	enter_namespace("sink");
	if (bpf_xdp_attach(device_index("sink"), program_of(object, "count"), XDP_FLAGS_DRV_MODE, NULL))
		die("attaching the program of the sink");
	enter_namespace("source");
	sock = open_socket(device_index("source"));
	enter_namespace("router");
	ingress = device_index("in");
	egress = device_index("out");
	printf("%u routes\n",
	       fill_map(bpf_map__fd(bpf_object__find_map_by_name(object, "routes")), argv[2], egress));
	compare(programs, &variables->last, ingress);
	measure_rates(programs, sock, ingress, egress, seconds, rounds, variables);
	measure_times(programs, ingress);
	return 0;
}
