/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tests of the ioctls DUMP, GET and ANSWERS, of lookups that return numbers, and of FILE_STATS. A
 * part of client.c, whose helpers it uses.
 */

_Static_assert(sizeof(struct rust_rcu_demo_key) == 28, "key");
_Static_assert(sizeof(struct rust_rcu_demo_dump) == 96, "dump");
_Static_assert(sizeof(struct rust_rcu_demo_get) == 32, "get");
_Static_assert(sizeof(struct rust_rcu_demo_answers) == 40, "answers");
_Static_assert(sizeof(struct rust_rcu_demo_file_stats) == 40, "file statistics");

#define ROUTES 1000

/* Adds prefixes 0 to ROUTES - 1, and an IPv6 default route. */
static void add_routes(struct rust_rcu_demo_operation *operations)
{
	struct rust_rcu_demo_update args;
	unsigned int n;

	for (n = 0; n < ROUTES; n++)
		operations[n] = operation_on(RUST_RCU_DEMO_ADD, n);
	operations[n] = (struct rust_rcu_demo_operation){
		.verb = RUST_RCU_DEMO_ADD,
		.route = {
			.dst = { .family = INET6 },
			.type = RUST_RCU_DEMO_TYPE_UNICAST,
			.dev = "eth0",
		},
	};
	check_is("an update adds the routes", update(&args, operations, ROUTES + 1, 0), 0);
}

/* Returns the number of routes that equal those of the operations from the first on. */
static unsigned int equal_routes(const struct rust_rcu_demo_route *routes,
				 const struct rust_rcu_demo_operation *operations,
				 unsigned int count)
{
	unsigned int n, equal = 0;

	for (n = 0; n < count; n++)
		equal += !memcmp(&routes[n], &operations[n].route, sizeof(*routes));
	return equal;
}

static void test_dump(void)
{
	struct rust_rcu_demo_operation *operations = pages((ROUTES + 1) * sizeof(*operations));
	struct rust_rcu_demo_route *routes = pages((ROUTES + 2) * sizeof(*routes));
	struct rust_rcu_demo_dump args = { .routes = pointer(routes), .count = ROUTES + 2 };
	unsigned int calls = 0, done = 0;
	struct rust_rcu_demo_operation one;

	add_routes(operations);
	check_is("dump succeeds", errno_of(RUST_RCU_DEMO_IOC_DUMP, &args), 0);
	check_is("dump returns all routes", args.done, ROUTES + 1);
	check_is("dump reports that no routes follow", args.more, 0);
	check_is("dump returns the routes in order",
		 equal_routes(routes, operations, ROUTES + 1), ROUTES + 1);
	check("dump of an unchanged table returns one generation",
	      args.generation && args.latest == args.generation);

	memset(routes, 0, ROUTES * sizeof(*routes));
	args = (struct rust_rcu_demo_dump){ .more = 1 };
	while (args.more && calls++ < 100) {
		args.routes = pointer(routes + done);
		args.count = 150;
		if (errno_of(RUST_RCU_DEMO_IOC_DUMP, &args))
			break;
		done += args.done;
		/* The dump is past this prefix, so a change of it does not disturb the dump. */
		one = operation_on(calls % 2 ? RUST_RCU_DEMO_ADD : RUST_RCU_DEMO_DEL, 0);
		one.route.dst = inet(9, 0, 0, 0);
		update_one(&one);
	}
	check_is("dump in pieces returns all routes", done, ROUTES + 1);
	check_is("dump in pieces takes 7 calls", calls, 7);
	check_is("dump in pieces returns the routes in order",
		 equal_routes(routes, operations, ROUTES + 1), ROUTES + 1);
	check("dump reports that the table has changed", args.latest > args.generation);

	args = (struct rust_rcu_demo_dump){
		.routes = pointer(routes), .count = 5, .select.dst.family = INET6,
	};
	check_is("dump of a family succeeds", errno_of(RUST_RCU_DEMO_IOC_DUMP, &args), 0);
	check("dump of a family returns its routes", args.done == 1 && !args.more &&
	      equal_routes(routes, operations + ROUTES, 1) == 1);
	args = (struct rust_rcu_demo_dump){
		.routes = pointer(routes), .count = 5, .flags = RUST_RCU_DEMO_DUMP_PREFIX,
		.select = { .dst = inet(10, 0, 7, 0), .prefix_len = 24 },
	};
	check_is("dump of a prefix succeeds", errno_of(RUST_RCU_DEMO_IOC_DUMP, &args), 0);
	check("dump of a prefix returns its routes", args.done == 1 && !args.more &&
	      equal_routes(routes, operations + 7, 1) == 1);

	args = (struct rust_rcu_demo_dump){ .count = 1 };
	check_is("dump to a null pointer is EFAULT",
		 errno_of(RUST_RCU_DEMO_IOC_DUMP, &args), EFAULT);
	check("a failed dump can be continued from its start",
	      args.more == 1 && !args.done && !args.after.dst.family);
	args = (struct rust_rcu_demo_dump){ .flags = 2 };
	check_is("dump with unknown flags is EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_DUMP, &args), EINVAL);
	args = (struct rust_rcu_demo_dump){ .select.prefix_len = 1 };
	check_is("dump of a prefix without its flag is EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_DUMP, &args), EINVAL);
	args = (struct rust_rcu_demo_dump){ .after = { .dst = inet(10, 0, 0, 0), .prefix_len = 8 } };
	check_is("dump after a key without a metric is EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_DUMP, &args), EINVAL);
	args = (struct rust_rcu_demo_dump){ .count = -1 };
	check_is("dump of too many routes is EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_DUMP, &args), EINVAL);
	flush();
	munmap(operations, (ROUTES + 1) * sizeof(*operations));
	munmap(routes, (ROUTES + 2) * sizeof(*routes));
}

static void test_get(void)
{
	struct rust_rcu_demo_operation *operations = pages((ROUTES + 1) * sizeof(*operations));
	struct rust_rcu_demo_route *routes = pages(ROUTES * sizeof(*routes));
	struct rust_rcu_demo_key *keys = pages(ROUTES * sizeof(*keys));
	struct rust_rcu_demo_get args = {
		.keys = pointer(keys), .routes = pointer(routes), .count = ROUTES,
	};
	struct rust_rcu_demo_operation second;
	unsigned int n;

	add_routes(operations);
	second = operations[5];
	second.route.metric = 9;
	check_is("add of a second metric succeeds", update_one(&second), 0);
	for (n = 0; n < ROUTES; n++)
		keys[n] = (struct rust_rcu_demo_key){
			.dst = operations[n].route.dst, .prefix_len = 24,
		};
	check_is("get succeeds", errno_of(RUST_RCU_DEMO_IOC_GET, &args), 0);
	check_is("get answers all keys", args.done, ROUTES);
	check_is("get returns the routes with the lowest metric",
		 equal_routes(routes, operations, ROUTES), ROUTES);
	keys[0] = keys[5];
	keys[0].flags = RUST_RCU_DEMO_KEY_METRIC;
	keys[0].metric = 9;
	keys[1] = keys[0];
	keys[1].metric = 8;
	keys[2].prefix_len = 25;
	keys[3].flags = 2;
	check_is("get of an invalid key is EINVAL", errno_of(RUST_RCU_DEMO_IOC_GET, &args), EINVAL);
	check_is("get counts the keys before an invalid one", args.done, 3);
	check_is("get with a metric returns its route", equal_routes(routes, &second, 1), 1);
	check_is("get of an absent metric returns no route", routes[1].type, 0);
	check_is("get of an absent prefix returns no route", routes[2].type, 0);
	check_is("get writes nothing after an invalid key",
		 equal_routes(routes + 3, operations + 3, 1), 1);
	keys[3] = keys[4];
	keys[3].metric = 1;
	check_is("get with a metric without its flag is EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_GET, &args), EINVAL);
	args.flags = 1;
	check_is("get with unknown flags is EINVAL", errno_of(RUST_RCU_DEMO_IOC_GET, &args), EINVAL);
	flush();
	munmap(operations, (ROUTES + 1) * sizeof(*operations));
	munmap(routes, ROUTES * sizeof(*routes));
	munmap(keys, ROUTES * sizeof(*keys));
}

/* Looks up numbers of addresses in prefix 0, 1, 2 and so on. */
static int look_up_numbers(struct rust_rcu_demo_lookup *args, __u32 *numbers, unsigned int count)
{
	static struct rust_rcu_demo_address addresses[8];
	unsigned int n;

	for (n = 0; n < count; n++)
		addresses[n] = inet(10, 0, n, 1);
	*args = (struct rust_rcu_demo_lookup){
		.addresses = pointer(addresses), .routes = pointer(numbers), .count = count,
		.flags = RUST_RCU_DEMO_LOOKUP_NUMBERS,
	};
	return errno_of(RUST_RCU_DEMO_IOC_LOOKUP, args);
}

/* Calls ANSWERS once for each number, as a program that keeps the answers does. */
static void test_numbers_of_next_hops(void)
{
	struct rust_rcu_demo_operation operations[4];
	struct rust_rcu_demo_lookup look = { .generation = 0 }, empty = { };
	struct rust_rcu_demo_answers args = { };
	struct rust_rcu_demo_route routes[4], expected;
	struct rust_rcu_demo_update add;
	__u32 numbers[4] = { -1, -1, -1, -1 };
	unsigned int n;

	for (n = 0; n < 3; n++)
		operations[n] = operation_on(RUST_RCU_DEMO_ADD, n);
	operations[2].route.gateway = operations[0].route.gateway;
	check_is("an update adds 3 routes", update(&add, operations, 3, 0), 0);
	check_is("a lookup of numbers succeeds", look_up_numbers(&look, numbers, 4), 0);
	check("routes with equal next hops have equal numbers",
	      numbers[0] && numbers[0] == numbers[2] && numbers[1] && numbers[0] != numbers[1]);
	check_is("an address without a route has the number 0", numbers[3], 0);
	check_is("a lookup without addresses succeeds", errno_of(RUST_RCU_DEMO_IOC_LOOKUP, &empty), 0);
	check("a lookup without addresses returns generation and numbering",
	      empty.generation == look.generation && empty.numbering == look.numbering);

	args = (struct rust_rcu_demo_answers){
		.numbers = pointer(numbers), .routes = pointer(routes), .count = 4,
	};
	numbers[2] = 1 << 20;
	check_is("answers succeeds", errno_of(RUST_RCU_DEMO_IOC_ANSWERS, &args), 0);
	check_is("answers has the numbering of the lookup", args.numbering == look.numbering, 1);
	expected = operations[1].route;
	memset(&expected.dst, 0, sizeof(expected.dst));
	expected.prefix_len = 0;
	check("answers returns next hop and metric without a prefix",
	      args.done == 4 && !memcmp(&routes[1], &expected, sizeof(expected)));
	check("answers of unknown numbers are zero",
	      !routes[2].type && !routes[3].type && !routes[2].metric);

	/* A next hop that the table has needs no number. */
	operations[3] = operation_on(RUST_RCU_DEMO_ADD, 3);
	operations[3].route.gateway = operations[1].route.gateway;
	check_is("add of another route succeeds", update_one(&operations[3]), 0);
	check_is("the lookup of numbers succeeds again", look_up_numbers(&look, numbers, 4), 0);
	check("another generation has the same numbering",
	      look.generation == empty.generation + 1 && look.numbering == empty.numbering);
	args.flags = 1;
	check_is("answers with unknown flags is EINVAL",
		 errno_of(RUST_RCU_DEMO_IOC_ANSWERS, &args), EINVAL);
	flush();
}

/* Checks that a route has the number of an object in the place of a gateway. */
static void check_object(const char *name, const struct rust_rcu_demo_route *route, __u8 number)
{
	const struct rust_rcu_demo_address gateway = { .bytes = { 0, 0, 0, number } };

	check_is(name, route->type, RUST_RCU_DEMO_TYPE_OBJECT);
	check("its gateway is the number of the object, and it has no device",
	      !memcmp(&route->gateway, &gateway, sizeof(gateway)) && !route->dev[0]);
}

/* Routes with an object of their own, or with that of a multipath route. */
static void test_routes_with_objects(void)
{
	struct rust_rcu_demo_route routes[3] = { };
	struct rust_rcu_demo_dump dump = { .routes = pointer(routes), .count = 3 };
	struct rust_rcu_demo_key keys[2];
	struct rust_rcu_demo_get get = {
		.keys = pointer(keys), .routes = pointer(routes), .count = 2,
	};
	__u32 numbers[2] = { };
	struct rust_rcu_demo_answers answers = {
		.numbers = pointer(numbers), .routes = pointer(routes), .count = 2,
	};
	struct rust_rcu_demo_lookup look;

	check_is("routes with objects are added", write_text(
		 "nexthop add id 5 via 192.0.2.1\n10.0.0.0/24 nhid 5\n"
		 "10.0.1.0/24 nexthop via 192.0.2.1 nexthop via 192.0.2.2\n"), 0);
	check_is("dump of objects succeeds", errno_of(RUST_RCU_DEMO_IOC_DUMP, &dump), 0);
	check_is("dump returns the routes with objects", dump.done, 2);
	check_object("dump of a route with nhid has the type OBJECT", &routes[0], 5);
	check_object("dump of a multipath route has the type OBJECT", &routes[1], 0);
	keys[0] = (struct rust_rcu_demo_key){ .dst = routes[0].dst, .prefix_len = 24 };
	keys[1] = (struct rust_rcu_demo_key){ .dst = routes[1].dst, .prefix_len = 24 };
	memset(routes, 0, sizeof(routes));
	check_is("get of objects succeeds", errno_of(RUST_RCU_DEMO_IOC_GET, &get), 0);
	check_object("get of a route with nhid has the type OBJECT", &routes[0], 5);
	check_object("get of a multipath route has the type OBJECT", &routes[1], 0);
	memset(routes, 0, sizeof(routes));
	check_is("a lookup of their numbers succeeds", look_up_numbers(&look, numbers, 2), 0);
	check_is("answers of objects succeed", errno_of(RUST_RCU_DEMO_IOC_ANSWERS, &answers), 0);
	check_object("the answer of a route with nhid has the type OBJECT", &routes[0], 5);
	check_object("the answer of a multipath route has the type OBJECT", &routes[1], 0);
	flush();
	check_is("the object is deleted", write_text("nexthop del id 5\n"), 0);
}

static void test_file_stats(void)
{
	const struct rust_rcu_demo_operation operation = operation_on(RUST_RCU_DEMO_ADD, 1);
	struct rust_rcu_demo_file_stats stats = { .lookups = -1 };
	struct rust_rcu_demo_flow flow[2] = {
		{ .address = inet(10, 0, 1, 1) }, { .address = inet(9, 0, 0, 1) },
	};
	struct rust_rcu_demo_flows flows = {
		.flows = pointer(flow), .routes = pointer(&(struct rust_rcu_demo_route[2]){ }),
		.count = 2,
	};
	struct rust_rcu_demo_dump dump = { };
	int kept = fd;

	fd = open(DEVICE, O_RDWR);
	check_is("file statistics succeed", errno_of(RUST_RCU_DEMO_IOC_FILE_STATS, &stats), 0);
	check("a new file has done nothing", !stats.lookups && !stats.routes && !stats.changes &&
	      !stats.bytes_read && !stats.bytes_written);
	update_one(&operation);
	update_one(&operation);
	lookup_one(inet(10, 0, 1, 1));
	write_text("get 10.0.1.1\n11.0.0.0/8 dev a\n");
	read_text();
	dump.routes = pointer(&(struct rust_rcu_demo_route[2]){ });
	dump.count = 2;
	errno_of(RUST_RCU_DEMO_IOC_DUMP, &dump);
	check_is("file statistics succeed again", errno_of(RUST_RCU_DEMO_IOC_FILE_STATS, &stats), 0);
	check_is("the file counts lookups by ioctl and text", stats.lookups, 2);
	check_is("the file counts changes that took effect", stats.changes, 2);
	check_is("the file counts routes that a dump has copied", stats.routes, 2);
	check_is("the file counts bytes written", stats.bytes_written, 30);
	check_is("the file counts bytes read", stats.bytes_read, 26);
	write_text("nexthop add id 6 dev a\n12.0.0.0/8 nexthop dev a nexthop dev b\n"
		   "nexthop del id 6\ndel 12.0.0.0/8 nexthop dev a nexthop dev b\n");
	check_is("flows are looked up", errno_of(RUST_RCU_DEMO_IOC_FLOWS, &flows), 0);
	errno_of(RUST_RCU_DEMO_IOC_FILE_STATS, &stats);
	check_is("the file counts changes of objects and of multipath routes", stats.changes, 6);
	check_is("the file counts flows as lookups", stats.lookups, 4);
	close(fd);
	fd = kept;
	check("another file has its own statistics",
	      (errno_of(RUST_RCU_DEMO_IOC_FILE_STATS, &stats), stats.changes > 2));
	flush();
}
