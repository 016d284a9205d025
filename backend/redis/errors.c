#include "backend/redis/errors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What is shown of a server's own text. */
#define TEXT_MAX 100

#define NO_RIGHT "the user lacks a right (NOPERM): see REDIS in lockfs(1) for the ACL rule"

/* The first that fits counts; the last fits all. */
static const struct server_error errors[] = {
	{ "NOAUTH", -EACCES, false, "it wants a password: give password_file= or LOCKFS_REDIS_PASSWORD" },
	{ "WRONGPASS", -EACCES, false, "user or password are wrong" },
	{ "ERR invalid password", -EACCES, false, "the password is wrong" },
	{ "ERR AUTH", -EACCES, false, "it has no password set: leave it out, or set one there" },
	{ "NOPERM", -EACCES, false, NO_RIGHT },
	/* What a script may not do is said in other words, by Redis 7 and by Valkey. */
	{ "ERR The user executing the script", -EACCES, false, NO_RIGHT },
	{ "ERR ACL failure", -EACCES, false, NO_RIGHT },
	{ "READONLY", -EROFS, true, "it is a replica: name the primary in SOURCE" },
	{ "MASTERDOWN", -EHOSTDOWN, true, "it is a replica without its primary: name the primary in SOURCE" },
	{ "LOADING", -EHOSTDOWN, true, "it is loading its data: try again soon" },
	{ "CLUSTERDOWN", -EHOSTDOWN, true, "its cluster is down" },
	{ "MOVED", -EIO, false, "it is one of a cluster: give namespace= a hash tag, {locks}, and name the server of that slot in SOURCE" },
	{ "CROSSSLOT", -EIO, false, "in a cluster the namespace needs a hash tag: namespace={locks}" },
	{ "MISCONF", -EIO, false, "it cannot save its data and refuses to write: look at its log" },
	{ "OOM", -ENOSPC, false, "it is at its maxmemory: raise it or free memory" },
	{ "NOREPLICAS", -EIO, false, "too few of its replicas are there (min-replicas-to-write)" },
	{ "DENIED", -EACCES, false, "it is in protected mode: set a password there, or bind it to this host only" },
	{ "BUSY", -EHOSTDOWN, false, "a script of somebody's keeps it busy: SCRIPT KILL ends it" },
	{ "ERR DB index", -EINVAL, false, "it has no database of that number" },
	{ "ERR max number of clients", -EHOSTDOWN, true, "it has too many clients: raise its maxclients" },
	{ "WRONGTYPE", -EIO, false, "another program keeps something else under a key of this namespace" },
	{ "", -EIO, false, "is it Redis 6.2 or newer, or Valkey?" },
};

const struct server_error *server_error_find(const char *text)
{
	const struct server_error *error = errors;

	while (strncmp(text, error->prefix, strlen(error->prefix)) != 0)
		error++;
	return error;
}

void server_error_print(const char *server, const char *text, char *line, size_t size)
{
	/* Behind this Redis 7 names the script and line, which tell nobody anything. */
	const char *end = strstr(text, " script: ");
	int length = end ? (int)(end - text) : (int)strnlen(text, TEXT_MAX);

	while (length > 0 && text[length - 1] == '.')
		length--;
	snprintf(line, size, "%s refuses: %.*s: %s", server, length < TEXT_MAX ? length : TEXT_MAX, text,
		server_error_find(text)->advice);
}
