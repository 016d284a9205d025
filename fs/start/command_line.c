/*
 * The options, their names and the usage text. To add a mount option, change option_table and usage_text here, and
 * option_values.[ch]. Options of the kernel are passed on, those that only mount(8) needs are ignored, all others refused.
 */
#include "fs/start/command_line.h"

#include <errno.h>
#include <fuse_opt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/options.h"
#include "fs/start/option_values.h"
#include "fs/start/secrets.h"
#include "fs/util/log.h"

enum option_key { KEY_HELP = 1, KEY_VERSION, KEY_FOREGROUND, KEY_TRACE, KEY_DEBUG, KEY_AUTO_UNMOUNT, KEY_ALLOW_OTHER, KEY_RO, KEY_SCAN, KEY_STRICT, KEY_LOCKDIR, KEY_IGNORE };

#define RAW(template, member) { template, offsetof(struct raw_options, member), 0 }

static const struct fuse_opt option_table[] = {
	RAW("namespace=%s", namespace_),
	RAW("ttl=%s", ttl),
	RAW("timeout=%s", timeout),
	RAW("grace=%s", grace),
	RAW("replicas=%s", replicas),
	RAW("min_interval=%s", min_interval),
	RAW("spin=%s", busy_poll),
	RAW("owner=%s", owner),
	RAW("id=%s", id),
	RAW("journal=%s", journal),
	RAW("mode=%s", mode),
	RAW("uid=%s", uid),
	RAW("gid=%s", gid),
	RAW("password_file=%s", password_file),
	RAW("sentinel_user=%s", sentinel_user),
	RAW("sentinel_password_file=%s", sentinel_password_file),
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
	FUSE_OPT_KEY("strict", KEY_STRICT),
	FUSE_OPT_KEY("lockdir", KEY_LOCKDIR),
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
	/* -s asks libfuse for one thread, which lockfs has anyway; the others are for mount(8) only. */
	FUSE_OPT_KEY("-s", KEY_IGNORE),
	FUSE_OPT_KEY("defaults", KEY_IGNORE),
	FUSE_OPT_KEY("auto", KEY_IGNORE),
	FUSE_OPT_KEY("noauto", KEY_IGNORE),
	FUSE_OPT_KEY("user", KEY_IGNORE),
	FUSE_OPT_KEY("users", KEY_IGNORE),
	FUSE_OPT_KEY("nouser", KEY_IGNORE),
	FUSE_OPT_KEY("owner", KEY_IGNORE),
	FUSE_OPT_KEY("group", KEY_IGNORE),
	/* With remount, too, a live mount is refused and a dead one replaced. */
	FUSE_OPT_KEY("remount", KEY_IGNORE),
	FUSE_OPT_KEY("nofail", KEY_IGNORE),
	FUSE_OPT_KEY("_netdev", KEY_IGNORE),
	FUSE_OPT_KEY("diratime", KEY_IGNORE),
	FUSE_OPT_KEY("nodiratime", KEY_IGNORE),
	FUSE_OPT_KEY("relatime", KEY_IGNORE),
	FUSE_OPT_KEY("norelatime", KEY_IGNORE),
	/* The kernel's checks would keep users from waiting for each other's locks (fs.protected_regular). */
	FUSE_OPT_KEY("default_permissions", KEY_IGNORE),
	FUSE_OPT_END,
};

/* Options with these prefixes are notes for mount(8), fstab(5) and systemd. */
static const char *const ignored_prefixes[] = { "x-", "X-", "comment=", "user=" };

/* Options of libfuse and the kernel, which are passed on. One with a trailing `=` takes a value. */
static const char *const fuse_options[] = {
	"rw", "dev", "nodev", "suid", "nosuid", "exec", "noexec", "atime", "noatime", "sync", "async",
	"dirsync", "allow_root", "fsname=",
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
	"  redis://HOST,HOST...  the one that is primary; redis-sentinel://HOST,HOST.../NAME asks Sentinels\n"
	"  redis-cluster://HOST,HOST...\n"
	"                        the node of a cluster that has the namespace\n"
	"\n"
	"options\n"
	"  -f                    stay in the foreground\n"
	"  -d                    print every call to the backend, and stay in the foreground\n"
	"  -V, -h                print the version, this help\n"
	"  -o namespace=NAME     separates lock trees in one backend (lockfs)\n"
	"  -o ttl=DURATION       the lease of locks: 250ms, 30s, 5m, 2h, 1d, 0.5, never (5m)\n"
	"  -o owner=KIND         who counts as one holder: session, process, user, mount (session)\n"
	"  -o id=ID              every caller of this mount is the holder ID\n"
	"  -o journal=FILE       by which locks in memory outlive a daemon that is killed; none: nothing does\n"
	"  -o timeout=DURATION   how long the backend may take to answer (2s)\n"
	"  -o grace=DURATION     how long nobody acquires after a server has lost its data (2s)\n"
	"  -o replicas=N         acquisitions and renewals count only when N replicas of the server have them (0)\n"
	"  -o min_interval=DURATION  views with interval= look no more often than this (100ms)\n"
	"  -o spin=MICROSECONDS  how long a busy daemon looks for more to do before it sleeps (200)\n"
	"  -o mode= uid= gid=    of the root directory\n"
	"  -o password_file=FILE the backend's password; or LOCKFS_REDIS_PASSWORD in the environment\n"
	"  -o sentinel_user=USER sentinel_password_file=FILE\n"
	"                        who we are for Sentinels\n"
	"  -o cacert= cert= key= files for TLS: who signs the server, our certificate and its key\n"
	"  -o scan               ls shows locks that other Redis clients took, too (slow)\n"
	"  -o strict             refuse a server that could lose locks, and say which setting to change\n"
	"  -o lockdir            mkdir takes a lock, as in the view .with/lockdir, and makes no directory\n"
	"  -o ro                 look, and change nothing\n"
	"  -o debug              print every FUSE request, and stay in the foreground\n"
	"  -o allow_other        other users may use the mount too\n"
	"  -o user_memory= user_waiters= user_streams= user_names= user_files= user_listings= user_signals= user_renewals=\n"
	"  -o user_calls=        what each of them may take: bytes, calls that wait, open streams, names in use, open\n"
	"                        lock files, bytes, processes that signal= is for, renewals a minute, calls to a server\n"
	"\n"
	"Unmount with: fusermount3 -u MOUNTPOINT. The manuals are lockfs(1) and lockfs(5).\n";

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

/* An option is empty if the list is empty or ends with a comma. */
static bool is_ignored(const char *argument)
{
	if (!*argument)
		return true;
	for (size_t i = 0; i < sizeof(ignored_prefixes) / sizeof(ignored_prefixes[0]); i++)
		if (strncmp(argument, ignored_prefixes[i], strlen(ignored_prefixes[i])) == 0)
			return true;
	return false;
}

static int take_argument(struct raw_options *raw, const char *argument)
{
	char **slot = !raw->options->source ? &raw->options->source : &raw->options->mountpoint;

	if (raw->options->mountpoint) {
		char *name = secrets_public_name(argument); /* without a password: the argument may be a SOURCE in the wrong place */

		if (!name)
			return -1;
		raw_options_refuse(raw, "one SOURCE and one MOUNTPOINT are wanted, and '%s' is one too many", name);
		free(name);
		return 0;
	}
	*slot = strdup(argument);
	return *slot ? 0 : -1;
}

/* Logs the option without its value, which may be a password after a misspelt name. */
static int refuse_option(struct raw_options *raw, const char *argument)
{
	char *name = strndup(argument, strcspn(argument, "="));

	if (!name)
		return -1;
	raw_options_refuse(raw, "unknown option '%s'; `lockfs --help` lists them", name);
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
	case KEY_STRICT:
		raw->options->strict = true;
		return 0;
	case KEY_LOCKDIR:
		raw->options->lockdir = true;
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

/* Adds the options of every lockfs mount: name and type in /proc/mounts. */
static int add_own_fuse_options(struct options *options)
{
	char *source = secrets_public_name(options->source);
	char *name = NULL;
	char *text = NULL;
	int err = -1;

	if (!source || asprintf(&name, "fsname=%s", source) < 0) {
		free(source);
		return -1;
	}
	/* Inserted before the user's options, so that the user's win. */
	if (fuse_opt_add_opt(&text, "subtype=lockfs") == 0 &&
		fuse_opt_add_opt_escaped(&text, name) == 0 &&
		fuse_opt_insert_arg(&options->fuse, 1, "-o") == 0 &&
		fuse_opt_insert_arg(&options->fuse, 2, text) == 0)
		err = 0;
	free(text);
	free(name);
	free(source);
	return err;
}

/* Frees the copies that libfuse made of the options' values. */
static void raw_options_free(struct raw_options *raw)
{
	for (const struct fuse_opt *option = option_table; option->templ; option++)
		if (strstr(option->templ, "=%s"))
			free(*(char **)((char *)raw + option->offset));
}

enum command_line_verdict command_line_parse(int argc, char **argv, struct options *options)
{
	struct raw_options raw = { .options = options };
	enum command_line_verdict verdict = COMMAND_LINE_REFUSE;

	*options = (struct options){ .fuse = FUSE_ARGS_INIT(argc, argv) };
	if (fuse_opt_parse(&options->fuse, &raw, option_table, take_option) < 0) {
		raw_options_refuse(&raw, "cannot read the command line; see %s", "lockfs --help");
		goto out;
	}
	if (raw.help || raw.version) {
		if (raw.help)
			fputs(usage_text, stdout);
		else
			puts("lockfs " LOCKFS_VERSION);
		verdict = COMMAND_LINE_DONE;
		goto out;
	}
	if (!raw.refused)
		option_values_check(&raw);
	if (!raw.refused && add_own_fuse_options(options) < 0)
		raw_options_refuse(&raw, "%s", strerror(ENOMEM));
	if (!raw.refused)
		verdict = COMMAND_LINE_GO;
out:
	raw_options_free(&raw);
	return verdict;
}
