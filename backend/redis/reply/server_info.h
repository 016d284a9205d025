/*
 * Reads what a server says about itself: the text of INFO, the answer of status.lua that has it, and CONFIG GET. Any
 * program may answer in place of a server, so a value that no Redis or Valkey gives is taken as not known.
 */
#ifndef BACKEND_REDIS_REPLY_SERVER_INFO_H
#define BACKEND_REDIS_REPLY_SERVER_INFO_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVER_WORD_MAX 48 /* bytes of a word in INFO, its NUL included */

enum server_role { ROLE_UNKNOWN, ROLE_PRIMARY, ROLE_REPLICA };

/* Numbers that are not known are -1, words "". */
struct server_info {
	const char *product;          /* `Redis` or `Valkey`; lives for ever */
	char version[SERVER_WORD_MAX];
	char run_id[SERVER_WORD_MAX]; /* changes with each start of the server */
	enum server_role role;
	int64_t replicas;             /* that are connected to a primary */
	int64_t replicas_in_sync;     /* of these, online and at most 1 s behind */
	int64_t appends;              /* 1: it writes an append-only file; 0: it does not */
	int64_t memory_most;          /* maxmemory in bytes; 0: no limit */
	int64_t memory_used;          /* bytes */
	char policy[SERVER_WORD_MAX]; /* maxmemory-policy */
};

/* Reads sections of INFO. `text` has `size` bytes and then a NUL. */
void server_info_parse(const char *text, size_t size, struct server_info *ret);

/* The answer of status.lua. */
struct server_reply {
	struct server_info info;
	int64_t time_us;      /* the server's clock, since the epoch */
	int64_t mounts_asked; /* other mounts that were asked to answer; -1: the server does not say which there are */
};

/* Returns 0 or -EPROTO. */
int reply_server(const redisReply *reply, struct server_reply *ret);

/* Returns the value in an answer to CONFIG GET of one setting; NULL if the answer has none. It lives as long as the reply. */
const char *reply_config(const redisReply *reply);

#endif
