/*
 * How much each user has of what a daemon has for all of them, so that no user takes
 * all of it. Root, and whoever the daemon runs as, may have any amount.
 */
#ifndef BACKEND_UTIL_QUOTA_H
#define BACKEND_UTIL_QUOTA_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct quota_user;

/* All but the last three are set by its owner; all zero allows any amount. */
struct quota {
	size_t most;        /* for each user; 0: any amount */
	uid_t self;         /* whom the daemon runs as */
	int error;          /* what is answered beyond it, negative */
	const char *what;   /* in the line that people are told: "waiting calls", */
	const char *option; /* and the option that allows more */
	const char *advice; /* what allows more, as a sentence, if no option does; else NULL */
	int64_t pause_ns;   /* so long a user is not told of again, who may come back to it each moment */
	void (*on_full)(void *ctx, const char *line); /* told once, until the user has half of it or less */
	void *ctx;
	struct quota_user *users; /* who has something */
	uid_t told_uid;           /* of whom people were told last, */
	int64_t told_ns;          /* and when, on CLOCK_BOOTTIME; 0: of nobody */
};

/* Takes some for a user. Returns 0, `error`, or -ENOMEM; then nothing was taken. */
int quota_take(struct quota *quota, uid_t uid, size_t amount);

/* Gives back what was taken. */
void quota_give(struct quota *quota, uid_t uid, size_t amount);

/* What memory of this size takes of the machine's, with what the allocator adds. */
size_t quota_bytes(size_t size);

/* Forgets what is taken still. */
void quota_free(struct quota *quota);

#endif
