#include "fs/options.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/util/log.h"
#include "lockfs/duration.h"
#include "lockfs/lock.h"

#define DEFAULT_NAMESPACE "lockfs"
#define DEFAULT_TTL_MS (5 * 60 * 1000)
#define DEFAULT_TIMEOUT_MS 2000
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

/* Everything as it was written, before it is checked. */
struct raw_options {
	struct options *options;
	char *cacert, *cert, *key;
	char *namespace_, *ttl, *timeout, *min_interval, *busy_poll, *owner, *id, *mode, *uid, *gid, *password_file;
	char *user_memory, *user_waiters, *user_streams, *user_names, *user_files, *user_listings, *user_signals, *user_renewals, *user_calls;
	bool help, version, refused;
};

enum option_key { KEY_HELP = 1, KEY_VERSION, KEY_FOREGROUND, KEY_TRACE, KEY_DEBUG, KEY_AUTO_UNMOUNT, KEY_ALLOW_OTHER, KEY_RO, KEY_SCAN, KEY_IGNORE };

#define RAW(template, member) { template, offsetof(struct raw_options, member), 0 }

static const struct fuse_opt option_table[] = {
	RAW("namespace=%s", namespace_),
	RAW("ttl=%s", ttl),
	RAW("timeout=%s", timeout),
	RAW("min_interval=%s", min_interval),
	RAW("spin=%s", busy_poll),
	RAW("owner=%s", owner),
	RAW("id=%s", id),
	RAW("mode=%s", mode),
	RAW("uid=%s", uid),
	RAW("gid=%s", gid),
	RAW("password_file=%s", password_file),
	RAW("user_memory=%s", user_memory),
	RAW("user_waiters=%s", user_waiters),
	RAW("user_streams=%s", user_streams),
	RAW("user_names=%s", user_names),
	RAW("user_files=%s", user_files),
	RAW("user_listings=%s", user_listings),
	RAW("user_signals=%s", user_signals),
	RAW("user_renewals=%s", user_renewals),
	RAW("user_calls=%s", user_calls),
	RAW("cacert=%s", cacert),
	RAW("cert=%s", cert),
	RAW("key=%s", key),
	FUSE_OPT_KEY("scan", KEY_SCAN),
	FUSE_OPT_KEY("-h", KEY_HELP),
	FUSE_OPT_KEY("--help", KEY_HELP),
	FUSE_OPT_KEY("-V", KEY_VERSION),
	FUSE_OPT_KEY("--version", KEY_VERSION),
	FUSE_OPT_KEY("-f", KEY_FOREGROUND),
	FUSE_OPT_KEY("-d", KEY_TRACE),
	FUSE_OPT_KEY("debug", KEY_DEBUG),
	FUSE_OPT_KEY("auto_unmount", KEY_AUTO_UNMOUNT),
	FUSE_OPT_KEY("allow_other", KEY_ALLOW_OTHER),
	FUSE_OPT_KEY("ro", KEY_RO),
	/* The daemon has one thread as it is; the rest is for mount(8) alone. */
	FUSE_OPT_KEY("-s", KEY_IGNORE),
	FUSE_OPT_KEY("defaults", KEY_IGNORE),
	FUSE_OPT_KEY("auto", KEY_IGNORE),
	FUSE_OPT_KEY("noauto", KEY_IGNORE),
	FUSE_OPT_KEY("user", KEY_IGNORE),
	FUSE_OPT_KEY("users", KEY_IGNORE),
	FUSE_OPT_KEY("nouser", KEY_IGNORE),
	FUSE_OPT_KEY("owner", KEY_IGNORE),
	FUSE_OPT_KEY("group", KEY_IGNORE),
	/* A live mount is refused as always, and a dead one is replaced. */
	FUSE_OPT_KEY("remount", KEY_IGNORE),
	FUSE_OPT_KEY("nofail", KEY_IGNORE),
	FUSE_OPT_KEY("_netdev", KEY_IGNORE),
	FUSE_OPT_KEY("diratime", KEY_IGNORE),
	FUSE_OPT_KEY("nodiratime", KEY_IGNORE),
	FUSE_OPT_KEY("relatime", KEY_IGNORE),
	FUSE_OPT_KEY("norelatime", KEY_IGNORE),
	FUSE_OPT_END,
};

/* Notes of mount(8), fstab(5) and systemd that begin like this say nothing to the daemon. */
static const char *const ignored_prefixes[] = { "x-", "X-", "comment=", "user=" };

/* FUSE's own, which are handed on; a trailing `=` takes a value. */
static const char *const fuse_options[] = {
	"rw", "dev", "nodev", "suid", "nosuid", "exec", "noexec", "atime", "noatime", "sync", "async",
	"dirsync", "allow_root", "default_permissions", "fsname=",
};

static const char *const owner_names[] = {
	[OWNER_SESSION] = "session",
	[OWNER_PROCESS] = "process",
	[OWNER_USER] = "user",
	[OWNER_MOUNT] = "mount",
};

static const char usage_text[] =
	"usage: lockfs SOURCE MOUNTPOINT [-f] [-d] [-o OPTION[,OPTION...]]\n"
	"\n"
	"Mounts a directory in which files are locks.\n"
	"\n"
	"SOURCE\n"
	"  memory:               locks inside this daemon\n"
	"  redis://[[user]:password@]host[:port][/db]\n"
	"                        locks in Redis or Valkey, shared by all mounts; rediss:// for TLS\n"
	"  redis+unix:///path/to.sock[?db=N]\n"
	"                        the same over a socket\n"
	"\n"
	"options\n"
	"  -f                    stay in the foreground\n"
	"  -d                    print every call to the backend, and stay in the foreground\n"
	"  -V, -h                print the version, this help\n"
	"  -o namespace=NAME     separates lock trees in one backend (lockfs)\n"
	"  -o ttl=DURATION       the lease of locks: 250ms, 30s, 5m, 2h, 1d, 0.5, never (5m)\n"
	"  -o owner=KIND         who counts as one holder: session, process, user, mount (session)\n"
	"  -o id=ID              every caller of this mount is the holder ID\n"
	"  -o timeout=DURATION   how long the backend may take to answer (2s)\n"
	"  -o min_interval=DURATION  views with interval= look no more often than this (100ms)\n"
	"  -o spin=MICROSECONDS  how long a busy daemon looks for more to do before it sleeps (200)\n"
	"  -o mode= uid= gid=    of the root directory\n"
	"  -o password_file=FILE the backend's password; or LOCKFS_REDIS_PASSWORD in the environment\n"
	"  -o cacert= cert= key= files for TLS: who signs the server, our certificate and its key\n"
	"  -o scan               ls shows locks that other Redis clients took, too (slow)\n"
	"  -o ro                 look, and change nothing\n"
	"  -o debug              print every FUSE request, and stay in the foreground\n"
	"  -o allow_other        other users may use the mount too\n"
	"  -o user_memory= user_waiters= user_streams= user_names= user_files= user_listings= user_signals= user_renewals=\n"
	"  -o user_calls=        what each of them may take: bytes, calls that wait, open streams, names in use, open\n"
	"                        lock files, bytes, processes that signal= is for, renewals a minute, calls to a server\n"
	"\n"
	"Unmount with: fusermount3 -u MOUNTPOINT. The manuals are lockfs(1) and lockfs(5).\n";

static void refuse(struct raw_options *raw, const char *format, const char *value)
{
	if (raw->refused)
		return; /* one line is enough */
	raw->refused = true;
	log_line(LOG_ERR, format, value);
}

static bool is_fuse_option(const char *argument)
{
	for (size_t i = 0; i < sizeof(fuse_options) / sizeof(fuse_options[0]); i++) {
		size_t length = strlen(fuse_options[i]);
		bool takes_value = fuse_options[i][length - 1] == '=';

		if (takes_value ? strncmp(argument, fuse_options[i], length) == 0
		                : strcmp(argument, fuse_options[i]) == 0)
			return true;
	}
	return false;
}

/* An empty one is what is left of a list that is empty, or ends with a comma. */
static bool is_ignored(const char *argument)
{
	if (!*argument)
		return true;
	for (size_t i = 0; i < sizeof(ignored_prefixes) / sizeof(ignored_prefixes[0]); i++)
		if (strncmp(argument, ignored_prefixes[i], strlen(ignored_prefixes[i])) == 0)
			return true;
	return false;
}

static char *public_name(const char *source);

static int take_argument(struct raw_options *raw, const char *argument)
{
	char **slot = !raw->options->source ? &raw->options->source : &raw->options->mountpoint;

	if (raw->options->mountpoint) {
		char *name = public_name(argument); /* it may be a SOURCE in the wrong place */

		if (!name)
			return -1;
		refuse(raw, "one SOURCE and one MOUNTPOINT are wanted, and '%s' is one too many", name);
		free(name);
		return 0;
	}
	*slot = strdup(argument);
	return *slot ? 0 : -1;
}

/* Names the option without its value, which may be a password behind a misspelt name. */
static int refuse_option(struct raw_options *raw, const char *argument)
{
	char *name = strndup(argument, strcspn(argument, "="));

	if (!name)
		return -1;
	refuse(raw, "unknown option '%s'; `lockfs --help` lists them", name);
	free(name);
	return 0;
}

static int take_option(void *data, const char *argument, int key, struct fuse_args *left)
{
	struct raw_options *raw = data;

	(void)left;
	switch (key) {
	case FUSE_OPT_KEY_NONOPT:
		return take_argument(raw, argument);
	case FUSE_OPT_KEY_OPT:
		if (is_fuse_option(argument))
			return 1;
		return is_ignored(argument) ? 0 : refuse_option(raw, argument);
	case KEY_HELP:
		raw->help = true;
		return 0;
	case KEY_VERSION:
		raw->version = true;
		return 0;
	case KEY_TRACE:
		raw->options->trace = true;
		raw->options->foreground = true;
		return 0;
	case KEY_DEBUG:
		raw->options->foreground = true;
		return 1;
	case KEY_FOREGROUND:
		raw->options->foreground = true;
		return 0;
	case KEY_AUTO_UNMOUNT:
		raw->options->auto_unmount = true;
		return 1;
	case KEY_SCAN:
		raw->options->scan = true;
		return 0;
	case KEY_RO:
		raw->options->read_only = true;
		return 1;
	case KEY_ALLOW_OTHER:
		raw->options->allow_other = true;
		return 1;
	default:
		return 0;
	}
}

/* Checks of single values; each logs a line where it refuses. */

static void check_namespace(struct raw_options *raw)
{
	const char *name = raw->namespace_ ? raw->namespace_ : DEFAULT_NAMESPACE;

	if (!*name || strlen(name) > NAMESPACE_MAX || strchr(name, '#'))
		refuse(raw, "namespace=%s: a namespace has 1 to 255 bytes and no '#'", name);
	raw->options->namespace_ = strdup(name);
	if (!raw->options->namespace_)
		refuse(raw, "%s", strerror(ENOMEM));
}

static void check_ttl(struct raw_options *raw)
{
	raw->options->ttl_ms = DEFAULT_TTL_MS;
	if (raw->ttl && lease_parse(raw->ttl, &raw->options->ttl_ms) < 0)
		refuse(raw, "ttl=%s: a lease is 'never' or 1ms to 3650d, such as 250ms, 30s, 5m, 2h, 1d or 0.5",
			raw->ttl);
}

static void check_timeout(struct raw_options *raw)
{
	int64_t *timeout_ms = &raw->options->timeout_ms;

	*timeout_ms = DEFAULT_TIMEOUT_MS;
	if (raw->timeout &&
		(duration_parse(raw->timeout, timeout_ms) < 0 || *timeout_ms < 1 || *timeout_ms > MAX_TIMEOUT_MS))
		refuse(raw, "timeout=%s: a time limit is 1ms to 1h, such as 500ms or 2s", raw->timeout);
}

static void check_min_interval(struct raw_options *raw)
{
	int64_t *ms = &raw->options->min_interval_ms;

	*ms = DEFAULT_MIN_INTERVAL_MS;
	if (raw->min_interval && (duration_parse(raw->min_interval, ms) < 0 || *ms > MAX_TIMEOUT_MS))
		refuse(raw, "min_interval=%s: a least interval is 0 to 1h, such as 100ms or 1s", raw->min_interval);
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
	refuse(raw, "owner=%s: it is one of session, process, user, mount", raw->owner);
}

/* Hands over what was read as it is. */
static void take_text(char **from, char **to)
{
	*to = *from;
	*from = NULL;
}

static void check_id(struct raw_options *raw)
{
	if (raw->id && (!*raw->id || strlen(raw->id) > LOCK_ID_MAX || strpbrk(raw->id, "/,")))
		refuse(raw, "%s", "id=: an id has 1 to 128 bytes and neither '/' nor ','");
	take_text(&raw->id, &raw->options->id);
}

static void check_files(struct raw_options *raw)
{
	struct options *options = raw->options;

	take_text(&raw->cacert, &options->cacert);
	take_text(&raw->cert, &options->cert);
	take_text(&raw->key, &options->key);
	if (!options->cert != !options->key)
		refuse(raw, "%s", "cert= and key= go together");
}

/* The first line of a file; NULL after a line was logged. */
static char *read_first_line(struct raw_options *raw, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!file || getline(&line, &size, file) < 0) {
		refuse(raw, "password_file=%s cannot be read, or is empty", path);
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
		raw->options->password = read_first_line(raw, raw->password_file);
	else if (from_environment && *from_environment && !(raw->options->password = strdup(from_environment)))
		refuse(raw, "%s", strerror(ENOMEM));
}

/* Reads a whole number in `base` up to `most`; `fallback` where there is none. */
static unsigned long check_number(struct raw_options *raw, const char *text, int base, unsigned long most,
                                  unsigned long fallback, const char *complaint)
{
	char *end;
	unsigned long number;

	if (!text)
		return fallback;
	errno = 0;
	number = strtoul(text, &end, base);
	if (text[0] < '0' || text[0] > '9' || *end || errno || number > most) {
		refuse(raw, complaint, text);
		return fallback;
	}
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

static void check_user(struct raw_options *raw)
{
	struct options *options = raw->options;

	options->user_memory = check_number(raw, raw->user_memory, 10, SIZE_MAX, DEFAULT_USER_MEMORY,
		"user_memory=%s: it is a number of bytes, or 0 for any");
	options->user_waiters = check_number(raw, raw->user_waiters, 10, SIZE_MAX, DEFAULT_USER_WAITERS,
		"user_waiters=%s: it is a number of calls, or 0 for any");
	options->user_streams = check_number(raw, raw->user_streams, 10, SIZE_MAX, DEFAULT_USER_STREAMS,
		"user_streams=%s: it is a number of open streams, or 0 for any");
	options->user_names = check_number(raw, raw->user_names, 10, SIZE_MAX, DEFAULT_USER_NAMES,
		"user_names=%s: it is a number of names in use, or 0 for any");
	options->user_files = check_number(raw, raw->user_files, 10, SIZE_MAX, DEFAULT_USER_FILES,
		"user_files=%s: it is a number of open lock files, or 0 for any");
	options->user_listings = check_number(raw, raw->user_listings, 10, SIZE_MAX, DEFAULT_USER_LISTINGS,
		"user_listings=%s: it is a number of bytes, or 0 for any");
	options->user_signals = check_number(raw, raw->user_signals, 10, SIZE_MAX, DEFAULT_USER_SIGNALS,
		"user_signals=%s: it is a number of processes, or 0 for any");
	options->user_renewals = check_number(raw, raw->user_renewals, 10, SIZE_MAX, DEFAULT_USER_RENEWALS,
		"user_renewals=%s: it is a number of renewals a minute, or 0 for any");
	options->user_calls = check_number(raw, raw->user_calls, 10, SIZE_MAX, DEFAULT_USER_CALLS,
		"user_calls=%s: it is a number of calls, or 0 for any");
}

/* Values that libfuse takes need no check here; the rest is looked at in this order. */
static void (*const checks[])(struct raw_options *) = {
	check_namespace, check_ttl, check_timeout, check_min_interval, check_spin, check_owner, check_id, check_root,
	check_user, check_files, check_password,
};

static void check_all(struct raw_options *raw)
{
	if (!raw->options->source || !raw->options->mountpoint)
		refuse(raw, "%s", "usage: lockfs SOURCE MOUNTPOINT [-o OPTIONS]; for instance: lockfs memory: ./locks");
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](raw);
}

/* Where the password of a SOURCE stands, `://user:PASSWORD@`; NULL: it has none. */
static char *find_password(char *source, size_t *ret_length)
{
	char *start = strstr(source, "://");
	char *end = start ? strrchr(start, '@') : NULL;

	if (!end)
		return NULL;
	start = memchr(start + 3, ':', (size_t)(end - start - 3));
	if (!start)
		return NULL;
	*ret_length = (size_t)(end - start - 1);
	return start + 1;
}

static bool is_octal(const char *at)
{
	return at[0] >= '0' && at[0] <= '3' && at[1] >= '0' && at[1] <= '7' && at[2] >= '0' && at[2] <= '7';
}

/* Moves behind a character of a list of options, as libfuse reads it: `\i` and `\151` are an `i`. */
static char *take_character(char *at, char *ret)
{
	if (*at != '\\' || !at[1]) {
		*ret = *at;
		return at + 1;
	}
	at++;
	if (!is_octal(at)) {
		*ret = *at;
		return at + 1;
	}
	*ret = (char)((at[0] - '0') << 6 | (at[1] - '0') << 3 | (at[2] - '0'));
	return at + 3;
}

/* Moves behind `prefix`, however it is written; NULL where something else stands there. */
static char *skip_prefix(char *at, const char *prefix)
{
	char character;

	for (; *prefix; prefix++) {
		if (!*at)
			return NULL;
		at = take_character(at, &character);
		if (character != *prefix)
			return NULL;
	}
	return at;
}

static char *end_of_option(char *at)
{
	char character;

	while (*at && *at != ',')
		at = take_character(at, &character);
	return at;
}

/* In a list of options, such as `ttl=1m,id=…`. */
static void hide_ids(char *options)
{
	char *end;

	do {
		char *id = skip_prefix(options, "id=");

		end = end_of_option(options);
		if (id)
			memset(id, '*', (size_t)(end - id));
		options = end + 1;
	} while (*end);
}

void options_hide_secrets(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		size_t length;
		char *password = find_password(argv[i], &length);

		if (password)
			memset(password, '*', length);
		hide_ids(argv[i]);
		if (strncmp(argv[i], "-o", 2) == 0)
			hide_ids(argv[i] + 2);
	}
}

/* SOURCE as everybody may see it, in /proc/mounts. The caller frees it. */
static char *public_name(const char *source)
{
	char *name = strdup(source);
	size_t length;
	char *password = name ? find_password(name, &length) : NULL;

	if (password)
		memmove(password - 1, password + length, strlen(password + length) + 1);
	return name;
}

/* What every mount of ours has: a name and type for /proc/mounts, and the kernel's checks of permissions. */
static int add_own_fuse_options(struct options *options)
{
	char *source = public_name(options->source);
	char *name = NULL;
	char *text = NULL;
	int err = -1;

	if (!source || asprintf(&name, "fsname=%s", source) < 0) {
		free(source);
		return -1;
	}
	/* They stand before the user's own, so that theirs win. */
	if (fuse_opt_add_opt(&text, "default_permissions,subtype=lockfs") == 0 &&
		fuse_opt_add_opt_escaped(&text, name) == 0 &&
		fuse_opt_insert_arg(&options->fuse, 1, "-o") == 0 &&
		fuse_opt_insert_arg(&options->fuse, 2, text) == 0)
		err = 0;
	free(text);
	free(name);
	free(source);
	return err;
}

/* What libfuse has copied: the value of each option that has one. */
static void raw_free(struct raw_options *raw)
{
	for (const struct fuse_opt *option = option_table; option->templ; option++)
		if (strstr(option->templ, "=%s"))
			free(*(char **)((char *)raw + option->offset));
}

enum options_verdict options_parse(int argc, char **argv, struct options *options)
{
	struct raw_options raw = { .options = options };
	enum options_verdict verdict = OPTIONS_REFUSE;

	*options = (struct options){ .fuse = FUSE_ARGS_INIT(argc, argv) };
	if (fuse_opt_parse(&options->fuse, &raw, option_table, take_option) < 0) {
		refuse(&raw, "cannot read the command line; see %s", "lockfs --help");
		goto out;
	}
	if (raw.help || raw.version) {
		if (raw.help)
			fputs(usage_text, stdout);
		else
			puts("lockfs " LOCKFS_VERSION);
		verdict = OPTIONS_DONE;
		goto out;
	}
	if (!raw.refused)
		check_all(&raw);
	if (!raw.refused && add_own_fuse_options(options) < 0)
		refuse(&raw, "%s", strerror(ENOMEM));
	if (!raw.refused)
		verdict = OPTIONS_GO;
out:
	raw_free(&raw);
	return verdict;
}

void options_free(struct options *options)
{
	if (options->password)
		explicit_bzero(options->password, strlen(options->password));
	free(options->password);
	free(options->cacert);
	free(options->cert);
	free(options->key);
	free(options->source);
	free(options->mountpoint);
	free(options->namespace_);
	free(options->id);
	fuse_opt_free_args(&options->fuse);
}
