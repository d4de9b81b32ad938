// SPDX-License-Identifier: GPL-2.0
/*
 * Times readers while all of them run, like scale/rendezvous.rs.
 *
 * Each reader is bound to its own CPU and starts when all have arrived. It times batches; a batch
 * in which it was preempted does not count. When it is done, it continues untimed until the last
 * reader is done.
 */

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "bench.h"

/* A reader yields its CPU after this many batches. */
#define YIELD_BATCHES 16
/* A waiting reader yields its CPU after this many spins. */
#define YIELD_SPINS 10000

struct reader {
	struct experiment *experiment;
	u32 number;
	struct task_struct *task;
	struct completion ended;
};

static void yield_cpu(u32 batches)
{
	if (batches % YIELD_BATCHES == 0)
		schedule();
}

static void rendezvous(struct experiment *experiment)
{
	u32 spins = 0;

	atomic_inc(&experiment->arrived);
	while (atomic_read(&experiment->arrived) < experiment->readers) {
		cpu_relax();
		if (++spins % YIELD_SPINS == 0)
			schedule();
	}
	/* Some readers may have been scheduled out when the last one arrived. */
	atomic_inc(&experiment->ready);
	while (atomic_read(&experiment->ready) < experiment->readers)
		cpu_relax();
}

static void time_batches(struct experiment *experiment, u32 reader)
{
	struct tally *tally = &experiment->tallies[reader];
	u64 start, end, preempted;
	u32 batch;

	tally->first = ktime_get_ns();
	for (batch = 0; batch < experiment->batches; batch++) {
		preempted = current->nivcsw;
		start = ktime_get_ns();
		experiment->pass(experiment, reader, batch);
		end = ktime_get_ns();
		if (current->nivcsw == preempted) {
			tally->time += end - start;
			tally->kept++;
		}
		yield_cpu(batch + 1);
	}
	tally->last = ktime_get_ns();
}

/* Keeps the load the same while other readers are timed. */
static void read_until_all_done(struct experiment *experiment, u32 reader)
{
	u32 batch = 0;

	atomic_inc(&experiment->done);
	while (atomic_read(&experiment->done) < experiment->readers) {
		experiment->pass(experiment, reader, batch++);
		yield_cpu(batch);
	}
}

static int read_all(void *data)
{
	struct reader *reader = data;
	struct experiment *experiment = reader->experiment;

	/* Warms the caches. */
	experiment->pass(experiment, reader->number, 0);
	rendezvous(experiment);
	time_batches(experiment, reader->number);
	read_until_all_done(experiment, reader->number);
	complete(&reader->ended);
	return 0;
}

static int create_reader(struct reader *reader, int cpu)
{
	init_completion(&reader->ended);
	reader->task = kthread_create(read_all, reader, "peers_reader");
	if (IS_ERR(reader->task))
		return PTR_ERR(reader->task);
	kthread_bind(reader->task, cpu);
	return 0;
}

/* Creates all readers without waking any: a running reader waits for all others. */
static int create_readers(struct experiment *experiment, struct reader *readers)
{
	u32 created = 0;
	int error = 0, cpu;

	for_each_online_cpu(cpu) {
		if (created == experiment->readers)
			break;
		readers[created].experiment = experiment;
		readers[created].number = created;
		error = create_reader(&readers[created], cpu);
		if (error)
			break;
		created++;
	}
	if (created == experiment->readers)
		return 0;
	/* A thread that was never woken does not run its function. */
	while (created--)
		kthread_stop(readers[created].task);
	/* If no creation failed, there are fewer online CPUs than readers. */
	return error ?: -ENXIO;
}

/* Runs all readers and waits for them. The caller has allocated and zeroed their tallies. */
int readers_run(struct experiment *experiment)
{
	struct reader *readers = kcalloc(experiment->readers, sizeof(*readers), GFP_KERNEL);
	int error;
	u32 i;

	if (!readers)
		return -ENOMEM;
	atomic_set(&experiment->arrived, 0);
	atomic_set(&experiment->ready, 0);
	atomic_set(&experiment->done, 0);
	/* A reader would move off a CPU that is unplugged, and starve behind another reader. */
	cpus_read_lock();
	error = create_readers(experiment, readers);
	for (i = 0; !error && i < experiment->readers; i++)
		wake_up_process(readers[i].task);
	for (i = 0; !error && i < experiment->readers; i++)
		wait_for_completion(&readers[i].ended);
	cpus_read_unlock();
	kfree(readers);
	return error;
}
