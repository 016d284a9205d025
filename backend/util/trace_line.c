/*
 * One line of the trace (`lockfs -d`) while it is made up: see the header for what may not get into it.
 */
#include "backend/util/trace_line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lockfs/backend.h"

#define KEY_SHOWN_MAX 200   /* bytes of a key */
#define NAME_SHOWN_MAX 64   /* bytes of the name of a user or host */
#define SECRET_SHOWN_MAX 4  /* bytes of an id */

void trace_add(struct trace_line *line, const char *format, ...)
{
	size_t room = sizeof(line->text) - line->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line->text + line->length, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		line->length += (size_t)length < room ? (size_t)length : room - 1;
}

/* The length of the longest beginning of `text` that has up to `most` bytes and no half of a UTF-8 character. */
static size_t beginning(const char *text, size_t most)
{
	size_t length = strnlen(text, most + 1);

	if (length <= most)
		return length;
	length = most;
	while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--;
	return length;
}

void trace_add_key(struct trace_line *line, const char *key)
{
	size_t length = beginning(key, KEY_SHOWN_MAX);

	if (*key)
		trace_add(line, " %.*s%s", (int)length, key, key[length] ? "…" : "");
	else
		trace_add(line, " /");
}

static void add_beginning(struct trace_line *line, const char *secret)
{
	size_t half = strlen(secret) / 2;

	trace_add(line, "%.*s…", (int)beginning(secret, half < SECRET_SHOWN_MAX ? half : SECRET_SHOWN_MAX), secret);
}

void trace_add_secret(struct trace_line *line, const char *name, const char *secret)
{
	if (!secret || !*secret)
		return;
	trace_add(line, " %s=", name);
	add_beginning(line, secret);
}

void trace_add_claim(struct trace_line *line, const struct lock_claim *claim)
{
	if (claim && claim->id)
		trace_add_secret(line, "id", claim->id);
	else if (claim)
		trace_add_secret(line, "identity", claim->identity);
}

void trace_add_match(struct trace_line *line, struct holding_match match)
{
	if (match.any)
		trace_add(line, " token=any");
	else
		trace_add(line, " token=%" PRIu64, match.token);
}

void trace_add_lease(struct trace_line *line, const char *name, int64_t ms)
{
	char text[DURATION_TEXT_MAX];

	duration_print(ms, text);
	trace_add(line, " %s=%s", name, ms == LEASE_UNSET ? "default" : text);
}

/* ` (user@host:pid)`, or ` (3f9a…)` for a holder with a given id. */
static void add_holder(struct trace_line *line, const struct lock_holder *holder)
{
	if (holder->claim.identity) {
		trace_add(line, " (%.*s@%.*s:%d)", (int)beginning(holder->user, NAME_SHOWN_MAX), holder->user,
			(int)beginning(holder->host, NAME_SHOWN_MAX), holder->host, (int)holder->pid);
		return;
	}
	trace_add(line, " (");
	add_beginning(line, holder->claim.id ? holder->claim.id : "");
	trace_add(line, ")");
}

void trace_add_dir_info(struct trace_line *line, unsigned int which, const struct dir_info *info)
{
	if (which & DIR_MODE)
		trace_add(line, " mode=%04o", (unsigned int)info->mode);
	if (which & DIR_UID)
		trace_add(line, " uid=%u", (unsigned int)info->uid);
	if (which & DIR_GID)
		trace_add(line, " gid=%u", (unsigned int)info->gid);
	if (which & DIR_DEFAULT_TTL)
		trace_add_lease(line, "default_ttl", info->default_ttl_ms);
	if (which & DIR_MODIFIED)
		trace_add(line, " modified=%" PRId64, info->modified_ms);
	if (which & DIR_LIMIT)
		trace_add(line, " limit=%" PRIu32, info->limit);
}

void trace_add_status(struct trace_line *line, int status)
{
	const char *name = status ? strerrorname_np(-status) : "OK";

	if (name)
		trace_add(line, " -> %s", name);
	else
		trace_add(line, " -> %d", status);
}

void trace_add_lock(struct trace_line *line, const struct lock *lock)
{
	add_holder(line, &lock->holder);
	trace_add(line, " token=%" PRIu64, lock->token);
	trace_add_lease(line, "remaining", lock->remaining_ms);
	if (lock->mode == LOCK_SHARED)
		trace_add(line, " shared holders=%" PRIu64, lock->holders);
	if (lock->granted)
		trace_add(line, " granted");
	if (lock->waiters)
		trace_add(line, " waiters=%" PRIu64, lock->waiters);
}
