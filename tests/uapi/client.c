// SPDX-License-Identifier: GPL-2.0
/*
 * A client of the ioctls as their users write it: nothing but the header. Runs in the guest, on a
 * table that it flushes; prints TAP. Built with the kernel's nolibc for 64-bit and 32-bit callers, which
 * must see the same.
 */
#include "../../include/uapi/rust_rcu_demo.h"
#include <linux/poll.h>
#include <linux/time_types.h>

#define DEVICE "/dev/rust_rcu_demo"
#define MANY 65536
#define INET 2
#define INET6 10
#define IFNAMSIZ 16

/* 32-bit kernels' interfaces of old need not be there: no 32-bit time, no 16-bit user. */
#ifdef __NR_ppoll_time64
#define NR_PPOLL __NR_ppoll_time64
#define NR_SETUID __NR_setuid32
#else
#define NR_PPOLL __NR_ppoll
#define NR_SETUID __NR_setuid
#endif

/* What 32-bit and 64-bit callers agree on, whichever is built. */
_Static_assert(sizeof(struct rust_rcu_demo_address) == 20, "address");
_Static_assert(sizeof(struct rust_rcu_demo_route) == 64, "route");
_Static_assert(sizeof(struct rust_rcu_demo_info) == 32, "info");
_Static_assert(sizeof(struct rust_rcu_demo_lookup) == 32, "lookup");
_Static_assert(sizeof(struct rust_rcu_demo_operation) == 72, "operation");
_Static_assert(sizeof(struct rust_rcu_demo_update) == 32, "update");
_Static_assert(sizeof(struct rust_rcu_demo_begin) == 8, "begin");
_Static_assert(sizeof(struct rust_rcu_demo_commit) == 16, "commit");
_Static_assert(sizeof(struct rust_rcu_demo_stats) == 88, "stats");
_Static_assert(RUST_RCU_DEMO_DEV_SIZE == IFNAMSIZ, "device name");
_Static_assert(RUST_RCU_DEMO_IOC_LOOKUP == 0xc020d201, "number");

static int fd;
static int number, failures;

static void check(const char *name, int holds)
{
	number++;
	if (!holds)
		failures++;
	printf("%sok %d - ioctl, %d-bit: %s\n", holds ? "" : "not ", number,
	       (int)sizeof(long) * 8, name);
}

/* check() for a value, so that a failure says what it was. */
static void check_is(const char *name, long long got, long long wanted)
{
	check(name, got == wanted);
	if (got != wanted)
		printf("# got %lld, wanted %lld\n", got, wanted);
}

/* The errno of an ioctl, or 0. */
static int errno_of(unsigned int cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? errno : 0;
}

static __u64 pointer(const void *to)
{
	return (__u64)(unsigned long)to;
}

/* The same ioctl as seen by a program that knows a structure of another size. */
static unsigned int resized(unsigned int cmd, unsigned int size)
{
	return _IOC(_IOC_DIR(cmd), _IOC_TYPE(cmd), _IOC_NR(cmd), size);
}

static int write_text(const char *text)
{
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : errno;
}

/* Reads what the file answers; empty if nothing. */
static const char *read_text(void)
{
	static char text[4096];
	ssize_t len = read(fd, text, sizeof(text) - 1);

	text[len < 0 ? 0 : len] = '\0';
	return text;
}

static void *pages(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		printf("Bail out! no memory\n");
		exit(1);
	}
	return memory;
}

static struct rust_rcu_demo_address inet(__u8 a, __u8 b, __u8 c, __u8 d)
{
	return (struct rust_rcu_demo_address){ .family = INET, .bytes = { a, b, c, d } };
}

/* 10.N/24, numbered through, as an operation that gives it a gateway. */
static struct rust_rcu_demo_operation numbered(__u32 verb, unsigned int n)
{
	return (struct rust_rcu_demo_operation){
		.verb = verb,
		.route = {
			.dst = inet(10, n >> 8, n, 0),
			.prefix_len = 24,
			.type = RUST_RCU_DEMO_TYPE_UNICAST,
			.gateway = inet(192, 0, 2, 1 + n % 250),
		},
	};
}

static struct rust_rcu_demo_operation del(unsigned int n)
{
	return (struct rust_rcu_demo_operation){
		.verb = RUST_RCU_DEMO_DEL,
		.route = { .dst = inet(10, n >> 8, n, 0), .prefix_len = 24 },
	};
}

static int update(struct rust_rcu_demo_update *args, const struct rust_rcu_demo_operation *operations,
		  __u32 count, __u32 flags)
{
	*args = (struct rust_rcu_demo_update){
		.operations = pointer(operations), .count = count, .flags = flags,
	};
	return errno_of(RUST_RCU_DEMO_IOC_UPDATE, args);
}

/* The errno of one operation. */
static int one(const struct rust_rcu_demo_operation *operation)
{
	struct rust_rcu_demo_update args;

	return update(&args, operation, 1, 0);
}

static void flush(void)
{
	const struct rust_rcu_demo_operation all = { .verb = RUST_RCU_DEMO_FLUSH };

	check_is("flush", one(&all), 0);
}

static int lookup(struct rust_rcu_demo_lookup *args, const void *addresses, void *routes, __u32 count)
{
	*args = (struct rust_rcu_demo_lookup){
		.addresses = pointer(addresses), .routes = pointer(routes), .count = count,
	};
	return errno_of(RUST_RCU_DEMO_IOC_LOOKUP, args);
}

/* The route that serves an address; type NONE if none does. */
static struct rust_rcu_demo_route serving(struct rust_rcu_demo_address address)
{
	struct rust_rcu_demo_route route = { .type = 255 };
	struct rust_rcu_demo_lookup args;

	lookup(&args, &address, &route, 1);
	return route;
}

static __u64 routes_inet(void)
{
	struct rust_rcu_demo_stats stats = { .routes_inet = -1 };

	errno_of(RUST_RCU_DEMO_IOC_STATS, &stats);
	return stats.routes_inet;
}

static void test_numbers(void)
{
	check_is("an unknown number is ENOTTY", errno_of(_IO(RUST_RCU_DEMO_IOC_MAGIC, 7), 0), ENOTTY);
	check_is("another device's number is ENOTTY", errno_of(_IO(0xd1, 6), 0), ENOTTY);
	check_is("a wrong direction is ENOTTY",
		 errno_of(_IOW(RUST_RCU_DEMO_IOC_MAGIC, 0, struct rust_rcu_demo_info), 0), ENOTTY);
}

static void test_info(void)
{
	struct {
		struct rust_rcu_demo_info info;
		__u32 later[30];
	} args;
	unsigned int at, zeros = 0;

	memset(&args, 0xff, sizeof(args));
	check_is("info", errno_of(RUST_RCU_DEMO_IOC_INFO, &args), 0);
	check_is("info tells the version", args.info.version, RUST_RCU_DEMO_VERSION);
	check_is("info tells the features", args.info.features, 0x3f);
	check("65536 lookups a call are allowed", args.info.max_lookups >= MANY);
	check("65536 operations a call are allowed", args.info.max_operations >= MANY);
	check("so are 65536 operations a transaction", args.info.max_transaction >= MANY);
	check_is("reserved fields are returned as zero", args.info.reserved | args.info.reserved2, 0);
	check_is("nothing is written behind the structure", args.later[0], 0xffffffff);
	check_is("info for a later header",
		 errno_of(resized(RUST_RCU_DEMO_IOC_INFO, sizeof(args)), &args), 0);
	for (at = 0; at < 30; at++)
		zeros += args.later[at] == 0;
	check_is("fills what it does not know with zeros", zeros, 30);
	check_is("info for less than version 1 is EINVAL",
		 errno_of(resized(RUST_RCU_DEMO_IOC_INFO, sizeof(args.info) - 1), &args), EINVAL);
	check_is("info to nowhere is EFAULT", errno_of(RUST_RCU_DEMO_IOC_INFO, 0), EFAULT);
}

static void test_operations(void)
{
	struct rust_rcu_demo_operation operation = numbered(RUST_RCU_DEMO_CHANGE, 1);
	struct rust_rcu_demo_route got;

	check_is("change without a route is ENOENT", one(&operation), ENOENT);
	operation.verb = RUST_RCU_DEMO_ADD;
	check_is("add", one(&operation), 0);
	check_is("add again is EEXIST", one(&operation), EEXIST);
	got = serving(inet(10, 0, 1, 77));
	check("lookup gives the whole route", !memcmp(&got, &operation.route, sizeof(got)));
	operation.verb = RUST_RCU_DEMO_CHANGE;
	operation.route.metric = 0;
	strlcpy(operation.route.dev, "fifteen-letters", IFNAMSIZ);
	operation.route.gateway = (struct rust_rcu_demo_address){
		.family = INET6, .bytes = { 0xfe, 0x80, [15] = 9 },
	};
	check_is("change", one(&operation), 0);
	got = serving(inet(10, 0, 1, 77));
	check("a device and a gateway of the other family come back",
	      !memcmp(&got, &operation.route, sizeof(got)));
	operation.verb = RUST_RCU_DEMO_REPLACE;
	operation.route.metric = 0x01020304;
	operation.route.type = RUST_RCU_DEMO_TYPE_PROHIBIT;
	memset(&operation.route.gateway, 0, sizeof(operation.route.gateway));
	memset(operation.route.dev, 0, sizeof(operation.route.dev));
	check_is("replace where there is none", one(&operation), 0);
	check_is("two routes now", routes_inet(), 2);

	operation.verb = RUST_RCU_DEMO_DEL;
	check_is("del with a metric and no flag is EINVAL", one(&operation), EINVAL);
	operation.flags = RUST_RCU_DEMO_DEL_METRIC;
	operation.route.type = RUST_RCU_DEMO_TYPE_BLACKHOLE;
	check_is("del of another type is ESRCH", one(&operation), ESRCH);
	operation.route.type = RUST_RCU_DEMO_TYPE_PROHIBIT;
	check_is("del by metric and type", one(&operation), 0);
	operation = del(1);
	check_is("del by prefix", one(&operation), 0);
	check_is("del again is ESRCH", one(&operation), ESRCH);
	check_is("no route is left", routes_inet(), 0);
	got = serving(inet(10, 0, 1, 77));
	check("an address without a route gives zeros",
	      !memcmp(&got, &(struct rust_rcu_demo_route){ }, sizeof(got)));

	operation = numbered(RUST_RCU_DEMO_ADD, 1);
	operation.route.dst.bytes[3] = 1;
	check_is("host bits are EINVAL", one(&operation), EINVAL);
	operation = numbered(RUST_RCU_DEMO_ADD, 1);
	operation.route.reserved = 1;
	check_is("a reserved field is EINVAL", one(&operation), EINVAL);
	operation = numbered(6, 1);
	check_is("an unknown verb is EINVAL", one(&operation), EINVAL);
}

static void test_inet6(void)
{
	const struct rust_rcu_demo_operation operation = {
		.verb = RUST_RCU_DEMO_ADD,
		.route = {
			.dst = { .family = INET6, .bytes = { 0x20, 1, 0xd, 0xb8 } },
			.prefix_len = 32,
			.type = RUST_RCU_DEMO_TYPE_UNICAST,
			.metric = 5,
			.dev = "eth0",
		},
	};
	struct rust_rcu_demo_route got;
	struct rust_rcu_demo_address address = operation.route.dst;

	address.bytes[15] = 1;
	check_is("add an IPv6 route", one(&operation), 0);
	got = serving(address);
	check("and find it", !memcmp(&got, &operation.route, sizeof(got)));
	check("text shows it", (write_text("show inet6\n"),
				!strcmp(read_text(), "2001:db8::/32 dev eth0 metric 5\n")));
	flush();
}

static void test_update_arguments(void)
{
	struct {
		struct rust_rcu_demo_update update;
		__u32 later[30];
	} args = { };
	const struct rust_rcu_demo_operation operation = numbered(RUST_RCU_DEMO_ADD, 1);
	struct rust_rcu_demo_update plain;
	unsigned int bigger = resized(RUST_RCU_DEMO_IOC_UPDATE, sizeof(args));

	check_is("nothing to update", update(&plain, NULL, 0, 0), 0);
	check_is("nothing to update at once", update(&plain, NULL, 0, RUST_RCU_DEMO_UPDATE_ATOMIC), 0);
	check_is("unknown flags are EINVAL", update(&plain, &operation, 1, 2), EINVAL);
	check_is("operations from nowhere are EFAULT", update(&plain, NULL, 1, 0), EFAULT);
	check_is("at once as well", update(&plain, NULL, 1, RUST_RCU_DEMO_UPDATE_ATOMIC), EFAULT);
	check_is("update from nowhere is EFAULT", errno_of(RUST_RCU_DEMO_IOC_UPDATE, 0), EFAULT);
	check_is("too many operations are EINVAL", update(&plain, &operation, -1, 0), EINVAL);
	plain = (struct rust_rcu_demo_update){ .reserved = 1 };
	check_is("a reserved field in update is EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_UPDATE, &plain), EINVAL);

	args.update.operations = pointer(&operation);
	args.update.count = 1;
	check_is("update by a later header", errno_of(bigger, &args), 0);
	check_is("does it", args.update.done, 1);
	args.later[29] = 1;
	check_is("a later field in use is E2BIG", errno_of(bigger, &args), E2BIG);
	check_is("less than version 1 is EINVAL",
		 errno_of(resized(RUST_RCU_DEMO_IOC_UPDATE, 31), &args), EINVAL);
	flush();
}

static void test_batches(void)
{
	struct rust_rcu_demo_operation operations[600];
	struct rust_rcu_demo_update args;
	unsigned int n;

	for (n = 0; n < 600; n++)
		operations[n] = numbered(RUST_RCU_DEMO_ADD, n);
	operations[500] = operations[3];
	check_is("a batch fails as its operation does", update(&args, operations, 600, 0), EEXIST);
	check_is("what came before it is done", args.done, 500);
	check_is("it is named", args.failed, 500);
	check_is("with its errno", args.error, EEXIST);
	check_is("what came before it is in the table", routes_inet(), 500);
	check_is("going on behind it", update(&args, operations + 501, 99, 0), 0);
	check_is("does the rest", args.done, 99);
	check_is("without an error", args.error, 0);
	flush();

	check_is("all or none fails as well",
		 update(&args, operations, 600, RUST_RCU_DEMO_UPDATE_ATOMIC), EEXIST);
	check_is("nothing is done", args.done, 0);
	check_is("the operation is named", args.failed, 500);
	check_is("and its errno", args.error, EEXIST);
	check_is("nothing is in the table", routes_inet(), 0);
	operations[500] = numbered(RUST_RCU_DEMO_ADD, 500);
	operations[400].route.prefix_len = 33;
	check_is("all or none with one that makes no sense",
		 update(&args, operations, 600, RUST_RCU_DEMO_UPDATE_ATOMIC), EINVAL);
	check_is("names it", args.failed, 400);
	operations[400].route.prefix_len = 24;
	check_is("all", update(&args, operations, 600, RUST_RCU_DEMO_UPDATE_ATOMIC), 0);
	check_is("are done", args.done, 600);
	check_is("are in the table", routes_inet(), 600);
	flush();
}

static void test_faults(void)
{
	const size_t page = getpagesize();
	char *memory = pages(2 * page);
	/* Fit into the first page: 56 operations, 204 addresses. */
	struct rust_rcu_demo_operation *operations = (void *)(memory + page % 72);
	struct rust_rcu_demo_address *addresses = (void *)(memory + page % 20);
	struct rust_rcu_demo_route routes[8];
	struct rust_rcu_demo_update args;
	struct rust_rcu_demo_lookup look;
	unsigned int n, fit = page / 72;

	munmap(memory + page, page);
	for (n = 0; n < fit; n++)
		operations[n] = numbered(RUST_RCU_DEMO_ADD, n);
	check_is("an array up to the last byte", update(&args, operations, fit, 0), 0);
	check_is("is read", args.done, fit);
	check_is("one more is EFAULT", update(&args, operations, fit + 1, 0), EFAULT);
	check_is("and no operation is to blame", args.error, 0);
	for (n = 0; n < page / 20; n++)
		addresses[n] = inet(10, 0, 0, 1);
	check_is("addresses beyond memory are EFAULT",
		 lookup(&look, addresses + page / 20 - 4, routes, 5), EFAULT);
	check_is("none of the piece is done", look.done, 0);
	check_is("routes to nowhere are EFAULT", lookup(&look, addresses, NULL, 4), EFAULT);
	check_is("kernel memory is EFAULT", lookup(&look, addresses, (void *)(-4096L), 4), EFAULT);
	look = (struct rust_rcu_demo_lookup){
		.addresses = pointer(addresses), .routes = 1ULL << 63, .count = 4,
	};
	check_is("an address of no 32-bit caller is EFAULT",
		 errno_of(RUST_RCU_DEMO_IOC_LOOKUP, &look), EFAULT);
	munmap(memory, page);
	flush();
}

static void test_lookup(void)
{
	struct {
		struct rust_rcu_demo_lookup lookup;
		__u32 later[30];
	} bigger = { };
	struct rust_rcu_demo_address *addresses = pages(MANY * sizeof(*addresses));
	struct rust_rcu_demo_route *routes = pages(MANY * sizeof(*routes));
	struct rust_rcu_demo_operation *operations = pages(1024 * sizeof(*operations));
	struct rust_rcu_demo_lookup args;
	struct rust_rcu_demo_update add;
	unsigned int n, right = 0;

	for (n = 0; n < 1024; n++)
		operations[n] = numbered(RUST_RCU_DEMO_ADD, n);
	check_is("1024 routes", update(&add, operations, 1024, 0), 0);
	/* Every other address has a route. */
	for (n = 0; n < MANY; n++)
		addresses[n] = inet(n % 2 ? 10 : 11, n % 1024 >> 8, n % 1024, n >> 10);
	check_is("65536 lookups", lookup(&args, addresses, routes, MANY), 0);
	check_is("are done", args.done, MANY);
	for (n = 0; n < MANY; n++) {
		if (n % 2)
			right += !memcmp(&routes[n], &operations[n % 1024].route, sizeof(*routes));
		else
			right += routes[n].type == RUST_RCU_DEMO_TYPE_NONE;
	}
	check_is("are right", right, MANY);

	check_is("nothing to look up", lookup(&args, NULL, NULL, 0), 0);
	check_is("too many addresses are EINVAL", lookup(&args, addresses, routes, -1), EINVAL);
	addresses[700].family = 1;
	memset(&routes[700], 0xff, sizeof(*routes));
	check_is("what is no address is EINVAL", lookup(&args, addresses, routes, MANY), EINVAL);
	check_is("what came before it is done", args.done, 700);
	check_is("what came behind it is not written", routes[700].type, 255);
	args = (struct rust_rcu_demo_lookup){ .flags = 1 };
	check_is("unknown flags are EINVAL", errno_of(RUST_RCU_DEMO_IOC_LOOKUP, &args), EINVAL);
	args = (struct rust_rcu_demo_lookup){ .reserved = 1 };
	check_is("a reserved field is EINVAL", errno_of(RUST_RCU_DEMO_IOC_LOOKUP, &args), EINVAL);
	check_is("lookup by a later header",
		 errno_of(resized(RUST_RCU_DEMO_IOC_LOOKUP, sizeof(bigger)), &bigger), 0);
	bigger.later[0] = 1;
	check_is("a later field in use is E2BIG",
		 errno_of(resized(RUST_RCU_DEMO_IOC_LOOKUP, sizeof(bigger)), &bigger), E2BIG);
	flush();
	munmap(addresses, MANY * sizeof(*addresses));
	munmap(routes, MANY * sizeof(*routes));
	munmap(operations, 1024 * sizeof(*operations));
}

static int begin(__u32 flags)
{
	struct rust_rcu_demo_begin args = { .flags = flags };

	return errno_of(RUST_RCU_DEMO_IOC_BEGIN, &args);
}

static int commit(struct rust_rcu_demo_commit *args)
{
	*args = (struct rust_rcu_demo_commit){ };
	return errno_of(RUST_RCU_DEMO_IOC_COMMIT, args);
}

static int abort_transaction(void)
{
	return errno_of(RUST_RCU_DEMO_IOC_ABORT, NULL);
}

static void test_transactions(void)
{
	struct rust_rcu_demo_operation operations[300];
	struct rust_rcu_demo_commit ended;
	struct rust_rcu_demo_update args;
	unsigned int n;

	for (n = 0; n < 300; n++)
		operations[n] = numbered(RUST_RCU_DEMO_ADD, n);
	check_is("commit without begin is EINVAL", commit(&ended), EINVAL);
	check_is("and no operation is to blame", ended.error, 0);
	check_is("abort without begin is EINVAL", abort_transaction(), EINVAL);
	check_is("begin with unknown flags is EINVAL", begin(2), EINVAL);
	check_is("begin", begin(0), 0);
	check_is("begin again is EBUSY", begin(0), EBUSY);
	check_is("begin in text is EBUSY as well", write_text("begin\n"), EBUSY);
	check("and text says why",
	      !strcmp(read_text(), "line 1: a transaction is open; 'commit' or 'abort' ends it\n"));
	check_is("an update goes into it", update(&args, operations, 300, 0), 0);
	check_is("and is done", args.done, 300);
	check_is("but not in the table", routes_inet(), 0);
	check_is("all or none within it is EBUSY",
		 update(&args, operations, 1, RUST_RCU_DEMO_UPDATE_ATOMIC), EBUSY);
	check_is("commit", commit(&ended), 0);
	check_is("now it is in the table", routes_inet(), 300);
	check_is("it is over", commit(&ended), EINVAL);

	check_is("begin anew", begin(0), 0);
	operations[0] = numbered(RUST_RCU_DEMO_ADD, 1000);
	check_is("a good operation and a bad one", update(&args, operations, 2, 0), 0);
	check_is("the commit fails", commit(&ended), EEXIST);
	check_is("the operation is named", ended.failed, 1);
	check_is("and its errno", ended.error, EEXIST);
	check_is("nothing has changed", routes_inet(), 300);
	check_is("it is over then too", abort_transaction(), EINVAL);

	check_is("begin and", begin(0), 0);
	check_is("delete all", update(&args, &(struct rust_rcu_demo_operation){
		 .verb = RUST_RCU_DEMO_FLUSH }, 1, 0), 0);
	check_is("abort", abort_transaction(), 0);
	check_is("nothing has changed", routes_inet(), 300);

	check_is("begin a reload", begin(RUST_RCU_DEMO_BEGIN_RELOAD), 0);
	check_is("with fewer routes", update(&args, operations, 100, 0), 0);
	check_is("the old ones serve", routes_inet(), 300);
	check_is("commit the reload", commit(&ended), 0);
	check_is("the new ones serve", routes_inet(), 100);
	flush();
}

static void test_text_and_ioctl_together(void)
{
	const struct rust_rcu_demo_operation operation = numbered(RUST_RCU_DEMO_ADD, 5);
	struct rust_rcu_demo_commit ended;

	check_is("begin in text", write_text("begin\n10.9.0.0/16 dev eth0\n"), 0);
	check_is("and an ioctl's operation", one(&operation), 0);
	check_is("commit by ioctl", commit(&ended), 0);
	check_is("both are there", routes_inet(), 2);
	check_is("begin by ioctl", begin(0), 0);
	check_is("with a bad operation", one(&operation), 0);
	check_is("commit in text fails", write_text("commit\n"), EEXIST);
	check("and text names the operation",
	      strstr(read_text(), ": operation 0 of the transaction: 10.0.5.0/24: route exists\n") != NULL);
	flush();
}

static void test_unfinished(void)
{
	int other = open(DEVICE, O_RDWR), kept = fd;

	fd = other;
	check_is("begin on another file", begin(0), 0);
	check_is("closing it fails", close(other) < 0 ? errno : 0, EINVAL);
	fd = kept;
	check_is("this file has none", abort_transaction(), EINVAL);
}

static int poll_ms(struct pollfd *file, unsigned int count, int ms)
{
	struct __kernel_timespec timeout = { ms / 1000, ms % 1000 * 1000000 };

	return my_syscall5(NR_PPOLL, file, count, &timeout, NULL, 0);
}

static void sleep_ms(int ms)
{
	poll_ms(NULL, 0, ms);
}

/* Runs a test in a child, whose status is its answer: a number of its own for each thing that is wrong. */
static int in_child(int (*test)(void))
{
	int status, child = fork();

	if (child == 0)
		exit(test());
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int unprivileged(void)
{
	const struct rust_rcu_demo_operation operation = numbered(RUST_RCU_DEMO_ADD, 1);
	struct rust_rcu_demo_commit ended;

	if (my_syscall1(NR_SETUID, 65534))
		return 1;
	if (one(&operation) != EPERM)
		return 2;
	if (begin(0) != EPERM)
		return 3;
	if (commit(&ended) != EPERM)
		return 4;
	return serving(inet(10, 0, 0, 1)).type == RUST_RCU_DEMO_TYPE_NONE ? 0 : 5;
}

/* Looks up again and again, until a call ends early, which its parent's signals make happen. */
static int interrupted_lookup(void)
{
	struct rust_rcu_demo_address *addresses = pages(MANY * sizeof(*addresses));
	struct rust_rcu_demo_route *routes = pages(MANY * sizeof(*routes));
	struct rust_rcu_demo_lookup args;
	unsigned int n, tries;

	for (n = 0; n < MANY; n++)
		addresses[n] = inet(10, 0, 1, 1);
	for (tries = 0; tries < 300; tries++) {
		memset(routes, 0xff, MANY * sizeof(*routes));
		if (lookup(&args, addresses, routes, MANY))
			return 1;
		for (n = 0; n < args.done; n++) {
			if (routes[n].type != RUST_RCU_DEMO_TYPE_UNICAST)
				return 2;
		}
		if (args.done < MANY)
			return args.done && routes[args.done].type == 255 ? 0 : 3;
	}
	return 4;
}

static int interrupted_update(void)
{
	struct rust_rcu_demo_operation *operations = pages(MANY * sizeof(*operations));
	struct rust_rcu_demo_update args;
	unsigned int n, tries;

	for (n = 0; n < MANY; n++)
		operations[n] = numbered(RUST_RCU_DEMO_REPLACE, 1);
	for (tries = 0; tries < 300; tries++) {
		if (update(&args, operations, MANY, 0) || args.error)
			return 1;
		if (args.done < MANY)
			return args.done ? 0 : 3;
	}
	return 4;
}

/* Stops a child and lets it go on until it ends. */
static int while_signals_come(int (*test)(void))
{
	int status, child = fork();

	if (child == 0)
		exit(test());
	while (waitpid(child, &status, WNOHANG) == 0) {
		kill(child, SIGSTOP);
		kill(child, SIGCONT);
		sleep_ms(1);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void test_signals(void)
{
	const struct rust_rcu_demo_operation operation = numbered(RUST_RCU_DEMO_ADD, 1);

	check_is("a route", one(&operation), 0);
	check_is("a signal ends lookups early, with what is done", while_signals_come(interrupted_lookup), 0);
	check_is("a signal ends updates early, with what is done", while_signals_come(interrupted_update), 0);
	flush();
}

/* What the file is ready for. */
static short polled(void)
{
	struct pollfd file = { .fd = fd, .events = POLLIN | POLLOUT };

	return poll_ms(&file, 1, 0) < 0 ? -1 : file.revents;
}

static int poll_until_readable(void)
{
	struct pollfd file = { .fd = fd, .events = POLLIN };

	return poll_ms(&file, 1, 60000) == 1 && file.revents == POLLIN ? 0 : 1;
}

static void test_poll(void)
{
	int status, child, tries, kept = fd;

	fd = open(DEVICE, O_RDWR);
	check_is("a fresh file is readable", polled(), POLLIN | POLLOUT);
	check_is("its table is empty", strlen(read_text()), 0);
	check_is("read to its end it is writable only", polled(), POLLOUT);
	check_is("a change leaves nothing to read", (write_text("10.0.0.0/8 dev eth0\n"), polled()), POLLOUT);
	check_is("an answer does", (write_text("get 10.0.0.1\nget 10.0.0.2\n"), polled()), POLLIN | POLLOUT);
	check_is("half of it read, as well", (read(fd, (char[5]){ }, 5), polled()), POLLIN | POLLOUT);
	check("the rest is read", strlen(read_text()) == 2 * strlen("10.0.0.0/8 dev eth0\n") - 5);
	check_is("and then nothing is left", polled(), POLLOUT);
	check_is("show does", (write_text("show\n"), polled()), POLLIN | POLLOUT);
	check_is("until it is read", (read_text(), polled()), POLLOUT);
	check_is("a complaint does", (write_text("get 11.0.0.1\n"), polled()), POLLIN | POLLOUT);
	read_text();

	child = fork();
	if (child == 0)
		exit(poll_until_readable());
	/* Long enough for the child to be waiting; if it is not, the check holds all the same. */
	sleep_ms(200);
	check_is("one who waits is not woken for nothing", waitpid(child, &status, WNOHANG), 0);
	write_text("get 10.0.0.1\n");
	/* Well before its time is over, when it would look again of itself. */
	for (tries = 0; tries < 100 && waitpid(child, &status, WNOHANG) == 0; tries++)
		sleep_ms(100);
	check("but by an answer", tries < 100 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	if (tries == 100)
		waitpid(child, &status, 0);
	close(fd);
	fd = kept;
	flush();
}

static void test_stats(void)
{
	const struct rust_rcu_demo_operation operation = numbered(RUST_RCU_DEMO_ADD, 1);
	struct {
		struct rust_rcu_demo_stats stats;
		__u64 later[3];
	} args;

	memset(&args, 0xff, sizeof(args));
	check_is("a route to count", one(&operation), 0);
	check_is("stats", errno_of(RUST_RCU_DEMO_IOC_STATS, &args), 0);
	check("count routes and next hops", args.stats.routes_inet == 1 && !args.stats.routes_inet6 &&
	      args.stats.next_hops == 1);
	check("count objects and bytes", args.stats.objects && args.stats.bytes && args.stats.generation);
	check("write nothing behind them", args.later[0] == ~0ULL);
	check_is("stats for a later header",
		 errno_of(resized(RUST_RCU_DEMO_IOC_STATS, sizeof(args)), &args), 0);
	check("fill with zeros", !args.later[0] && !args.later[2]);
	check_is("stats for less than version 1 are EINVAL",
		 errno_of(resized(RUST_RCU_DEMO_IOC_STATS, 8), &args), EINVAL);
	flush();
}

int main(void)
{
	fd = open(DEVICE, O_RDWR);
	if (fd < 0) {
		printf("Bail out! cannot open %s\n", DEVICE);
		return 1;
	}
	flush();
	test_numbers();
	test_info();
	test_operations();
	test_update_arguments();
	test_batches();
	test_faults();
	test_lookup();
	test_transactions();
	test_inet6();
	test_text_and_ioctl_together();
	test_unfinished();
	check_is("without CAP_NET_ADMIN only lookups", in_child(unprivileged), 0);
	test_signals();
	test_poll();
	test_stats();
	printf("1..%d\n", number);
	return failures != 0;
}
