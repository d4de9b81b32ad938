/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The ioctls of /dev/rust_rcu_demo. They do what the lines of its text protocol do, for programs
 * that look up or change many routes.
 *
 * Rules for all ioctls:
 *
 * - Layout: fields have a fixed width and natural alignment, and padding is explicit. 32-bit and
 *   64-bit callers use the same structures and numbers. A __u64 carries each pointer.
 * - Extension: a structure whose size is part of an ioctl number may grow at its end. If the
 *   caller's structure is larger than the kernel's, the excess must be zero: E2BIG otherwise. If
 *   it is smaller, the kernel treats the missing fields as zero; a structure smaller than version 1
 *   is EINVAL. The kernel truncates a returned structure, or pads it with zeros, likewise.
 * - Array elements do not grow. A new flag will select elements of another layout.
 * - Unknown flags and reserved fields other than zero are EINVAL. The kernel returns reserved
 *   fields as zero. An unknown ioctl is ENOTTY.
 * - The ioctls do not change what read() returns.
 * - BEGIN, UPDATE, COMMIT and ABORT wait for other calls on the same open file. A signal ends that
 *   wait: EINTR. On a file with O_NONBLOCK they fail with EAGAIN instead.
 * - Changes require CAP_NET_ADMIN of both the opener of the file and the caller: EPERM otherwise.
 */
#ifndef _UAPI_RUST_RCU_DEMO_H
#define _UAPI_RUST_RCU_DEMO_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The value of rust_rcu_demo_info.version for this header. */
#define RUST_RCU_DEMO_VERSION 3

/**
 * struct rust_rcu_demo_address - an IPv4 or IPv6 address, or none
 * @family:   AF_INET (2), AF_INET6 (10), or AF_UNSPEC (0) for none
 * @reserved: must be zero
 * @bytes:    the address in network order; the last twelve bytes of an IPv4 address must be zero
 *
 * Without an address all bytes are zero, except in the gateway of a route that has the type
 * RUST_RCU_DEMO_TYPE_OBJECT.
 */
struct rust_rcu_demo_address {
	__u8 family;
	__u8 reserved[3];
	__u8 bytes[16];
};

/* Size of a device name with its terminating zero: IFNAMSIZ. */
#define RUST_RCU_DEMO_DEV_SIZE 16

/* Route types: the values of RTN_* in <linux/rtnetlink.h>. */
#define RUST_RCU_DEMO_TYPE_NONE		0
#define RUST_RCU_DEMO_TYPE_UNICAST	1
#define RUST_RCU_DEMO_TYPE_LOCAL	2
#define RUST_RCU_DEMO_TYPE_BLACKHOLE	6
#define RUST_RCU_DEMO_TYPE_UNREACHABLE	7
#define RUST_RCU_DEMO_TYPE_PROHIBIT	8
#define RUST_RCU_DEMO_TYPE_THROW	9
/*
 * A route with a next-hop object, or with several next hops of its own. The first four bytes of
 * gateway.bytes have the number of the object in network order, or zero for several next hops.
 * DUMP, GET and ANSWERS return this type; LOOKUP and FLOWS return the next hop. In an operation the
 * type is EINVAL: write lines for such routes.
 */
#define RUST_RCU_DEMO_TYPE_OBJECT	128

/**
 * struct rust_rcu_demo_route - a route
 * @dst:        network address of the prefix; host bits must be zero
 * @prefix_len: length of the prefix
 * @type:       RUST_RCU_DEMO_TYPE_*
 * @reserved:   must be zero
 * @metric:     of the routes of one prefix, the one with the lowest metric serves
 * @gateway:    AF_UNSPEC if there is none; its family may differ from that of @dst; an unspecified
 *              address is EINVAL
 * @dev:        device name, empty if there is none; the bytes after the name must be zero
 *
 * A unicast route has a gateway, a device, or both. A local route may have a device. Routes of the
 * other types have neither.
 */
struct rust_rcu_demo_route {
	struct rust_rcu_demo_address dst;
	__u8 prefix_len;
	__u8 type;
	__u16 reserved;
	__u32 metric;
	struct rust_rcu_demo_address gateway;
	char dev[RUST_RCU_DEMO_DEV_SIZE];
};

/* Bits of rust_rcu_demo_info.features. */
#define RUST_RCU_DEMO_FEATURE_LOOKUP		(1ULL << 0)
#define RUST_RCU_DEMO_FEATURE_UPDATE		(1ULL << 1)
#define RUST_RCU_DEMO_FEATURE_STATS		(1ULL << 2)
/* RUST_RCU_DEMO_UPDATE_ATOMIC, and begin, commit and abort by ioctl and in text */
#define RUST_RCU_DEMO_FEATURE_TRANSACTION	(1ULL << 3)
/* RUST_RCU_DEMO_BEGIN_RELOAD, and "begin reload" in text */
#define RUST_RCU_DEMO_FEATURE_RELOAD		(1ULL << 4)
/* poll(), select() and epoll report whether answers are unread */
#define RUST_RCU_DEMO_FEATURE_POLL		(1ULL << 5)
/* RUST_RCU_DEMO_TYPE_LOCAL and RUST_RCU_DEMO_TYPE_THROW */
#define RUST_RCU_DEMO_FEATURE_TYPES		(1ULL << 6)
/* the command "monitor" */
#define RUST_RCU_DEMO_FEATURE_MONITOR		(1ULL << 7)
/* RUST_RCU_DEMO_IOC_WAIT */
#define RUST_RCU_DEMO_FEATURE_WAIT		(1ULL << 8)
/* rust_rcu_demo_stats.unchanged */
#define RUST_RCU_DEMO_FEATURE_UNCHANGED		(1ULL << 9)
/* RUST_RCU_DEMO_IOC_DUMP, RUST_RCU_DEMO_IOC_GET, RUST_RCU_DEMO_IOC_FILE_STATS */
#define RUST_RCU_DEMO_FEATURE_DUMP		(1ULL << 10)
/* RUST_RCU_DEMO_LOOKUP_NUMBERS, RUST_RCU_DEMO_IOC_ANSWERS */
#define RUST_RCU_DEMO_FEATURE_NUMBERS		(1ULL << 11)
/* the command "nexthop", routes with "nhid", and rust_rcu_demo_stats.nexthop_objects */
#define RUST_RCU_DEMO_FEATURE_OBJECTS		(1ULL << 12)
/* RUST_RCU_DEMO_IOC_FLOWS */
#define RUST_RCU_DEMO_FEATURE_FLOWS		(1ULL << 13)

/**
 * struct rust_rcu_demo_info - the features and limits of the kernel
 * @version:         RUST_RCU_DEMO_VERSION; programs should check @features instead
 * @reserved:        zero
 * @features:        RUST_RCU_DEMO_FEATURE_*
 * @max_lookups:     maximum count for RUST_RCU_DEMO_IOC_LOOKUP, _FLOWS, _DUMP, _GET and _ANSWERS
 * @max_operations:  maximum count for RUST_RCU_DEMO_IOC_UPDATE
 * @max_transaction: maximum number of operations in a transaction; a reload has no maximum
 * @reserved2:       zero
 */
struct rust_rcu_demo_info {
	__u32 version;
	__u32 reserved;
	__aligned_u64 features;
	__u32 max_lookups;
	__u32 max_operations;
	__u32 max_transaction;
	__u32 reserved2;
};

/* For LOOKUP: @routes points to an array of __u32. The kernel writes numbers instead of routes. */
#define RUST_RCU_DEMO_LOOKUP_NUMBERS	(1U << 0)

/**
 * struct rust_rcu_demo_lookup - look up the routes that serve addresses
 * @addresses: in: pointer to an array of struct rust_rcu_demo_address
 * @routes:    in: pointer to an array of struct rust_rcu_demo_route, which the kernel writes; an
 *             element is all zero (RUST_RCU_DEMO_TYPE_NONE) if no route serves its address
 * @count:     in: number of elements of both arrays; more than max_lookups is EINVAL
 * @done:      out: number of addresses looked up, also if a later element is invalid
 * @flags:     in: RUST_RCU_DEMO_LOOKUP_NUMBERS or zero
 * @reserved:  must be zero
 * @generation: out: the answers include each change up to this generation; version 2 lacks this
 *             field
 * @numbering: out: the numbering of the answers, see below; version 2 lacks this field
 *
 * A signal ends the call early, and the call succeeds. If @done is less than @count, call again
 * with the rest; each call looks up at least one address. Each answer was correct at some moment
 * during the call. Updates and transactions may fall between two answers.
 *
 * An invalid address is EINVAL, and a bad pointer is EFAULT; @done is then the number of addresses
 * that were looked up before it.
 *
 * With RUST_RCU_DEMO_LOOKUP_NUMBERS an answer is the number of a pair of next hop and metric, or 0
 * without a route. Routes with equal pairs have one number. RUST_RCU_DEMO_IOC_ANSWERS returns the
 * pair. While @numbering is the same, each number keeps its pair. So a program can keep the pairs,
 * and call ANSWERS once for each number. If a number gets another pair during the call, the call
 * ends early, as with a signal. So one numbering applies to all its answers.
 *
 * A lookup with a @count of 0 returns @generation and @numbering without waiting.
 */
struct rust_rcu_demo_lookup {
	__aligned_u64 addresses;
	__aligned_u64 routes;
	__u32 count;
	__u32 done;
	__u32 flags;
	__u32 reserved;
	__aligned_u64 generation;
	__aligned_u64 numbering;
};

/**
 * struct rust_rcu_demo_answers - ask for the next hops and metrics of numbers
 * @numbers:   in: pointer to an array of __u32 that LOOKUP has returned
 * @routes:    in: pointer to an array of struct rust_rcu_demo_route, which the kernel writes: type,
 *             gateway, device and metric, all else zero; an unknown number is all zero
 * @count:     in: number of elements of both arrays; more than max_lookups is EINVAL
 * @done:      out: number of numbers answered
 * @flags:     in: must be zero
 * @reserved:  must be zero
 * @numbering: out: the numbering of the answers
 *
 * The answer has the type RUST_RCU_DEMO_TYPE_OBJECT if the routes have a next-hop object or several
 * next hops. LOOKUP without RUST_RCU_DEMO_LOOKUP_NUMBERS returns the next hop itself.
 *
 * If @numbering differs from that of the lookup, a number may have another pair now: look up again.
 * The call ends early as LOOKUP does. It waits for updaters, unlike LOOKUP. If a signal kills the
 * process, it fails with EINTR.
 */
struct rust_rcu_demo_answers {
	__aligned_u64 numbers;
	__aligned_u64 routes;
	__u32 count;
	__u32 done;
	__u32 flags;
	__u32 reserved;
	__aligned_u64 numbering;
};

/* The key has a metric. Without the flag @metric must be zero. */
#define RUST_RCU_DEMO_KEY_METRIC	(1U << 0)

/**
 * struct rust_rcu_demo_key - the key of a route
 * @dst:        network address of the prefix; host bits must be zero
 * @prefix_len: length of the prefix
 * @flags:      RUST_RCU_DEMO_KEY_METRIC or zero
 * @reserved:   must be zero
 * @metric:     metric of the route
 */
struct rust_rcu_demo_key {
	struct rust_rcu_demo_address dst;
	__u8 prefix_len;
	__u8 flags;
	__u16 reserved;
	__u32 metric;
};

/* For DUMP: copies only the routes with exactly the prefix of @select. */
#define RUST_RCU_DEMO_DUMP_PREFIX	(1U << 0)

/**
 * struct rust_rcu_demo_dump - copy the table
 * @routes:     in: pointer to an array of struct rust_rcu_demo_route, which the kernel writes
 * @count:      in: number of elements of the array; more than max_lookups is EINVAL
 * @done:       out: number of routes written
 * @flags:      in: RUST_RCU_DEMO_DUMP_PREFIX or zero
 * @more:       out: 1 if routes may follow, 0 at the end of the dump
 * @select:     in: with RUST_RCU_DEMO_DUMP_PREFIX the prefix, without a metric; else the family in
 *              @dst, AF_UNSPEC for both, and all else zero
 * @after:      in: all zero to begin a dump; out: the key of the last route
 * @generation: out: the generation of the table when the dump began; in: as returned, to continue
 * @latest:     out: the generation of the table at the last route of this call
 *
 * The routes are in the order of "show". To continue, call again with the returned structure. A
 * route that is in the table throughout the dump appears exactly once. Updaters run between two
 * pieces of 128 routes. If @latest equals @generation at the end of the dump, the table did not
 * change during the dump. The routes are then those of this generation.
 *
 * A route with a next-hop object or several next hops has the type RUST_RCU_DEMO_TYPE_OBJECT, as in
 * GET. "show" prints its next hops.
 *
 * A signal ends the call early, and the call succeeds; each call copies at least one piece. A bad
 * pointer is EFAULT; a call with the returned structure continues the dump. If a signal kills the
 * process, the call fails with EINTR.
 */
struct rust_rcu_demo_dump {
	__aligned_u64 routes;
	__u32 count;
	__u32 done;
	__u32 flags;
	__u32 more;
	struct rust_rcu_demo_key select;
	struct rust_rcu_demo_key after;
	__aligned_u64 generation;
	__aligned_u64 latest;
};

/**
 * struct rust_rcu_demo_get - get the routes of keys
 * @keys:     in: pointer to an array of struct rust_rcu_demo_key
 * @routes:   in: pointer to an array of struct rust_rcu_demo_route, which the kernel writes; an
 *            element is all zero (RUST_RCU_DEMO_TYPE_NONE) if no route has its key
 * @count:    in: number of elements of both arrays; more than max_lookups is EINVAL
 * @done:     out: number of keys answered, also if a later key is invalid
 * @flags:    in: must be zero
 * @reserved: must be zero
 *
 * A key without RUST_RCU_DEMO_KEY_METRIC gets the route with the lowest metric of its prefix. The
 * call ends early and fails as LOOKUP does. It waits for updaters, unlike LOOKUP. If a signal kills
 * the process, it fails with EINTR.
 */
struct rust_rcu_demo_get {
	__aligned_u64 keys;
	__aligned_u64 routes;
	__u32 count;
	__u32 done;
	__u32 flags;
	__u32 reserved;
};

/* Verbs of operations: the commands of the text protocol, and their errors. */
#define RUST_RCU_DEMO_ADD	1	/* EEXIST if a route has that prefix and metric */
#define RUST_RCU_DEMO_CHANGE	2	/* ENOENT if no route has them */
#define RUST_RCU_DEMO_REPLACE	3	/* replaces the route, or adds it */
#define RUST_RCU_DEMO_DEL	4	/* ESRCH if there is no such route */
#define RUST_RCU_DEMO_FLUSH	5	/* all routes, or those of a family */

/* For DEL: deletes the route with this metric; without the flag, the one with the lowest. */
#define RUST_RCU_DEMO_DEL_METRIC	(1U << 0)

/**
 * struct rust_rcu_demo_operation - a change of the table
 * @verb:  RUST_RCU_DEMO_ADD and so on
 * @flags: RUST_RCU_DEMO_DEL_METRIC or zero
 * @route: ADD, CHANGE, REPLACE: the route.
 *         DEL: the prefix. The metric must be zero without RUST_RCU_DEMO_DEL_METRIC. With
 *         RUST_RCU_DEMO_TYPE_NONE the route may be of any type; else type, gateway and device must
 *         match. A gateway without device matches any device, and a device without gateway any
 *         gateway.
 *         FLUSH: the family of @dst, AF_UNSPEC for both families. All else must be zero.
 */
struct rust_rcu_demo_operation {
	__u32 verb;
	__u32 flags;
	struct rust_rcu_demo_route route;
};

/* Makes all changes or none. Readers see all of them or none. */
#define RUST_RCU_DEMO_UPDATE_ATOMIC	(1U << 0)

/**
 * struct rust_rcu_demo_update - change the table
 * @operations: in: pointer to an array of struct rust_rcu_demo_operation
 * @count:      in: number of elements; more than max_operations is EINVAL
 * @flags:      in: RUST_RCU_DEMO_UPDATE_ATOMIC or zero
 * @done:       out: number of operations that took effect
 * @failed:     out: index of the operation that failed, from 0, if @error is not zero
 * @error:      out: errno (positive) of that operation, or zero
 * @reserved:   must be zero
 *
 * Without ATOMIC, operations take effect in order, and readers may see several of them at once. The
 * first failure ends the call. A signal ends the call early, and the call succeeds. If @done is
 * less than @count, call again with the rest; each call completes at least one operation.
 *
 * With ATOMIC, @done is @count or 0. Only a signal that kills the process ends the call: EINTR.
 *
 * If an operation fails, the call fails with its errno, and returns @done, @failed and @error. Set
 * @error to zero before the call: it stays zero if the call itself fails.
 *
 * If a transaction is open on this file (see RUST_RCU_DEMO_IOC_BEGIN), the operations join it, and
 * @done counts those that did. ATOMIC is then EBUSY.
 */
struct rust_rcu_demo_update {
	__aligned_u64 operations;
	__u32 count;
	__u32 flags;
	__u32 done;
	__u32 failed;
	__u32 error;
	__u32 reserved;
};

/* Builds a new table; the commit replaces the whole table by the new one. */
#define RUST_RCU_DEMO_BEGIN_RELOAD	(1U << 0)

/**
 * struct rust_rcu_demo_begin - open a transaction on this file
 * @flags:    in: RUST_RCU_DEMO_BEGIN_RELOAD or zero
 * @reserved: must be zero
 *
 * Later changes through this file, by UPDATE or in text, take effect together at the commit. A
 * transaction collects operations, and an operation that fails makes the commit fail. A reload
 * applies each operation to the new table and reports its error immediately; it is the fastest way
 * to load a table.
 *
 * EBUSY if a transaction is open. Closing the file aborts the transaction; the last close() then
 * fails with EINVAL.
 */
struct rust_rcu_demo_begin {
	__u32 flags;
	__u32 reserved;
};

/**
 * struct rust_rcu_demo_commit - commit the transaction of this file
 * @flags:    in: must be zero
 * @failed:   out: index of the operation that failed, if @error is not zero; from 0, in the order
 *            in which UPDATEs and lines added the operations
 * @error:    out: errno (positive) of that operation, or zero
 * @reserved: must be zero
 *
 * If an operation fails, the call fails with its errno, changes nothing, and returns @failed and
 * @error. Set @error to zero before the call, as for UPDATE. The commit of a reload can only fail
 * as a whole: ENOSPC if the new table has more routes than the limit. If the arguments are valid
 * and the caller has the permission, the commit ends the transaction even if it fails. EINVAL if
 * no transaction is open.
 */
struct rust_rcu_demo_commit {
	__u32 flags;
	__u32 failed;
	__u32 error;
	__u32 reserved;
};

/**
 * struct rust_rcu_demo_stats - the figures of the command "stats"
 * @routes_inet:       IPv4 routes
 * @routes_inet6:      IPv6 routes
 * @next_hops:         distinct pairs of next hop and metric in use
 * @objects:           pages and nodes in use, and the roots of families with routes
 * @bytes:             memory of @objects, as the allocator rounds it, and of hidden routes
 * @generation:        changes since the table was created
 * @retired_objects:   objects that await reclaim
 * @retired_bytes:     memory of those objects
 * @reclaimed_objects: objects reclaimed since the module was loaded
 * @next_hop_bytes:    memory of the next hops
 * @copied_bytes:      memory that changes have written since the table was created
 * @unchanged:         replaces by an equal route, which change nothing; version 1 lacks this field
 * @nexthop_objects:   next-hop objects; routes with equal next hops of their own count as one;
 *                     version 2 lacks this field
 */
struct rust_rcu_demo_stats {
	__aligned_u64 routes_inet;
	__aligned_u64 routes_inet6;
	__aligned_u64 next_hops;
	__aligned_u64 objects;
	__aligned_u64 bytes;
	__aligned_u64 generation;
	__aligned_u64 retired_objects;
	__aligned_u64 retired_bytes;
	__aligned_u64 reclaimed_objects;
	__aligned_u64 next_hop_bytes;
	__aligned_u64 copied_bytes;
	__aligned_u64 unchanged;
	__aligned_u64 nexthop_objects;
};

/**
 * struct rust_rcu_demo_file_stats - what has been done through this open file
 * @lookups:       addresses that LOOKUP, FLOWS and "get" looked up
 * @routes:        elements that DUMP, GET and ANSWERS returned, also those without a route
 * @changes:       operations and lines of changes that took effect or joined a transaction
 * @bytes_read:    bytes that read() returned
 * @bytes_written: bytes that write() accepted
 *
 * Duplicates of a descriptor share one open file. The call never waits.
 */
struct rust_rcu_demo_file_stats {
	__aligned_u64 lookups;
	__aligned_u64 routes;
	__aligned_u64 changes;
	__aligned_u64 bytes_read;
	__aligned_u64 bytes_written;
};

/* rust_rcu_demo_wait.timeout_ms limits the wait */
#define RUST_RCU_DEMO_WAIT_TIMEOUT	(1U << 0)

/**
 * struct rust_rcu_demo_wait - wait until the table changes
 * @generation: in: the generation that the caller knows; out: the generation of the table
 * @timeout_ms: in: the limit in ms; no limit from 2^31 on; zero without RUST_RCU_DEMO_WAIT_TIMEOUT
 * @flags:      in: RUST_RCU_DEMO_WAIT_TIMEOUT or zero
 * @reserved:   must be zero
 *
 * Returns when the generation of the table differs from @generation, at once if it differs already.
 * Each change of a route or of a next-hop object adds one to the generation. So does a transaction,
 * a reload, or a flush of routes. Fails with ETIMEDOUT after the limit, and with EINTR if a signal
 * ends the wait. If an update runs when the call begins, the call waits for its end even beyond the
 * limit. If the file has O_NONBLOCK, fails with EAGAIN instead of waiting. Requires no capability.
 * To read the generation without a wait, pass one that the table cannot have, such as ~0ULL.
 */
struct rust_rcu_demo_wait {
	__aligned_u64 generation;
	__u32 timeout_ms;
	__u32 flags;
	__aligned_u64 reserved;
};

/**
 * struct rust_rcu_demo_flow - a flow of packets
 * @address: the destination
 * @hash:    a hash of the flow, such as one of addresses and ports. The weights of the next hops
 *           divide the 2^32 hashes among them.
 */
struct rust_rcu_demo_flow {
	struct rust_rcu_demo_address address;
	__u32 hash;
};

/**
 * struct rust_rcu_demo_flows - look up the routes that serve flows
 * @flows:    in: pointer to an array of struct rust_rcu_demo_flow
 * @routes:   in: pointer to an array of struct rust_rcu_demo_route, which the kernel writes, as for
 *            LOOKUP
 * @count:    in: number of elements of both arrays; more than max_lookups is EINVAL
 * @done:     out: number of flows looked up, also if a later element is invalid
 * @flags:    in: must be zero
 * @reserved: must be zero
 *
 * The call works as RUST_RCU_DEMO_IOC_LOOKUP does, but @hash selects the next hop of a group and of
 * a multipath route. LOOKUP uses a hash of the address.
 */
struct rust_rcu_demo_flows {
	__aligned_u64 flows;
	__aligned_u64 routes;
	__u32 count;
	__u32 done;
	__u32 flags;
	__u32 reserved;
};

#define RUST_RCU_DEMO_IOC_MAGIC 0xD2

#define RUST_RCU_DEMO_IOC_INFO	 _IOR(RUST_RCU_DEMO_IOC_MAGIC, 0, struct rust_rcu_demo_info)
#define RUST_RCU_DEMO_IOC_LOOKUP _IOWR(RUST_RCU_DEMO_IOC_MAGIC, 1, struct rust_rcu_demo_lookup)
#define RUST_RCU_DEMO_IOC_UPDATE _IOWR(RUST_RCU_DEMO_IOC_MAGIC, 2, struct rust_rcu_demo_update)
#define RUST_RCU_DEMO_IOC_STATS	 _IOR(RUST_RCU_DEMO_IOC_MAGIC, 3, struct rust_rcu_demo_stats)
#define RUST_RCU_DEMO_IOC_BEGIN	 _IOW(RUST_RCU_DEMO_IOC_MAGIC, 4, struct rust_rcu_demo_begin)
#define RUST_RCU_DEMO_IOC_COMMIT _IOWR(RUST_RCU_DEMO_IOC_MAGIC, 5, struct rust_rcu_demo_commit)
/* Aborts the transaction of this file; EINVAL if no transaction is open. */
#define RUST_RCU_DEMO_IOC_ABORT	 _IO(RUST_RCU_DEMO_IOC_MAGIC, 6)
#define RUST_RCU_DEMO_IOC_WAIT	 _IOWR(RUST_RCU_DEMO_IOC_MAGIC, 7, struct rust_rcu_demo_wait)
#define RUST_RCU_DEMO_IOC_DUMP	 _IOWR(RUST_RCU_DEMO_IOC_MAGIC, 8, struct rust_rcu_demo_dump)
#define RUST_RCU_DEMO_IOC_GET	 _IOWR(RUST_RCU_DEMO_IOC_MAGIC, 9, struct rust_rcu_demo_get)
#define RUST_RCU_DEMO_IOC_ANSWERS _IOWR(RUST_RCU_DEMO_IOC_MAGIC, 10, struct rust_rcu_demo_answers)
#define RUST_RCU_DEMO_IOC_FILE_STATS \
	_IOR(RUST_RCU_DEMO_IOC_MAGIC, 11, struct rust_rcu_demo_file_stats)
#define RUST_RCU_DEMO_IOC_FLOWS	 _IOWR(RUST_RCU_DEMO_IOC_MAGIC, 12, struct rust_rcu_demo_flows)

#endif /* _UAPI_RUST_RCU_DEMO_H */
