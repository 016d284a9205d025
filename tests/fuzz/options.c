/*
 * Fuzz target: the command line, one argument a line. Accepted values are within their
 * bounds, a refusal prints one line, and ps(1) and /proc/mounts show no secret.
 */
#include <errno.h>
#include <stdarg.h>

#include "backend/redis/net/url.h"
#include "fs/options.h"
#include "fs/start/command_line.h"
#include "fs/start/secrets.h"
#include "fs/util/log.h"
#include "lockfs/lock.h"
#include "tests/fuzz/fuzz.h"

#define ARGUMENTS_MAX 16
#define SECRET "sesame"

/* In place of fs/util/log.c, which would write them. */
static unsigned int lines_logged;

void log_line(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line_v(priority, format, arguments);
	va_end(arguments);
}

void log_line_v(int priority, const char *format, va_list arguments)
{
	char line[1024];

	(void)priority;
	require(vsnprintf(line, sizeof(line), format, arguments) > 0, "a line says something");
	lines_logged++;
}

/* Makes a command line of the text, which it ends in pieces; returns how many words it has. */
static int split(char *text, char *argv[ARGUMENTS_MAX + 1])
{
	static char program[] = "lockfs";
	int argc = 0;
	char *argument;

	argv[argc++] = program;
	while (argc < ARGUMENTS_MAX && (argument = strsep(&text, "\n")))
		argv[argc++] = argument;
	argv[argc] = NULL;
	return argc;
}

static void check_fields(const struct options *options)
{
	require(options->source && options->mountpoint, "there are SOURCE and MOUNTPOINT");
	require(*options->namespace_ && strlen(options->namespace_) <= 255 && !strchr(options->namespace_, '#'),
		"a namespace can be one");
	require(options->ttl_ms == LEASE_NEVER || (options->ttl_ms >= LEASE_MIN_MS && options->ttl_ms <= LEASE_MAX_MS),
		"a lease is in its bounds");
	require(options->timeout_ms >= 1 && options->timeout_ms <= 3600000, "a time limit is in its bounds");
	require(options->owner <= OWNER_MOUNT, "a kind of owner is one");
	require(options->mode <= 07777, "a mode has nothing but permissions");
	require(options->uid != (uid_t)-1 && options->gid != (gid_t)-1, "there are such users");
	require(!options->cert == !options->key, "a certificate has its key");
	require(!options->id || (*options->id && strlen(options->id) <= LOCK_ID_MAX && !strpbrk(options->id, "/,")),
		"an id can be one");
}

/* What libfuse is left with goes to the kernel, and from there to /proc/mounts. */
static void check_rest(const struct options *options)
{
	struct redis_url source;
	char problem[BACKEND_PROBLEM_MAX];

	require(options->fuse.argc >= 3 && strstr(options->fuse.argv[2], "fsname="), "a mount has a name");
	if (redis_url_parse(options->source, NULL, &source, problem) < 0)
		return;
	/* A user or host of that word is no secret. */
	if (source.password && strstr(source.password, SECRET) && !strstr(source.name, SECRET) &&
		!(source.user && strstr(source.user, SECRET)))
		require(!strstr(options->fuse.argv[2], SECRET), "no password is in the name of a mount");
	redis_url_free(&source);
}

static bool is_stars(const char *text)
{
	return text[strspn(text, "*")] == '\0';
}

/* Whoever reads what ps(1) shows as a command line finds neither an id nor a password there. */
static void check_hidden(int argc, char **argv)
{
	struct options options;
	struct redis_url source;
	char problem[BACKEND_PROBLEM_MAX];

	secrets_hide(argc, argv);
	if (command_line_parse(argc, argv, &options) == COMMAND_LINE_GO) {
		require(!options.id || is_stars(options.id), "ps(1) shows no id");
		if (redis_url_parse(options.source, NULL, &source, problem) == 0) {
			require(!source.password || is_stars(source.password), "ps(1) shows no password");
			redis_url_free(&source);
		}
	}
	options_free(&options);
}

static void check_command_line(char *text)
{
	char *argv[ARGUMENTS_MAX + 1];
	int argc = split(text, argv);
	struct options options;
	enum command_line_verdict verdict;

	lines_logged = 0;
	verdict = command_line_parse(argc, argv, &options);
	require(lines_logged <= 1, "one line is enough");
	require(verdict == COMMAND_LINE_DONE || lines_logged == (verdict == COMMAND_LINE_REFUSE), "a refusal is told");
	if (verdict == COMMAND_LINE_GO) {
		check_fields(&options);
		check_rest(&options);
	}
	options_free(&options);
	check_hidden(argc, argv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);

	/* Whatever file that would be, it is not read. */
	if (strlen(text) == size && !strstr(text, "password_file"))
		check_command_line(text);
	free(text);
	return 0;
}
