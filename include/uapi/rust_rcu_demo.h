/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The ioctls of /dev/rust_rcu_demo: what its text lines do, for programs that do much of it.
 *
 * Rules that hold for all of them:
 *
 * - Layout: fields have fixed width and natural alignment, padding is explicit. 32-bit and 64-bit
 *   callers use the same structures and the same numbers. Pointers are carried in a __u64.
 * - Extension: structures that an ioctl number carries the size of may grow at their end. A caller
 *   whose structure is larger than the kernel's is served if what the kernel does not know is zero
 *   (E2BIG otherwise); a caller whose structure is smaller, down to that of version 1, is served as
 *   if the rest were zero. Smaller than that is EINVAL. What the kernel returns is cut or filled up
 *   with zeros in the same way.
 * - The elements of arrays do not grow; other elements will come with a flag that asks for them.
 * - Unknown flags, and reserved fields that are not zero, are EINVAL. Reserved fields are returned as
 *   zero. An unknown ioctl is ENOTTY.
 * - The ioctls leave what the file reads as alone.
 * - Changes need CAP_NET_ADMIN, both of who opened the file and of who calls: EPERM otherwise.
 */
#ifndef _UAPI_RUST_RCU_DEMO_H
#define _UAPI_RUST_RCU_DEMO_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* What rust_rcu_demo_info.version is for this header. */
#define RUST_RCU_DEMO_VERSION 1

/**
 * struct rust_rcu_demo_address - an IPv4 or IPv6 address, or none
 * @family:   AF_INET (2), AF_INET6 (10), or AF_UNSPEC (0) for none
 * @reserved: zero
 * @bytes:    in network order; an IPv4 address in the first four, the others zero
 */
struct rust_rcu_demo_address {
	__u8 family;
	__u8 reserved[3];
	__u8 bytes[16];
};

/* Length of a device name with its terminating zero: IFNAMSIZ. */
#define RUST_RCU_DEMO_DEV_SIZE 16

/* Types of routes: the values of RTN_UNICAST and so on in <linux/rtnetlink.h>. */
#define RUST_RCU_DEMO_TYPE_NONE		0
#define RUST_RCU_DEMO_TYPE_UNICAST	1
#define RUST_RCU_DEMO_TYPE_BLACKHOLE	6
#define RUST_RCU_DEMO_TYPE_UNREACHABLE	7
#define RUST_RCU_DEMO_TYPE_PROHIBIT	8

/**
 * struct rust_rcu_demo_route - a route
 * @dst:        network address of its prefix; host bits are EINVAL
 * @prefix_len: length of its prefix
 * @type:       RUST_RCU_DEMO_TYPE_*
 * @reserved:   zero
 * @metric:     among routes of one prefix, the lowest metric serves
 * @gateway:    AF_UNSPEC if there is none; its family may differ from that of @dst
 * @dev:        device name, empty if there is none; what follows the terminating zero is zero too
 *
 * A unicast route has a gateway, a device, or both; the other types have neither.
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
/* RUST_RCU_DEMO_UPDATE_ATOMIC; begin, commit and abort, in text as well */
#define RUST_RCU_DEMO_FEATURE_TRANSACTION	(1ULL << 3)
/* RUST_RCU_DEMO_BEGIN_RELOAD, and "begin reload" in text */
#define RUST_RCU_DEMO_FEATURE_RELOAD		(1ULL << 4)
/* poll() and its kin tell when there is something to read */
#define RUST_RCU_DEMO_FEATURE_POLL		(1ULL << 5)

/**
 * struct rust_rcu_demo_info - what the kernel knows and takes
 * @version:         RUST_RCU_DEMO_VERSION; a program needs to check @features only
 * @reserved:        zero
 * @features:        RUST_RCU_DEMO_FEATURE_*
 * @max_lookups:     the largest count for RUST_RCU_DEMO_LOOKUP
 * @max_operations:  the largest count for RUST_RCU_DEMO_UPDATE
 * @max_transaction: how many operations a transaction takes before it is committed; a reload takes
 *                   any number
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

/**
 * struct rust_rcu_demo_lookup - which routes serve these addresses
 * @addresses: in: pointer to an array of struct rust_rcu_demo_address
 * @routes:    in: pointer to an array of struct rust_rcu_demo_route that is written; where no route
 *             serves the address, all of it is zero: RUST_RCU_DEMO_TYPE_NONE
 * @count:     in: elements in both; more than max_lookups is EINVAL
 * @done:      out: how many were looked up; returned after an error in an element as well
 * @flags:     in: zero, as there are none yet
 * @reserved:  zero
 *
 * A signal ends the call early, and it succeeds: where @done is less than @count, call again with the
 * rest. At least one element is done each time. Each answer is right for some moment during the call;
 * changes and transactions made meanwhile may lie between two of them.
 *
 * An element that is no address is EINVAL, an array that is not there EFAULT: @done elements have
 * been looked up before it.
 */
struct rust_rcu_demo_lookup {
	__aligned_u64 addresses;
	__aligned_u64 routes;
	__u32 count;
	__u32 done;
	__u32 flags;
	__u32 reserved;
};

/* What an operation does: the words of the text protocol, and their errors. */
#define RUST_RCU_DEMO_ADD	1	/* EEXIST if a route has that prefix and metric */
#define RUST_RCU_DEMO_CHANGE	2	/* ENOENT if none has */
#define RUST_RCU_DEMO_REPLACE	3	/* either */
#define RUST_RCU_DEMO_DEL	4	/* ESRCH if there is no such route */
#define RUST_RCU_DEMO_FLUSH	5	/* all routes, or those of a family */

/* For DEL: only the route with this metric; without it, the one with the lowest. */
#define RUST_RCU_DEMO_DEL_METRIC	(1U << 0)

/**
 * struct rust_rcu_demo_operation - one change
 * @verb:  RUST_RCU_DEMO_ADD and so on
 * @flags: RUST_RCU_DEMO_DEL_METRIC or zero
 * @route: ADD, CHANGE, REPLACE: the route.
 *         DEL: the prefix; the metric, with RUST_RCU_DEMO_DEL_METRIC, else zero; and either
 *         RUST_RCU_DEMO_TYPE_NONE for a route of any type, or type, gateway and device that the route
 *         must have; a gateway alone names it on any device, a device alone with any gateway.
 *         FLUSH: all zero but the family of @dst, which is AF_UNSPEC for both.
 */
struct rust_rcu_demo_operation {
	__u32 verb;
	__u32 flags;
	struct rust_rcu_demo_route route;
};

/* Make all the changes or none; readers see all of them or none. */
#define RUST_RCU_DEMO_UPDATE_ATOMIC	(1U << 0)

/**
 * struct rust_rcu_demo_update - change the table
 * @operations: in: pointer to an array of struct rust_rcu_demo_operation
 * @count:      in: elements in it; more than max_operations is EINVAL
 * @flags:      in: RUST_RCU_DEMO_UPDATE_ATOMIC or zero
 * @done:       out: how many operations have happened
 * @failed:     out: which one failed, counted from 0, if @error is not zero
 * @error:      out: its errno (positive), or zero
 * @reserved:   zero
 *
 * Without ATOMIC: operations happen one by one, and the first that fails ends the call. A signal ends
 * it early, and it succeeds: where @done is less than @count, call again with the rest. At least one
 * operation happens each time.
 *
 * With ATOMIC: @done is @count or 0, and no signal ends the call early.
 *
 * If an operation fails, the call fails with its errno, and @done, @failed and @error are returned.
 * To tell this from a failure of the call itself, pass @error as zero.
 *
 * While a transaction is open on this file (see RUST_RCU_DEMO_IOC_BEGIN), operations go into it; they
 * are done when it has taken them. ATOMIC is EBUSY then.
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

/* Build a new table aside, which replaces all there is at the commit. */
#define RUST_RCU_DEMO_BEGIN_RELOAD	(1U << 0)

/**
 * struct rust_rcu_demo_begin - open a transaction on this file
 * @flags:    in: RUST_RCU_DEMO_BEGIN_RELOAD or zero
 * @reserved: zero
 *
 * What UPDATE and text lines of this file change from now on takes effect at the commit, at once. A
 * transaction collects operations, and whether they can be made turns out at the commit; a reload
 * makes them in the new table, so that an error is seen at once. It is the fast way to load a table.
 *
 * EBUSY if one is open already. Closing the file aborts it, and close() then fails with EINVAL.
 */
struct rust_rcu_demo_begin {
	__u32 flags;
	__u32 reserved;
};

/**
 * struct rust_rcu_demo_commit - let the transaction of this file take effect
 * @flags:    in: zero, as there are none yet
 * @failed:   out: which operation failed, counted from 0 in the order in which they were given, if
 *            @error is not zero
 * @error:    out: its errno (positive), or zero
 * @reserved: zero
 *
 * If an operation fails, the call fails with its errno, nothing has changed, and @failed and @error are
 * returned. Pass @error as zero, as for UPDATE. A reload has been through that and can fail as a whole
 * only: ENOSPC if there are more routes than the table may hold. Once the arguments have been accepted,
 * the transaction is over either way. EINVAL if there is none.
 */
struct rust_rcu_demo_commit {
	__u32 flags;
	__u32 failed;
	__u32 error;
	__u32 reserved;
};

/**
 * struct rust_rcu_demo_stats - what "stats" shows, see there
 * @routes_inet:       IPv4 routes
 * @routes_inet6:      IPv6 routes
 * @next_hops:         different next hops in use
 * @objects:           nodes in use
 * @bytes:             their memory, as the allocator rounds it
 * @generation:        changes since the table was made
 * @retired_objects:   objects that wait for a grace period
 * @retired_bytes:     their memory
 * @reclaimed_objects: objects whose grace period has ended since the module was loaded
 * @next_hop_bytes:    the memory of the next hops
 * @copied_bytes:      memory written by changes since the table was made
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
};

#define RUST_RCU_DEMO_IOC_MAGIC 0xD2

#define RUST_RCU_DEMO_IOC_INFO	 _IOR(RUST_RCU_DEMO_IOC_MAGIC, 0, struct rust_rcu_demo_info)
#define RUST_RCU_DEMO_IOC_LOOKUP _IOWR(RUST_RCU_DEMO_IOC_MAGIC, 1, struct rust_rcu_demo_lookup)
#define RUST_RCU_DEMO_IOC_UPDATE _IOWR(RUST_RCU_DEMO_IOC_MAGIC, 2, struct rust_rcu_demo_update)
#define RUST_RCU_DEMO_IOC_STATS	 _IOR(RUST_RCU_DEMO_IOC_MAGIC, 3, struct rust_rcu_demo_stats)
#define RUST_RCU_DEMO_IOC_BEGIN	 _IOW(RUST_RCU_DEMO_IOC_MAGIC, 4, struct rust_rcu_demo_begin)
#define RUST_RCU_DEMO_IOC_COMMIT _IOWR(RUST_RCU_DEMO_IOC_MAGIC, 5, struct rust_rcu_demo_commit)
/* Forgets the transaction of this file; EINVAL if there is none. */
#define RUST_RCU_DEMO_IOC_ABORT	 _IO(RUST_RCU_DEMO_IOC_MAGIC, 6)

#endif /* _UAPI_RUST_RCU_DEMO_H */
