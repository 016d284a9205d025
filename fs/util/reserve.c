#include "fs/util/reserve.h"

#include <errno.h>
#include <stdlib.h>
#include <syslog.h>

#include "backend/util/clock.h"
#include "fs/util/log.h"

/* So often it is tried to have it back, also where nobody asks for more. */
#define TRY_NS NS_PER_S

/* Not more often, as one user can bring it about and end it. */
#define TELL_NS (60 * NS_PER_S)

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

/* Only where there is as much again, so that it is not given up by the next request. */
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

static void tell(struct reserve *reserve)
{
	int64_t now_ns = boot_ns();

	if (reserve->told_ns && now_ns - reserve->told_ns < TELL_NS)
		return;
	reserve->told_ns = now_ns;
	log_line(LOG_ERR,
		"memory is short: new locks, waiters, open files, views and listings are refused with ENOMEM, locks are "
		"released and renewed. Let the daemon have more (ulimit -v, MemoryMax=), or users less (user_memory=)");
}

/* Can another block be had? Then whatever one request needs can. */
static bool has_room(void)
{
	/* Volatile, as the compiler may leave out what is freed unused. */
	void *volatile block = malloc(RESERVE_BLOCK_SIZE);
	bool found = block;

	free(block);
	return found;
}

static void give_up(struct reserve *reserve)
{
	reserve->given_up = true;
	drop(reserve->blocks);
	tell(reserve);
}

void reserve_prepare(struct reserve *reserve)
{
	int64_t now_ns;

	if (!reserve->given_up) {
		if (!has_room())
			give_up(reserve);
		return;
	}
	now_ns = boot_ns();
	if (now_ns - reserve->tried_ns < TRY_NS)
		return;
	reserve->tried_ns = now_ns;
	reserve->given_up = !take_back(reserve);
}

int reserve_check(struct reserve *reserve)
{
	if (reserve->given_up)
		reserve->given_up = !take_back(reserve);
	return reserve->given_up ? -ENOMEM : 0;
}
