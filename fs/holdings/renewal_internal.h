#ifndef FS_HOLDINGS_RENEWAL_INTERNAL_H
#define FS_HOLDINGS_RENEWAL_INTERNAL_H

#include "backend/util/heap.h"
#include "fs/holdings/renewal.h"

/* A lease is renewed when this part of it has passed. */
#define RENEW_PART 3

#define NO_DEADLINE INT64_MAX

struct renewal {
	struct renewals *renewals;
	uint64_t token;
	int64_t ttl_ms;
	int64_t deadline_ns; /* CLOCK_BOOTTIME, from when it is lost; or NO_DEADLINE */
	int64_t renew_ns;    /* when it is renewed next */
	bool timed;
	struct heap_item due;
	bool ended;
	bool overrun;        /* lost by the clock alone: the backend may have it still */
	bool renewing;       /* a renewal is under way */
	unsigned int calls;  /* under way, that one among them */
	bool released;       /* the file has gone: it is released when none is */
	int signal;
	struct signal_recipient *recipient; /* that the signal is sent to; NULL: none */
	uid_t uid;           /* of who acquired it: the signal is sent with this user's rights, and renewals count for it */
	size_t counted; /* a minute, that are counted; fewer than there are where that was refused */
	int64_t pause_ms;    /* before the next release, where one failed; 0: none did */
	backend_done *done;  /* of renewal_release() */
	void *ctx;
	struct renewal *prev, *next;
	struct lock_claim claim;
	char *key;           /* behind the id */
	char id[];
};

static inline bool renewal_is_bound(const struct renewal *renewal)
{
	return !renewal->ended && !renewal->released;
}

/* Returns 0, or what the quota says, and then as many are counted as before. */
int renewal_quota_take(struct renewal *renewal, int64_t ttl_ms);

void renewal_quota_give(struct renewal *renewal);

#endif
