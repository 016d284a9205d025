/*
 * The errors of Redis, Valkey and their scripts, as a table: what each means for a caller, for the
 * connection, and for people.
 */
#include "backend/redis/net/server_error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the server's own text that are shown. */
#define TEXT_MAX 100

#define NO_RIGHT "the user lacks a right (NOPERM): see REDIS in lockfs(1) for the ACL rule"

#define NO_TAG "it is one of a cluster, and the keys of a namespace must be on one node: write redis-cluster:// in SOURCE, or give namespace= a hash tag, {locks}"
#define SLOT_MOVES "the cluster is moving the namespace's slot to another node: try again when that is done"
#define DAMAGED "a script of lockfs failed there: another program may have changed a key of this namespace"

/*
 * The first entry whose prefix matches counts; the last one matches everything. READONLY, MISCONF, OOM
 * and NOREPLICAS are `unbegun`: a server that takes no writes refuses the first write of a script and
 * no later one (script.c of Redis 7.0, scripting.c of 6.2), so nothing was written.
 */
static const struct server_error errors[] = {
	{ "NOAUTH", -EACCES, false, true, "it wants a password: give password_file= or LOCKFS_REDIS_PASSWORD" },
	{ "WRONGPASS", -EACCES, false, true, "user or password are wrong" },
	{ "ERR invalid password", -EACCES, false, true, "the password is wrong" },
	{ "ERR AUTH", -EACCES, false, true, "it has no password set: leave it out, or set one there" },
	{ "NOPERM", -EACCES, false, true, NO_RIGHT },
	/* NOPERM within a script: Redis 7, Redis 6.2 and Valkey. */
	{ "ERR The user executing the script", -EACCES, false, false, NO_RIGHT },
	{ "The user executing the script", -EACCES, false, false, NO_RIGHT },
	{ "ERR ACL failure", -EACCES, false, false, NO_RIGHT },
	{ "READONLY", -EROFS, true, true, "it is a replica: name the primary, or all servers, in SOURCE" },
	{ "MASTERDOWN", -EHOSTDOWN, true, true, "it is a replica without its primary: name the primary in SOURCE" },
	{ "LOADING", -EHOSTDOWN, true, true, "it is loading its data: try again soon" },
	{ "CLUSTERDOWN", -EHOSTDOWN, true, true, "its cluster is down" },
	{ "MOVED", -EIO, false, true, "it is one of a cluster, and another node has these keys: write redis-cluster:// in SOURCE" },
	{ "ASK", -EHOSTDOWN, false, true, SLOT_MOVES },
	{ "TRYAGAIN", -EHOSTDOWN, false, true, SLOT_MOVES },
	{ "CROSSSLOT", -EIO, false, true, NO_TAG },
	/* CROSSSLOT within a script: Redis 7 and Valkey, Redis 6.2. */
	{ "ERR Script attempted to access", -EIO, false, false, NO_TAG },
	{ "Lua script attempted to access", -EIO, false, false, NO_TAG },
	{ "ERR SELECT is not allowed in cluster mode", -EINVAL, false, true, "a cluster has no other database than 0: leave the number out of SOURCE" },
	{ "MISCONF", -EIO, false, true, "it cannot save its data and refuses to write: look at its log" },
	{ "OOM", -ENOSPC, false, true, "its memory is full: raise maxmemory or delete keys; what is held is still renewed, released and handed over" },
	{ "NOREPLICAS", -EIO, false, true, "too few of its replicas are there (min-replicas-to-write)" },
	{ "DENIED", -EACCES, false, true, "it is in protected mode: set a password there, or bind it to this host only" },
	{ "BUSY", -EHOSTDOWN, false, true, "a script of somebody's keeps it busy: SCRIPT KILL ends it" },
	{ "ERR DB index", -EINVAL, false, true, "it has no database of that number" },
	{ "ERR max number of clients", -EHOSTDOWN, true, true, "it has too many clients: raise its maxclients" },
	{ "WRONGTYPE", -EIO, false, false, "another program keeps something else under a key of this namespace" },
	{ "ERR unknown command", -EIO, false, true, "it is not Redis 6.2 or newer, nor Valkey; if it is a Sentinel, write redis-sentinel:// in SOURCE" },
	{ "ERR Error compiling script", -EIO, false, true, "it does not take the scripts of lockfs: it is not Redis 6.2 or newer, nor Valkey" },
	/* An error of Lua: Redis 7 and Valkey, Redis 6.2. */
	{ "ERR user_script:", -EIO, false, false, DAMAGED },
	{ "user_script:", -EIO, false, false, DAMAGED },
	{ "", -EIO, false, false, "lockfs does not know this answer; the server's log or documentation may" },
};

/* What Redis 6.2 puts before the reason for which a script failed. */
static const char script_failed[] = "ERR Error running script";
static const char script_position[] = "@user_script:";

/* What may follow the reason and helps nobody, such as the text of the script. */
static const char *const noise[] = { " script: ", ", with args beginning with", ": user_script:" };

/*
 * Finds the reason after `ERR Error running script (call to f_…): @user_script:12: `. It may begin
 * with a dash, as errors do on the wire.
 */
static const char *find_reason(const char *text)
{
	const char *position;

	if (strncmp(text, script_failed, strlen(script_failed)) != 0 || !(position = strstr(text, script_position)))
		return text;
	while (strncmp(position, script_position, strlen(script_position)) == 0) {
		position += strlen(script_position);
		position += strspn(position, " 0123456789:");
	}
	return *position == '-' ? position + 1 : position;
}

static size_t reason_length(const char *reason)
{
	size_t length = strnlen(reason, TEXT_MAX - 1);

	for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
		const char *end = strstr(reason, noise[i]);

		if (end && (size_t)(end - reason) < length)
			length = (size_t)(end - reason);
	}
	while (length > 0 && strchr(". ", reason[length - 1]))
		length--;
	return length;
}

const struct server_error *server_error_find(const char *text)
{
	const struct server_error *error = errors;
	const char *reason = find_reason(text);

	while (strncmp(reason, error->prefix, strlen(error->prefix)) != 0)
		error++;
	return error;
}

bool server_error_is_known(const char *text)
{
	return *server_error_find(text)->prefix;
}

void server_error_print(const char *server, const char *text, char *line, size_t size)
{
	const char *reason = find_reason(text);

	snprintf(line, size, "%s refuses: %.*s: %s", server, (int)reason_length(reason), reason,
		server_error_find(text)->advice);
}
