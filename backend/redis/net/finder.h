/*
 * What the ways to find the primary share: server_list.c, sentinel.c and cluster.c implement this for
 * primary.c, and no other file includes it.
 */
#ifndef BACKEND_REDIS_NET_FINDER_H
#define BACKEND_REDIS_NET_FINDER_H

#include "backend/redis/net/primary.h"
#include "backend/redis/net/question.h"

struct finder_ops;

#define FINDER_PROBLEM_MAX 512 /* bytes of why a server cannot be used, its NUL included */
#define FINDER_NAME_MAX 224    /* bytes of what is found, its NUL included */

/* The first member of each implementation. */
struct finder {
	const struct finder_ops *ops;
	struct primary *primary;
	const struct backend_config *config;
	const struct redis_url *source;
	struct tls_context *tls;
};

struct finder_ops {
	/* Starts a search. It ends by primary_found() or primary_not_found(), from the loop, unless stop() comes first. */
	void (*find)(struct finder *finder);
	void (*stop)(struct finder *finder); /* the search, if there is one, is given up */
	void (*start)(struct finder *finder); /* the mount starts: listen for changes, if there is somebody to listen to */
	void (*on_ready)(struct finder *finder); /* the calls are at the server that was found */

	enum refusal (*judge)(struct finder *finder, const char *text); /* as in struct connection_guide */

	void (*close)(struct finder *finder); /* ends everything */
	void (*free)(struct finder *finder);  /* nothing uses the memory any more */
	void (*describe)(const struct finder *finder, char text[FINDER_NAME_MAX]); /* what is found, for people: `the primary of NAME` */
	bool checks_role; /* what is found must be a primary */
};

/* They return NULL if there is no memory. */
struct finder *server_list_new(const struct finder *base);
struct finder *sentinel_new(const struct finder *base);
struct finder *cluster_new(const struct finder *base);

/* Results of find(). */
void primary_found(struct primary *primary, const struct redis_address *address);
void primary_not_found(struct primary *primary, int status, const char *problem);

/* The primary is at this address now: leaves the present server, if it is another one, and tries this one first. */
void primary_move(struct primary *primary, const struct redis_address *address);

/* The next attempt goes to this address, without a search. */
void primary_try_next(struct primary *primary, const struct redis_address *address);

/* The server at which the calls are; NULL: none. */
const struct redis_address *primary_present(const struct primary *primary);

/* The server that was found last. */
const struct redis_address *primary_last(const struct primary *primary);

/* The judgement where one server is primary and others replicate it. */
enum refusal finder_judge_replica(struct finder *finder, const char *text);

/* The connection for calls. */
struct connection *primary_calls(const struct primary *primary);

/* Count a handle or a question that uses the finder's memory; `ctx` is the primary. */
void primary_hold(struct primary *primary);
void primary_let_go(void *ctx);

/* Makes a timer that counts as such a handle, and closes it. */
void primary_timer_init(struct primary *primary, uv_timer_t *timer);
void primary_timer_close(uv_timer_t *timer);

/* Fills in what is common to the questions of all finders; the caller adds the command. The servers' own user and password. */
struct question_form finder_question(const struct finder *finder);

/* Asks, and counts the question. Returns NULL if there is no memory. */
struct question *finder_ask(const struct finder *finder, const struct question_form *form, const struct redis_address *address,
                            question_answered *answered, void *ctx);

/* How long a search may take, in ms: less than the attempt of the connection for calls. */
int64_t finder_limit_ms(const struct finder *finder);

/* How long those who were asked may take if one of them has answered, in ms. */
int64_t finder_others_ms(const struct finder *finder);

#endif
