/*
 * One line of the trace (`lockfs -d`) while it is made up.
 *
 * No secret may get into a line: an id proves holding, so trace_add_secret() shows its beginning
 * only, and nothing here prints an id or an identity in any other way. Keys and names may have any
 * bytes; on_trace escapes them, as in every line for people.
 */
#ifndef BACKEND_UTIL_TRACE_LINE_H
#define BACKEND_UTIL_TRACE_LINE_H

#include <stddef.h>
#include <stdint.h>

struct dir_info;
struct lock;
struct lock_claim;
struct lock_holder;
struct holding_match;

/* Bytes of a line, its NUL included; what does not fit is cut off. */
#define TRACE_LINE_MAX 640

struct trace_line {
	char text[TRACE_LINE_MAX];
	size_t length; /* without the NUL */
};

void trace_add(struct trace_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ` team/job`; ` /` for the root. A long key is cut off, and ends in `…`. */
void trace_add_key(struct trace_line *line, const char *key);

/* ` NAME=3f9a…`: the first 4 characters, and never more than half of a short one. Nothing for NULL or "". */
void trace_add_secret(struct trace_line *line, const char *name, const char *secret);

/* ` id=3f9a…`, or the identity of a claim without an id; nothing for NULL. */
void trace_add_claim(struct trace_line *line, const struct lock_claim *claim);

/* ` token=7`, or ` token=any`. */
void trace_add_match(struct trace_line *line, struct holding_match match);

/* ` NAME=300.000`, ` NAME=never`, or ` NAME=default` for LEASE_UNSET. */
void trace_add_lease(struct trace_line *line, const char *name, int64_t ms);

/* ` (user@host:pid) token=7 remaining=12.345`. */
void trace_add_lock(struct trace_line *line, const struct lock *lock);

/* ` mode=0755 uid=0 gid=0 default_ttl=default`: the settings named in `which` (enum dir_setting). */
void trace_add_dir_info(struct trace_line *line, unsigned int which, const struct dir_info *info);

/* ` -> OK`, or the name of the errno. */
void trace_add_status(struct trace_line *line, int status);

#endif
