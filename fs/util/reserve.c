/* Allocates and frees the reserve, and tests by trial allocations whether memory is short. */
#include "fs/util/reserve.h"

#include <errno.h>
#include <stdlib.h>
#include <syslog.h>

#include "backend/util/clock.h"
#include "fs/util/log.h"

#define RETRY_NS NS_PER_S /* 1 s between attempts of reserve_prepare() to allocate the reserve again */

/* 60 s between messages, because one user can bring about and end a shortage at will. */
#define LOG_PAUSE_NS (60 * NS_PER_S)

static void drop(void **blocks)
{
	for (int i = 0; i < RESERVE_BLOCKS; i++) {
		free(blocks[i]);
		blocks[i] = NULL;
	}
}

static bool fill(void **blocks)
{
	for (int i = 0; i < RESERVE_BLOCKS; i++) {
		blocks[i] = malloc(RESERVE_BLOCK_SIZE);
		if (!blocks[i]) {
			drop(blocks);
			return false;
		}
	}
	return true;
}

int reserve_init(struct reserve *reserve)
{
	*reserve = (struct reserve){ 0 };
	return fill(reserve->blocks) ? 0 : -ENOMEM;
}

void reserve_free(struct reserve *reserve)
{
	drop(reserve->blocks);
}

/* Allocates the reserve again, but only if as much memory again is free: otherwise the next request would free it. */
static bool take_back(struct reserve *reserve)
{
	void *more[RESERVE_BLOCKS] = { NULL };

	if (!fill(reserve->blocks))
		return false;
	if (fill(more)) {
		drop(more);
		return true;
	}
	drop(reserve->blocks);
	return false;
}

static void log_shortage(struct reserve *reserve)
{
	int64_t now_ns = boot_ns();

	if (reserve->logged_ns && now_ns - reserve->logged_ns < LOG_PAUSE_NS)
		return;
	reserve->logged_ns = now_ns;
	log_line(LOG_ERR,
		"memory is short: new locks, waiters, open files, views and listings are refused with ENOMEM, locks are "
		"released and renewed. Let the daemon have more (ulimit -v, MemoryMax=), or users less (user_memory=)");
}

/* Can another block be allocated? It is larger than any single allocation of a request. */
static bool has_room(void)
{
	/* Volatile, because a compiler may remove an allocation that is freed unused. */
	void *volatile block = malloc(RESERVE_BLOCK_SIZE);
	bool found = block;

	free(block);
	return found;
}

static void release(struct reserve *reserve)
{
	reserve->is_freed = true;
	drop(reserve->blocks);
	log_shortage(reserve);
}

void reserve_prepare(struct reserve *reserve)
{
	int64_t now_ns;

	if (!reserve->is_freed) {
		if (!has_room())
			release(reserve);
		return;
	}
	now_ns = boot_ns();
	if (now_ns - reserve->retried_ns < RETRY_NS)
		return;
	reserve->retried_ns = now_ns;
	reserve->is_freed = !take_back(reserve);
}

int reserve_check(struct reserve *reserve)
{
	if (reserve->is_freed)
		reserve->is_freed = !take_back(reserve);
	return reserve->is_freed ? -ENOMEM : 0;
}
