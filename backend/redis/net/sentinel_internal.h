/* What sentinel.c and sentinel_hearing.c share. No other file includes this. */
#ifndef BACKEND_REDIS_NET_SENTINEL_INTERNAL_H
#define BACKEND_REDIS_NET_SENTINEL_INTERNAL_H

#include <uv.h>

#include "backend/redis/net/finder.h"
#include "backend/redis/net/resolver.h"

#define SENTINELS_MAX REDIS_ADDRESSES_MAX

enum vote { VOTE_NONE, VOTE_ADDRESS, VOTE_UNKNOWN, VOTE_FAILED };

enum purpose {
	PURPOSE_NONE,   /* nobody is asked */
	PURPOSE_SEARCH, /* the calls have no server */
	PURPOSE_CHECK,  /* they have one, and it may be the wrong one */
	PURPOSE_POLL,   /* one Sentinel is asked */
};

struct sentinel {
	struct sentinels *all;
	struct redis_address address;
	struct redis_url url;       /* of `hearing` */
	struct connection *hearing; /* hears of switches; NULL: not made */
	char ip[RESOLVER_ADDRESS_SIZE]; /* to which it was connected last, or "" */
	bool is_double;             /* another entry means the same Sentinel */
	struct question *question;  /* NULL: it is not asked */
	enum vote vote;
	struct redis_address named; /* of VOTE_ADDRESS */
	char problem[FINDER_PROBLEM_MAX]; /* of VOTE_FAILED */
};

struct sentinels {
	struct finder base;
	const char *ask[3];         /* the words of the question */
	char *user, *password;      /* of the Sentinels, or NULL */
	enum purpose purpose;
	bool is_started;
	uv_timer_t limit;           /* of a search or check */
	uv_timer_t poll;
	size_t polled;              /* index of the next Sentinel to be polled */
	size_t count;
	struct sentinel each[SENTINELS_MAX];
};

/* Does the entry mean the Sentinel at this address? A host name does if it was connected to that address last. */
bool sentinel_means(const struct sentinel *sentinel, const struct redis_address *address);

/* Makes the connection that hears of switches, and of other Sentinels. */
void sentinel_hear(struct sentinel *sentinel);

/* Adds an entry, unless there is one or no room, and makes it hear if the mount has started. */
void sentinels_add(struct sentinels *sentinels, const struct redis_address *address);

#endif
