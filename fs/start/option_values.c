/* One check per option: it applies the default, stores the value in struct options, or refuses the command line. */
#include "fs/start/option_values.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/util/text/number.h"
#include "fs/options.h"
#include "fs/util/log.h"
#include "lockfs/backend.h"
#include "lockfs/duration.h"
#include "lockfs/lock.h"

#define DEFAULT_NAMESPACE "lockfs"
#define DEFAULT_TTL_MS (5 * 60 * 1000)
#define DEFAULT_TIMEOUT_MS 2000
#define DEFAULT_GRACE_MS 2000 /* covers the longest pause between attempts to connect, an attempt and its set-up, on every host */
#define MAX_TIMEOUT_MS (60 * 60 * 1000)
#define NAMESPACE_MAX 255
#define DEFAULT_MIN_INTERVAL_MS 100
#define DEFAULT_SPIN_US 200
#define MAX_SPIN_US 10000
#define DEFAULT_USER_MEMORY (64UL << 20)
#define DEFAULT_USER_WAITERS 4096
#define DEFAULT_USER_STREAMS 1024
#define DEFAULT_USER_NAMES 16384
#define DEFAULT_USER_FILES 16384
#define DEFAULT_USER_LISTINGS (64UL << 20)
#define DEFAULT_USER_SIGNALS 1024
#define DEFAULT_USER_RENEWALS 60000
#define DEFAULT_USER_CALLS 32

static const char *const owner_names[] = {
	[OWNER_SESSION] = "session",
	[OWNER_PROCESS] = "process",
	[OWNER_USER] = "user",
	[OWNER_MOUNT] = "mount",
};

void raw_options_refuse(struct raw_options *raw, const char *format, const char *value)
{
	if (raw->refused)
		return; /* one line is enough */
	raw->refused = true;
	log_line(LOG_ERR, format, value);
}

static void check_namespace(struct raw_options *raw)
{
	const char *name = raw->namespace_ ? raw->namespace_ : DEFAULT_NAMESPACE;

	if (!*name || strlen(name) > NAMESPACE_MAX || strchr(name, '#'))
		raw_options_refuse(raw, "namespace=%s: a namespace has 1 to 255 bytes and no '#'", name);
	raw->options->namespace_ = strdup(name);
	if (!raw->options->namespace_)
		raw_options_refuse(raw, "%s", strerror(ENOMEM));
}

static void check_ttl(struct raw_options *raw)
{
	raw->options->ttl_ms = DEFAULT_TTL_MS;
	if (raw->ttl && lease_parse(raw->ttl, &raw->options->ttl_ms) < 0)
		raw_options_refuse(raw, "ttl=%s: a lease is 'never' or 1ms to 3650d, such as 250ms, 30s, 5m, 2h, 1d or 0.5",
			raw->ttl);
}

static void check_timeout(struct raw_options *raw)
{
	int64_t *timeout_ms = &raw->options->timeout_ms;

	*timeout_ms = DEFAULT_TIMEOUT_MS;
	if (raw->timeout &&
		(duration_parse(raw->timeout, timeout_ms) < 0 || *timeout_ms < 1 || *timeout_ms > MAX_TIMEOUT_MS))
		raw_options_refuse(raw, "timeout=%s: a time limit is 1ms to 1h, such as 500ms or 2s", raw->timeout);
}

static void check_grace(struct raw_options *raw)
{
	int64_t *grace_ms = &raw->options->grace_ms;

	*grace_ms = DEFAULT_GRACE_MS;
	if (raw->grace && (duration_parse(raw->grace, grace_ms) < 0 || *grace_ms > BACKEND_GRACE_MAX_MS))
		raw_options_refuse(raw, "grace=%s: it is a time up to 1m, such as 2s, or 0 for none", raw->grace);
}

static void check_replicas(struct raw_options *raw)
{
	uint64_t number = 0;
	const char *end = raw->replicas ? number_read(raw->replicas, 10, BACKEND_REPLICAS_MAX, &number) : "";

	if (!end || *end)
		raw_options_refuse(raw, "replicas=%s: it is a number of replicas up to 100, or 0 for none", raw->replicas);
	raw->options->replicas = number;
	if (number > 0 && raw->options->source && strcmp(raw->options->source, "memory:") == 0)
		raw_options_refuse(raw, "replicas=%s: memory: has no replicas, so SOURCE must be a server", raw->replicas);
}

static void check_min_interval(struct raw_options *raw)
{
	int64_t *ms = &raw->options->min_interval_ms;

	*ms = DEFAULT_MIN_INTERVAL_MS;
	if (raw->min_interval && (duration_parse(raw->min_interval, ms) < 0 || *ms > MAX_TIMEOUT_MS))
		raw_options_refuse(raw, "min_interval=%s: a least interval is 0 to 1h, such as 100ms or 1s", raw->min_interval);
}

static void check_owner(struct raw_options *raw)
{
	if (!raw->owner)
		return;
	for (size_t i = 0; i < sizeof(owner_names) / sizeof(owner_names[0]); i++) {
		if (strcmp(raw->owner, owner_names[i]) == 0) {
			raw->options->owner = (enum owner_kind)i;
			return;
		}
	}
	raw_options_refuse(raw, "owner=%s: it is one of session, process, user, mount", raw->owner);
}

/* Moves a text that needs no check. */
static void take_text(char **from, char **to)
{
	*to = *from;
	*from = NULL;
}

static void check_id(struct raw_options *raw)
{
	if (raw->id && (!*raw->id || strlen(raw->id) > LOCK_ID_MAX || strpbrk(raw->id, "/,")))
		raw_options_refuse(raw, "%s", "id=: an id has 1 to 128 bytes and neither '/' nor ','");
	take_text(&raw->id, &raw->options->id);
}

/* Makes the path absolute, as the daemon leaves its working directory. */
static void check_journal(struct raw_options *raw)
{
	char **path = &raw->options->journal;
	char *here;

	if (!raw->journal)
		return;
	if (strcmp(raw->journal, "none") == 0) {
		*path = strdup("");
	} else if (*raw->journal == '/') {
		*path = strdup(raw->journal);
	} else {
		here = getcwd(NULL, 0);
		if (here && asprintf(path, "%s/%s", here, raw->journal) < 0)
			*path = NULL;
		free(here);
	}
	if (!*path)
		raw_options_refuse(raw, "%s", strerror(errno));
	else if (**path && (*path)[strlen(*path) - 1] == '/')
		raw_options_refuse(raw, "journal=%s: it is a file, or 'none'", raw->journal);
}

static void check_files(struct raw_options *raw)
{
	struct options *options = raw->options;

	take_text(&raw->cacert, &options->cacert);
	take_text(&raw->cert, &options->cert);
	take_text(&raw->key, &options->key);
	if (!options->cert != !options->key)
		raw_options_refuse(raw, "%s", "cert= and key= go together");
}

/* Returns the first line of a file, to be freed, or NULL after refusing the command line. */
static char *read_first_line(struct raw_options *raw, const char *path, const char *complaint)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!file || getline(&line, &size, file) < 0) {
		raw_options_refuse(raw, complaint, path);
		free(line);
		line = NULL;
	} else {
		line[strcspn(line, "\r\n")] = '\0';
	}
	if (file)
		fclose(file);
	return line;
}

static void check_password(struct raw_options *raw)
{
	const char *from_environment = getenv("LOCKFS_REDIS_PASSWORD");

	if (raw->password_file)
		raw->options->password = read_first_line(raw, raw->password_file, "password_file=%s cannot be read, or is empty");
	else if (from_environment && *from_environment && !(raw->options->password = strdup(from_environment)))
		raw_options_refuse(raw, "%s", strerror(ENOMEM));
}

static void check_sentinel(struct raw_options *raw)
{
	take_text(&raw->sentinel_user, &raw->options->sentinel_user);
	if (raw->sentinel_password_file)
		raw->options->sentinel_password = read_first_line(raw, raw->sentinel_password_file,
			"sentinel_password_file=%s cannot be read, or is empty");
	else if (raw->options->sentinel_user)
		raw_options_refuse(raw, "%s", "sentinel_user= needs sentinel_password_file=");
}

/* Reads a number in `base` up to `max`; `fallback` if the option was not given. Refuses it with `complaint`. */
static uint64_t check_number(struct raw_options *raw, const char *text, unsigned int base, uint64_t max, uint64_t fallback,
                             const char *complaint)
{
	uint64_t number = fallback;

	if (text && number_parse(text, base, max, &number) < 0)
		raw_options_refuse(raw, complaint, text);
	return number;
}

static void check_spin(struct raw_options *raw)
{
	raw->options->busy_poll_us = check_number(raw, raw->busy_poll, 10, MAX_SPIN_US, DEFAULT_SPIN_US,
		"spin=%s: it is a number of microseconds up to 10000, or 0 to sleep at once");
}

static void check_root(struct raw_options *raw)
{
	struct options *options = raw->options;
	unsigned long mode = options->allow_other ? 01777 : 0755;

	options->mode = (mode_t)check_number(raw, raw->mode, 8, 07777, mode,
		"mode=%s: it is octal permission bits, such as 1777");
	options->uid = (uid_t)check_number(raw, raw->uid, 10, UINT_MAX - 1, geteuid(),
		"uid=%s: it is the number of a user");
	options->gid = (gid_t)check_number(raw, raw->gid, 10, UINT_MAX - 1, getegid(),
		"gid=%s: it is the number of a group");
}

/* Reads a limit on what one user may have; 0: no limit. */
static size_t check_limit(struct raw_options *raw, const char *text, size_t fallback, const char *complaint)
{
	return check_number(raw, text, 10, SIZE_MAX, fallback, complaint);
}

static void check_user(struct raw_options *raw)
{
	struct options *options = raw->options;

	options->user_memory = check_limit(raw, raw->user_memory, DEFAULT_USER_MEMORY,
		"user_memory=%s: it is a number of bytes, or 0 for any");
	options->user_waiters = check_limit(raw, raw->user_waiters, DEFAULT_USER_WAITERS,
		"user_waiters=%s: it is a number of calls, or 0 for any");
	options->user_streams = check_limit(raw, raw->user_streams, DEFAULT_USER_STREAMS,
		"user_streams=%s: it is a number of open streams, or 0 for any");
	options->user_names = check_limit(raw, raw->user_names, DEFAULT_USER_NAMES,
		"user_names=%s: it is a number of names in use, or 0 for any");
	options->user_files = check_limit(raw, raw->user_files, DEFAULT_USER_FILES,
		"user_files=%s: it is a number of open lock files, or 0 for any");
	options->user_listings = check_limit(raw, raw->user_listings, DEFAULT_USER_LISTINGS,
		"user_listings=%s: it is a number of bytes, or 0 for any");
	options->user_signals = check_limit(raw, raw->user_signals, DEFAULT_USER_SIGNALS,
		"user_signals=%s: it is a number of processes, or 0 for any");
	options->user_renewals = check_limit(raw, raw->user_renewals, DEFAULT_USER_RENEWALS,
		"user_renewals=%s: it is a number of renewals a minute, or 0 for any");
	options->user_calls = check_limit(raw, raw->user_calls, DEFAULT_USER_CALLS,
		"user_calls=%s: it is a number of calls, or 0 for any");
}

/* The first refusal is the one that is logged, so the order shows. */
static void (*const checks[])(struct raw_options *) = {
	check_namespace, check_ttl, check_timeout, check_grace, check_replicas, check_min_interval, check_spin, check_owner, check_id, check_journal,
	check_root, check_user, check_files, check_password, check_sentinel,
};

void option_values_check(struct raw_options *raw)
{
	if (!raw->options->source || !raw->options->mountpoint)
		raw_options_refuse(raw, "%s", "usage: lockfs SOURCE MOUNTPOINT [-o OPTIONS]; for instance: lockfs memory: ./locks");
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](raw);
}
