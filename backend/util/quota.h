/*
 * How much each user has of something that the daemon has for all of them, so that no user takes all of
 * it. Root and the user that the daemon runs as have no limit.
 */
#ifndef BACKEND_UTIL_QUOTA_H
#define BACKEND_UTIL_QUOTA_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct user_entry;

/* The owner sets all members but the last three. A quota that is all zero has no limit. */
struct quota {
	size_t most;        /* limit for each user; 0: no limit */
	uid_t self;         /* the user that the daemon runs as */
	int error;          /* negative errno for a request beyond the limit */
	const char *what;   /* what is counted, in the line for people: "waiting calls" */
	const char *option; /* option that sets the limit, in the line for people */
	const char *advice; /* sentence that says how to raise the limit if no option does; else NULL */
	int64_t pause_ns;   /* least time between two lines about the same user */
	void (*on_full)(void *ctx, const char *line); /* called once, until the user has half of the limit or less */
	void *ctx;          /* first argument of on_full */
	struct user_entry *users; /* users that have something */
	uid_t noticed_uid;        /* user of the last line */
	int64_t noticed_ns;       /* time of the last line, on CLOCK_BOOTTIME; 0: there was none */
};

/* Takes an amount for a user. Returns 0, or `error` or -ENOMEM with nothing taken. */
int quota_take(struct quota *quota, uid_t uid, size_t amount);

/* Gives back an amount that quota_take() took for a user. */
void quota_give(struct quota *quota, uid_t uid, size_t amount);

/* Returns the bytes of an allocation of `size` bytes, with what the allocator adds. */
size_t quota_bytes(size_t size);

/* Frees the memory of the quota, whatever users still have. */
void quota_free(struct quota *quota);

#endif
