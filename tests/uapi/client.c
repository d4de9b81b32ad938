// SPDX-License-Identifier: GPL-2.0
/*
 * Tests the ioctls with a client that includes only the UAPI header, as users do. Runs in the
 * guest, flushes the table and prints TAP. The kernel's nolibc builds it for 64-bit and for 32-bit
 * callers, and both must pass.
 */
#include "../../include/uapi/rust_rcu_demo.h"
#include <linux/poll.h>
#include <linux/time_types.h>

#define DEVICE "/dev/rust_rcu_demo"
#define MANY 65536
#define INET 2
#define INET6 10
#define IFNAMSIZ 16

/* The kernel may lack the old 32-bit system calls with a 32-bit time or a 16-bit user. */
#ifdef __NR_ppoll_time64
#define NR_PPOLL __NR_ppoll_time64
#define NR_SETUID __NR_setuid32
#else
#define NR_PPOLL __NR_ppoll
#define NR_SETUID __NR_setuid
#endif

/* 32-bit and 64-bit callers share these sizes. */
_Static_assert(sizeof(struct rust_rcu_demo_address) == 20, "address");
_Static_assert(sizeof(struct rust_rcu_demo_route) == 64, "route");
_Static_assert(sizeof(struct rust_rcu_demo_info) == 32, "info");
_Static_assert(sizeof(struct rust_rcu_demo_lookup) == 48, "lookup");
_Static_assert(sizeof(struct rust_rcu_demo_operation) == 72, "operation");
_Static_assert(sizeof(struct rust_rcu_demo_update) == 32, "update");
_Static_assert(sizeof(struct rust_rcu_demo_begin) == 8, "begin");
_Static_assert(sizeof(struct rust_rcu_demo_commit) == 16, "commit");
_Static_assert(sizeof(struct rust_rcu_demo_stats) == 104, "stats");
_Static_assert(sizeof(struct rust_rcu_demo_wait) == 24, "wait");
_Static_assert(sizeof(struct rust_rcu_demo_flow) == 24, "flow");
_Static_assert(sizeof(struct rust_rcu_demo_flows) == 32, "flows");
_Static_assert(RUST_RCU_DEMO_DEV_SIZE == IFNAMSIZ, "device name");
_Static_assert(RUST_RCU_DEMO_IOC_LOOKUP == 0xc030d201, "number");

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

/* Checks that a value is the expected one, and prints both if it is not. */
static void check_is(const char *name, long long found, long long expected)
{
	check(name, found == expected);
	if (found != expected)
		printf("# found %lld, expected %lld\n", found, expected);
}

/* Returns the errno of an ioctl, or 0. */
static int errno_of(unsigned int cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? errno : 0;
}

static __u64 pointer(const void *to)
{
	return (__u64)(unsigned long)to;
}

/* Returns the ioctl's code in a program whose header has a structure of another size. */
static unsigned int resized(unsigned int cmd, unsigned int size)
{
	return _IOC(_IOC_DIR(cmd), _IOC_TYPE(cmd), _IOC_NR(cmd), size);
}

static int write_text(const char *text)
{
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : errno;
}

/* Returns the unread answers. */
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

/* Returns an operation on prefix number n, 10.x.y.0/24, with a gateway. */
static struct rust_rcu_demo_operation operation_on(__u32 verb, unsigned int n)
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

/* Makes one change. Returns its errno, or 0. */
static int update_one(const struct rust_rcu_demo_operation *operation)
{
	struct rust_rcu_demo_update args;

	return update(&args, operation, 1, 0);
}

static void flush(void)
{
	const struct rust_rcu_demo_operation all = { .verb = RUST_RCU_DEMO_FLUSH };

	check_is("flush succeeds", update_one(&all), 0);
}

static int lookup(struct rust_rcu_demo_lookup *args, const void *addresses, void *routes, __u32 count)
{
	*args = (struct rust_rcu_demo_lookup){
		.addresses = pointer(addresses), .routes = pointer(routes), .count = count,
	};
	return errno_of(RUST_RCU_DEMO_IOC_LOOKUP, args);
}

/* Returns the route that serves an address; its type is NONE if no route does. */
static struct rust_rcu_demo_route lookup_one(struct rust_rcu_demo_address address)
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
	check_is("an unknown number is ENOTTY",
		 errno_of(_IO(RUST_RCU_DEMO_IOC_MAGIC, 255), 0), ENOTTY);
	check_is("abort with a size is ENOTTY",
		 errno_of(_IOC(_IOC_NONE, RUST_RCU_DEMO_IOC_MAGIC, 6, 4), 0), ENOTTY);
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
	check_is("info returns the version", args.info.version, RUST_RCU_DEMO_VERSION);
	check_is("info returns the features", args.info.features, 0x3fff);
	check("info allows 65536 lookups in one call", args.info.max_lookups >= MANY);
	check("info allows 65536 operations in one call", args.info.max_operations >= MANY);
	check("info allows 65536 operations in a transaction", args.info.max_transaction >= MANY);
	check_is("info returns reserved fields as zero",
		 args.info.reserved | args.info.reserved2, 0);
	check_is("info writes nothing after the structure", args.later[0], 0xffffffff);
	check_is("info with the larger structure of a later header succeeds",
		 errno_of(resized(RUST_RCU_DEMO_IOC_INFO, sizeof(args)), &args), 0);
	for (at = 0; at < 30; at++)
		zeros += args.later[at] == 0;
	check_is("info fills unknown fields with zeros", zeros, 30);
	check_is("info with less than version 1 is EINVAL",
		 errno_of(resized(RUST_RCU_DEMO_IOC_INFO, sizeof(args.info) - 1), &args), EINVAL);
	check_is("info with a null pointer is EFAULT", errno_of(RUST_RCU_DEMO_IOC_INFO, 0), EFAULT);
}

static void test_operations(void)
{
	struct rust_rcu_demo_operation operation = operation_on(RUST_RCU_DEMO_CHANGE, 1);
	struct rust_rcu_demo_route got;

	check_is("change of an absent route is ENOENT", update_one(&operation), ENOENT);
	operation.verb = RUST_RCU_DEMO_ADD;
	check_is("add succeeds", update_one(&operation), 0);
	check_is("add of an existing route is EEXIST", update_one(&operation), EEXIST);
	got = lookup_one(inet(10, 0, 1, 77));
	check("lookup returns all fields of the route",
	      !memcmp(&got, &operation.route, sizeof(got)));
	operation.verb = RUST_RCU_DEMO_CHANGE;
	operation.route.metric = 0;
	strlcpy(operation.route.dev, "fifteen-letters", IFNAMSIZ);
	operation.route.gateway = (struct rust_rcu_demo_address){
		.family = INET6, .bytes = { 0xfe, 0x80, [15] = 9 },
	};
	check_is("change succeeds", update_one(&operation), 0);
	got = lookup_one(inet(10, 0, 1, 77));
	check("lookup returns a device and a gateway of the other family",
	      !memcmp(&got, &operation.route, sizeof(got)));
	operation.verb = RUST_RCU_DEMO_REPLACE;
	operation.route.metric = 0x01020304;
	operation.route.type = RUST_RCU_DEMO_TYPE_PROHIBIT;
	memset(&operation.route.gateway, 0, sizeof(operation.route.gateway));
	memset(operation.route.dev, 0, sizeof(operation.route.dev));
	check_is("replace of an absent route adds it", update_one(&operation), 0);
	check_is("stats count two routes after replace", routes_inet(), 2);

	operation.verb = RUST_RCU_DEMO_DEL;
	check_is("del with a metric but without DEL_METRIC is EINVAL",
		 update_one(&operation), EINVAL);
	operation.flags = RUST_RCU_DEMO_DEL_METRIC;
	operation.route.type = RUST_RCU_DEMO_TYPE_BLACKHOLE;
	check_is("del with another route type is ESRCH", update_one(&operation), ESRCH);
	operation.route.type = RUST_RCU_DEMO_TYPE_PROHIBIT;
	check_is("del by metric and type succeeds", update_one(&operation), 0);
	operation = del(1);
	check_is("del by prefix succeeds", update_one(&operation), 0);
	check_is("del of an absent route is ESRCH", update_one(&operation), ESRCH);
	check_is("stats count no route after del", routes_inet(), 0);
	got = lookup_one(inet(10, 0, 1, 77));
	check("lookup of an address without a route returns zeros",
	      !memcmp(&got, &(struct rust_rcu_demo_route){ }, sizeof(got)));

	operation = operation_on(RUST_RCU_DEMO_ADD, 1);
	operation.route.dst.bytes[3] = 1;
	check_is("add with host bits is EINVAL", update_one(&operation), EINVAL);
	operation = operation_on(RUST_RCU_DEMO_ADD, 1);
	operation.route.reserved = 1;
	check_is("an operation with a reserved field set is EINVAL",
		 update_one(&operation), EINVAL);
	operation = operation_on(6, 1);
	check_is("an unknown verb is EINVAL", update_one(&operation), EINVAL);
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
	check_is("add of an IPv6 route succeeds", update_one(&operation), 0);
	got = lookup_one(address);
	check("lookup returns the IPv6 route", !memcmp(&got, &operation.route, sizeof(got)));
	check("text shows the IPv6 route", (write_text("show inet6\n"),
				!strcmp(read_text(), "2001:db8::/32 dev eth0 metric 5\n")));
	flush();
}

static void test_update_arguments(void)
{
	struct {
		struct rust_rcu_demo_update update;
		__u32 later[30];
	} args = { };
	const struct rust_rcu_demo_operation operation = operation_on(RUST_RCU_DEMO_ADD, 1);
	struct rust_rcu_demo_update plain;
	unsigned int bigger = resized(RUST_RCU_DEMO_IOC_UPDATE, sizeof(args));

	check_is("an update without operations succeeds", update(&plain, NULL, 0, 0), 0);
	check_is("an atomic update without operations succeeds",
		 update(&plain, NULL, 0, RUST_RCU_DEMO_UPDATE_ATOMIC), 0);
	check_is("an update with unknown flags is EINVAL",
		 update(&plain, &operation, 1, 2), EINVAL);
	check_is("an update with a null array is EFAULT", update(&plain, NULL, 1, 0), EFAULT);
	check_is("an atomic update with a null array is EFAULT",
		 update(&plain, NULL, 1, RUST_RCU_DEMO_UPDATE_ATOMIC), EFAULT);
	check_is("an update with a null pointer is EFAULT",
		 errno_of(RUST_RCU_DEMO_IOC_UPDATE, 0), EFAULT);
	check_is("an update with too many operations is EINVAL",
		 update(&plain, &operation, -1, 0), EINVAL);
	plain = (struct rust_rcu_demo_update){ .reserved = 1 };
	check_is("an update with a reserved field set is EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_UPDATE, &plain), EINVAL);
	check_is("the failed update returns the reserved field as zero", plain.reserved, 0);

	args.update.operations = pointer(&operation);
	args.update.count = 1;
	check_is("an update with the larger structure of a later header succeeds",
		 errno_of(bigger, &args), 0);
	check_is("an update with a larger structure counts its operation", args.update.done, 1);
	args.later[29] = 1;
	check_is("an update with an unknown field set is E2BIG", errno_of(bigger, &args), E2BIG);
	check_is("an update with less than version 1 is EINVAL",
		 errno_of(resized(RUST_RCU_DEMO_IOC_UPDATE, 31), &args), EINVAL);
	flush();
}

static void test_batches(void)
{
	struct rust_rcu_demo_operation operations[600];
	struct rust_rcu_demo_update args;
	unsigned int n;

	for (n = 0; n < 600; n++)
		operations[n] = operation_on(RUST_RCU_DEMO_ADD, n);
	operations[500] = operations[3];
	check_is("an update fails with the errno of its operation",
		 update(&args, operations, 600, 0), EEXIST);
	check_is("an update counts the operations before the failure", args.done, 500);
	check_is("a failed update names the operation", args.failed, 500);
	check_is("a failed update returns the errno of the operation", args.error, EEXIST);
	check_is("the table has the operations before the failure", routes_inet(), 500);
	check_is("an update can continue after the failed operation",
		 update(&args, operations + 501, 99, 0), 0);
	check_is("a continued update does the rest", args.done, 99);
	check_is("a successful update returns no error", args.error, 0);
	flush();

	check_is("an atomic update fails with the errno of its operation",
		 update(&args, operations, 600, RUST_RCU_DEMO_UPDATE_ATOMIC), EEXIST);
	check_is("a failed atomic update counts no operation", args.done, 0);
	check_is("a failed atomic update names the operation", args.failed, 500);
	check_is("a failed atomic update returns the errno of the operation", args.error, EEXIST);
	check_is("a failed atomic update changes nothing", routes_inet(), 0);
	operations[500] = operation_on(RUST_RCU_DEMO_ADD, 500);
	operations[400].route.prefix_len = 33;
	check_is("an atomic update with an invalid operation is EINVAL",
		 update(&args, operations, 600, RUST_RCU_DEMO_UPDATE_ATOMIC), EINVAL);
	check_is("an atomic update names the invalid operation", args.failed, 400);
	operations[400].route.prefix_len = 24;
	check_is("an atomic update succeeds",
		 update(&args, operations, 600, RUST_RCU_DEMO_UPDATE_ATOMIC), 0);
	check_is("an atomic update counts all operations", args.done, 600);
	check_is("the table has all operations of an atomic update", routes_inet(), 600);
	flush();
}

static void test_faults(void)
{
	const size_t page = getpagesize();
	char *memory = pages(2 * page);
	/* The first page has room for 56 operations or 204 addresses. */
	struct rust_rcu_demo_operation *operations = (void *)(memory + page % 72);
	struct rust_rcu_demo_address *addresses = (void *)(memory + page % 20);
	struct rust_rcu_demo_route routes[8];
	struct rust_rcu_demo_update args;
	struct rust_rcu_demo_lookup look;
	unsigned int n, fit = page / 72;

	munmap(memory + page, page);
	for (n = 0; n < fit; n++)
		operations[n] = operation_on(RUST_RCU_DEMO_ADD, n);
	check_is("an array may end at the last readable byte",
		 update(&args, operations, fit, 0), 0);
	check_is("all operations up to the last readable byte are done", args.done, fit);
	check_is("an array beyond readable memory is EFAULT",
		 update(&args, operations, fit + 1, 0), EFAULT);
	check_is("an EFAULT of the array names no operation", args.error, 0);
	for (n = 0; n < page / 20; n++)
		addresses[n] = inet(10, 0, 0, 1);
	check_is("addresses beyond memory are EFAULT",
		 lookup(&look, addresses + page / 20 - 4, routes, 5), EFAULT);
	check_is("a lookup with unreadable addresses counts none", look.done, 0);
	check_is("a lookup with null routes is EFAULT", lookup(&look, addresses, NULL, 4), EFAULT);
	check_is("a lookup into kernel memory is EFAULT",
		 lookup(&look, addresses, (void *)(-4096L), 4), EFAULT);
	look = (struct rust_rcu_demo_lookup){
		.addresses = pointer(addresses), .routes = 1ULL << 63, .count = 4,
	};
	check_is("a lookup with a pointer over 63 bits is EFAULT",
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
		operations[n] = operation_on(RUST_RCU_DEMO_ADD, n);
	check_is("an update adds 1024 routes", update(&add, operations, 1024, 0), 0);
	/* Every other address has a route. */
	for (n = 0; n < MANY; n++)
		addresses[n] = inet(n % 2 ? 10 : 11, n % 1024 >> 8, n % 1024, n >> 10);
	check_is("a lookup of 65536 addresses succeeds", lookup(&args, addresses, routes, MANY), 0);
	check_is("a lookup of 65536 addresses counts them all", args.done, MANY);
	for (n = 0; n < MANY; n++) {
		if (n % 2)
			right += !memcmp(&routes[n], &operations[n % 1024].route, sizeof(*routes));
		else
			right += routes[n].type == RUST_RCU_DEMO_TYPE_NONE;
	}
	check_is("a lookup of 65536 addresses returns the right routes", right, MANY);

	check_is("a lookup without addresses succeeds", lookup(&args, NULL, NULL, 0), 0);
	check_is("a lookup of too many addresses is EINVAL",
		 lookup(&args, addresses, routes, -1), EINVAL);
	addresses[700].family = 1;
	memset(&routes[700], 0xff, sizeof(*routes));
	check_is("a lookup of an invalid address is EINVAL",
		 lookup(&args, addresses, routes, MANY), EINVAL);
	check_is("a failed lookup counts the addresses before the failure", args.done, 700);
	check_is("a failed lookup writes nothing after the failure", routes[700].type, 255);
	args = (struct rust_rcu_demo_lookup){ .flags = 2 };
	check_is("a lookup with unknown flags is EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_LOOKUP, &args), EINVAL);
	args = (struct rust_rcu_demo_lookup){ .reserved = 1 };
	check_is("a lookup with a reserved field set is EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_LOOKUP, &args), EINVAL);
	check_is("the failed lookup returns the reserved field as zero", args.reserved, 0);
	check_is("a lookup with the larger structure of a later header succeeds",
		 errno_of(resized(RUST_RCU_DEMO_IOC_LOOKUP, sizeof(bigger)), &bigger), 0);
	check_is("a lookup with the structure of version 1 succeeds",
		 errno_of(resized(RUST_RCU_DEMO_IOC_LOOKUP, 32), &bigger), 0);
	bigger.later[0] = 1;
	check_is("a lookup with an unknown field set is E2BIG",
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
		operations[n] = operation_on(RUST_RCU_DEMO_ADD, n);
	check_is("commit without begin is EINVAL", commit(&ended), EINVAL);
	check_is("commit without begin names no operation", ended.error, 0);
	ended = (struct rust_rcu_demo_commit){ .reserved = 1 };
	check_is("commit with a reserved field set is EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_COMMIT, &ended), EINVAL);
	check_is("the failed commit returns the reserved field as zero", ended.reserved, 0);
	check_is("abort without begin is EINVAL", abort_transaction(), EINVAL);
	check_is("begin with unknown flags is EINVAL", begin(2), EINVAL);
	check_is("begin succeeds", begin(0), 0);
	check_is("begin in a transaction is EBUSY", begin(0), EBUSY);
	check_is("begin in text in a transaction is EBUSY", write_text("begin\n"), EBUSY);
	check("the message says that a transaction is open",
	      !strcmp(read_text(), "line 1: a transaction is open; 'commit' or 'abort' ends it\n"));
	check_is("an update joins the transaction", update(&args, operations, 300, 0), 0);
	check_is("an update in a transaction counts its operations", args.done, 300);
	check_is("the table does not have the operations before the commit", routes_inet(), 0);
	check_is("an atomic update in a transaction is EBUSY",
		 update(&args, operations, 1, RUST_RCU_DEMO_UPDATE_ATOMIC), EBUSY);
	check_is("commit succeeds", commit(&ended), 0);
	check_is("the table has the operations after the commit", routes_inet(), 300);
	check_is("commit ends the transaction", commit(&ended), EINVAL);

	check_is("begin after a commit succeeds", begin(0), 0);
	operations[0] = operation_on(RUST_RCU_DEMO_ADD, 1000);
	check_is("an update in a transaction accepts an operation that cannot be made",
		 update(&args, operations, 2, 0), 0);
	check_is("commit fails with the errno of the operation", commit(&ended), EEXIST);
	check_is("a failed commit names the operation", ended.failed, 1);
	check_is("a failed commit returns the errno of the operation", ended.error, EEXIST);
	check_is("a failed commit changes nothing", routes_inet(), 300);
	check_is("a failed commit ends the transaction", abort_transaction(), EINVAL);

	check_is("begin after a failed commit succeeds", begin(0), 0);
	check_is("a flush joins the transaction", update(&args, &(struct rust_rcu_demo_operation){
		 .verb = RUST_RCU_DEMO_FLUSH }, 1, 0), 0);
	check_is("abort succeeds", abort_transaction(), 0);
	check_is("abort changes nothing", routes_inet(), 300);

	check_is("begin of a reload succeeds", begin(RUST_RCU_DEMO_BEGIN_RELOAD), 0);
	check_is("an update joins the reload", update(&args, operations, 100, 0), 0);
	check_is("the table has the old routes before the reload commits", routes_inet(), 300);
	check_is("commit of the reload succeeds", commit(&ended), 0);
	check_is("the table has the new routes after the reload", routes_inet(), 100);
	flush();
}

static void test_text_and_ioctl_together(void)
{
	const struct rust_rcu_demo_operation operation = operation_on(RUST_RCU_DEMO_ADD, 5);
	struct rust_rcu_demo_commit ended;

	check_is("begin and a route in text succeed",
		 write_text("begin\n10.9.0.0/16 dev eth0\n"), 0);
	check_is("an ioctl's operation joins the transaction of the text",
		 update_one(&operation), 0);
	check_is("commit by ioctl ends the transaction of the text", commit(&ended), 0);
	check_is("the table has the routes of text and ioctl", routes_inet(), 2);
	check_is("begin by ioctl succeeds", begin(0), 0);
	check_is("the transaction accepts an operation that cannot be made",
		 update_one(&operation), 0);
	check_is("commit in text fails with the errno of the ioctl's operation",
		 write_text("commit\n"), EEXIST);
	check("the message names the operation of the ioctl",
	      strstr(read_text(), ": operation 0 of the transaction: 10.0.5.0/24: route exists\n") != NULL);
	flush();
}

static void test_unfinished(void)
{
	int other = open(DEVICE, O_RDWR), kept = fd;

	fd = other;
	check_is("begin on another file succeeds", begin(0), 0);
	check_is("close() with an open transaction is EINVAL",
		 close(other) < 0 ? errno : 0, EINVAL);
	fd = kept;
	check_is("a transaction belongs to its file only", abort_transaction(), EINVAL);
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

/* Runs a test in a child. Returns its status: 0, or the number of the check that failed. */
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
	const struct rust_rcu_demo_operation operation = operation_on(RUST_RCU_DEMO_ADD, 1);
	struct rust_rcu_demo_commit ended;

	if (my_syscall1(NR_SETUID, 65534))
		return 1;
	if (update_one(&operation) != EPERM)
		return 2;
	if (begin(0) != EPERM)
		return 3;
	if (commit(&ended) != EPERM)
		return 4;
	return lookup_one(inet(10, 0, 0, 1)).type == RUST_RCU_DEMO_TYPE_NONE ? 0 : 5;
}

/* Repeats a lookup until a signal of the parent ends one early. */
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

/* Repeats an update until a signal of the parent ends one early. */
static int interrupted_update(void)
{
	struct rust_rcu_demo_operation *operations = pages(MANY * sizeof(*operations));
	struct rust_rcu_demo_update args;
	unsigned int n, tries;

	for (n = 0; n < MANY; n++)
		operations[n] = operation_on(RUST_RCU_DEMO_REPLACE, 1);
	for (tries = 0; tries < 300; tries++) {
		if (update(&args, operations, MANY, 0) || args.error)
			return 1;
		if (args.done < MANY)
			return args.done ? 0 : 3;
	}
	return 4;
}

/* Runs a test in a child, and sends it SIGSTOP and SIGCONT until it ends. */
static int under_signals(int (*test)(void))
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
	const struct rust_rcu_demo_operation operation = operation_on(RUST_RCU_DEMO_ADD, 1);

	check_is("add of a route before the signal tests succeeds", update_one(&operation), 0);
	check_is("a signal ends a lookup early with its count",
		 under_signals(interrupted_lookup), 0);
	check_is("a signal ends an update early with its count",
		 under_signals(interrupted_update), 0);
	flush();
}

/* Returns the poll() mask of the file. */
static short poll_mask(void)
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
	check_is("a fresh file is readable", poll_mask(), POLLIN | POLLOUT);
	check_is("a fresh file reads as the empty table", strlen(read_text()), 0);
	check_is("a file that was read to its end is only writable", poll_mask(), POLLOUT);
	check_is("a file is not readable after a change",
		 (write_text("10.0.0.0/8 dev eth0\n"), poll_mask()), POLLOUT);
	check_is("a file is readable after a query",
		 (write_text("get 10.0.0.1\nget 10.0.0.2\n"), poll_mask()), POLLIN | POLLOUT);
	check_is("a file is readable while half of an answer is unread",
		 (read(fd, (char[5]){ }, 5), poll_mask()), POLLIN | POLLOUT);
	check("a read returns the rest of the answers",
	      strlen(read_text()) == 2 * strlen("10.0.0.0/8 dev eth0\n") - 5);
	check_is("a file is not readable after its answers were read", poll_mask(), POLLOUT);
	check_is("a file is readable after show",
		 (write_text("show\n"), poll_mask()), POLLIN | POLLOUT);
	check_is("a file is not readable after show was read", (read_text(), poll_mask()), POLLOUT);
	check_is("a file is readable after an error message",
		 (write_text("get 11.0.0.1\n"), poll_mask()), POLLIN | POLLOUT);
	read_text();

	child = fork();
	if (child == 0)
		exit(poll_until_readable());
	/* Gives the child time to sleep in poll(). If it does not yet, the check still holds. */
	sleep_ms(200);
	check_is("a poller sleeps while there is no answer", waitpid(child, &status, WNOHANG), 0);
	write_text("get 10.0.0.1\n");
	/* Much less than the timeout of the child's poll(). */
	for (tries = 0; tries < 100 && waitpid(child, &status, WNOHANG) == 0; tries++)
		sleep_ms(100);
	check("an answer wakes a poller",
	      tries < 100 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	if (tries == 100)
		waitpid(child, &status, 0);
	close(fd);
	fd = kept;
	flush();
}

static void test_stats(void)
{
	const struct rust_rcu_demo_operation operation = operation_on(RUST_RCU_DEMO_ADD, 1);
	struct {
		struct rust_rcu_demo_stats stats;
		__u64 later[3];
	} args;

	memset(&args, 0xff, sizeof(args));
	check_is("add of a route before stats succeeds", update_one(&operation), 0);
	check_is("stats succeed", errno_of(RUST_RCU_DEMO_IOC_STATS, &args), 0);
	check("stats count routes and next hops",
	      args.stats.routes_inet == 1 && !args.stats.routes_inet6 &&
	      args.stats.next_hops == 1);
	check("stats count objects and bytes",
	      args.stats.objects && args.stats.bytes && args.stats.generation);
	check("stats write nothing after the structure", args.later[0] == ~0ULL);
	check_is("stats with the larger structure of a later header succeed",
		 errno_of(resized(RUST_RCU_DEMO_IOC_STATS, sizeof(args)), &args), 0);
	check("stats fill unknown fields with zeros", !args.later[0] && !args.later[2]);
	check_is("stats with less than version 1 are EINVAL",
		 errno_of(resized(RUST_RCU_DEMO_IOC_STATS, 8), &args), EINVAL);
	args.stats.unchanged = ~0ULL;
	check_is("stats with the structure of version 1 succeed",
		 errno_of(resized(RUST_RCU_DEMO_IOC_STATS, 88), &args), 0);
	check("stats write nothing after the structure of version 1", args.stats.unchanged == ~0ULL);
	flush();
}

static void test_wait(void)
{
	const struct rust_rcu_demo_operation operation = operation_on(RUST_RCU_DEMO_ADD, 1);
	struct rust_rcu_demo_wait args = { .generation = -1 };
	__u64 known;
	int status, child;

	check_is("wait returns if the generation differs", errno_of(RUST_RCU_DEMO_IOC_WAIT, &args), 0);
	known = args.generation;
	args = (struct rust_rcu_demo_wait){
		.generation = known, .timeout_ms = 1, .flags = RUST_RCU_DEMO_WAIT_TIMEOUT,
	};
	check_is("wait times out", errno_of(RUST_RCU_DEMO_IOC_WAIT, &args), ETIMEDOUT);
	check("wait returns the generation after a timeout", args.generation == known);
	args.flags = 2;
	check_is("wait with unknown flags is EINVAL", errno_of(RUST_RCU_DEMO_IOC_WAIT, &args), EINVAL);
	check_is("wait with less than version 2 is EINVAL",
		 errno_of(resized(RUST_RCU_DEMO_IOC_WAIT, 23), &args), EINVAL);
	child = fork();
	if (child == 0) {
		struct timespec delay = { .tv_nsec = 50000000 };

		nanosleep(&delay, NULL);
		exit(update_one(&operation));
	}
	args = (struct rust_rcu_demo_wait){ .generation = known };
	check_is("wait returns after a change", errno_of(RUST_RCU_DEMO_IOC_WAIT, &args), 0);
	check("wait returns the next generation", args.generation == known + 1);
	waitpid(child, &status, 0);
	check_is("the child has changed the table", status, 0);
	flush();
}

#include "bulk.h"

/* Returns the last byte of the gateway that a flow to 10.1.1.1 uses, or 0. */
static int gateway_of(__u32 hash)
{
	const struct rust_rcu_demo_flow flow = { .address = inet(10, 1, 1, 1), .hash = hash };
	struct rust_rcu_demo_route route = {};
	struct rust_rcu_demo_flows args = {
		.flows = pointer(&flow), .routes = pointer(&route), .count = 1,
	};

	if (errno_of(RUST_RCU_DEMO_IOC_FLOWS, &args) || args.done != 1)
		return 0;
	return route.gateway.bytes[3];
}

static void test_flows(void)
{
	struct rust_rcu_demo_flow flows[300] = {};
	struct rust_rcu_demo_route routes[300];
	struct rust_rcu_demo_flows args = {
		.flows = pointer(flows), .routes = pointer(routes), .count = 300,
	};
	unsigned int n;

	check_is("a multipath route is added", write_text(
		 "10.0.0.0/8 nexthop via 192.0.2.1 weight 1 nexthop via 192.0.2.2 weight 3\n"), 0);
	check_is("hash 0 selects the first leg", gateway_of(0), 1);
	check_is("the last hash of the first leg selects it", gateway_of((1U << 30) - 1), 1);
	check_is("the first hash of the second leg selects it", gateway_of(1U << 30), 2);
	check_is("the highest hash selects the last leg", gateway_of(~0U), 2);
	for (n = 0; n < 300; n++) {
		flows[n].address = inet(n % 3 ? 10 : 11, 0, 0, 1);
		flows[n].hash = n << 23;
	}
	check_is("many flows are looked up", errno_of(RUST_RCU_DEMO_IOC_FLOWS, &args), 0);
	check_is("flows count all", args.done, 300);
	for (n = 0; n < 300; n++) {
		__u8 expected = n % 3 ? 1 + (flows[n].hash >= 1U << 30) : 0;

		if (routes[n].gateway.bytes[3] != expected)
			break;
	}
	check_is("each flow has the gateway of its hash", n, 300);
	flows[260].address.family = 3;
	check_is("an invalid address of a flow is EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_FLOWS, &args), EINVAL);
	check_is("the flows before it are looked up", args.done, 260);
	args.flags = 1;
	check_is("flows with unknown flags are EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_FLOWS, &args), EINVAL);
	args.flags = 0;
	args.reserved = 1;
	check_is("flows with a reserved field are EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_FLOWS, &args), EINVAL);
	check_is("the reserved field is returned as zero", args.reserved, 0);
	check_is("flows with less than the first version are EINVAL",
		 errno_of(resized(RUST_RCU_DEMO_IOC_FLOWS, 31), &args), EINVAL);
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
	check_is("without CAP_NET_ADMIN only lookups succeed", in_child(unprivileged), 0);
	test_signals();
	test_poll();
	test_stats();
	test_wait();
	test_dump();
	test_get();
	test_numbers_of_next_hops();
	test_routes_with_objects();
	test_file_stats();
	test_flows();
	printf("1..%d\n", number);
	return failures != 0;
}
