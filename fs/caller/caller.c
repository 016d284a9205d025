/*
 * Identities of callers. A process or session is named by its number and birth (process.h), which are unique only within one
 * boot and pid namespace, so the identity also names those, the host and the mount point.
 */
#include "fs/caller/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/util/boot_id.h"
#include "backend/util/siphash.h"
#include "backend/util/text/number.h"
#include "fs/caller/process.h"

/* The login name of a user, read once. */
struct user_name {
	uid_t uid;
	UT_hash_handle hh;
	char name[];
};

/*
 * Reads only /etc/passwd, because getpwuid(3) may wait for a directory server. A user who is not listed there is named by
 * number. Returns a text to be freed, or NULL if memory is short.
 */
static char *read_login_name(uid_t uid)
{
	FILE *passwd = fopen("/etc/passwd", "re");
	const struct passwd *entry;
	char *name = NULL;

	if (passwd) {
		while (!name && (entry = fgetpwent(passwd)))
			if (entry->pw_uid == uid)
				name = strdup(entry->pw_name);
		fclose(passwd);
	}
	if (!name && asprintf(&name, "%u", (unsigned int)uid) < 0)
		return NULL;
	return name;
}

static struct user_name *remember_user(struct callers *callers, uid_t uid)
{
	char *name = read_login_name(uid);
	struct user_name *user = NULL;

	if (!name)
		return NULL;
	user = calloc(1, sizeof(*user) + strlen(name) + 1);
	if (user) {
		user->uid = uid;
		stpcpy(user->name, name);
		HASH_ADD(hh, callers->user_names, uid, sizeof(user->uid), user);
		if (!user->hh.tbl) {
			free(user);
			user = NULL;
		}
	}
	free(name);
	return user;
}

static const char *user_name(struct callers *callers, uid_t uid)
{
	struct user_name *user;

	HASH_FIND(hh, callers->user_names, &uid, sizeof(uid), user);
	if (!user)
		user = remember_user(callers, uid);
	return user ? user->name : "?";
}

/*
 * Prints 96 bits of the text's hash. The key is constant, because an id must be equal after a restart of the daemon.
 */
static void print_hash(const char *text, char id[MOUNT_POINT_ID_SIZE])
{
	static const struct siphash_key key = { .low = UINT64_C(0x746e756f6d206b6c), .high = UINT64_C(0x6469746e696f7020) };
	struct siphash_128 hash = siphash_128(key, text, strlen(text));

	snprintf(id, MOUNT_POINT_ID_SIZE, "%08" PRIx32 "%016" PRIx64, (uint32_t)hash.high, hash.low);
}

/* False if /proc belongs to another pid namespace: process ids mean other processes there. */
static bool sees_processes(void)
{
	uint64_t pid;
	char own[16];
	ssize_t length = readlink("/proc/self", own, sizeof(own) - 1);

	if (length <= 0)
		return false;
	own[length] = '\0';
	return number_parse(own, 10, INT_MAX, &pid) == 0 && (pid_t)pid == getpid();
}

int callers_init(struct callers *callers, uv_loop_t *loop, enum owner_kind owner, const char *mountpoint)
{
	char boot_id[BOOT_ID_SIZE];
	struct stat processes = { 0 };
	char *text;

	*callers = (struct callers){ .owner = owner, .sees_processes = sees_processes() };
	if (gethostname(callers->host, sizeof(callers->host) - 1) < 0)
		return -errno;
	if (asprintf(&text, "%s:%s", callers->host, mountpoint) < 0)
		return -ENOMEM;
	print_hash(text, callers->mount_point_id);
	free(text);

	/* Process ids are unique only within one boot and one pid namespace. */
	(void)boot_id_read(boot_id); /* stays empty if /proc cannot be read */
	if (stat("/proc/self/ns/pid", &processes) < 0)
		processes.st_ino = 0;
	if (asprintf(&text, "%s:%s:%s:%ju", callers->host, mountpoint, boot_id, (uintmax_t)processes.st_ino) < 0)
		return -ENOMEM;
	print_hash(text, callers->boot_mount_point_id);
	free(text);
	return posix_sessions_init(&callers->sessions, loop);
}

void callers_stop(struct callers *callers)
{
	posix_sessions_stop(&callers->sessions);
}

void callers_free(struct callers *callers)
{
	struct user_name *user, *next;

	HASH_ITER(hh, callers->user_names, user, next) {
		HASH_DELETE(hh, callers->user_names, user);
		free(user);
	}
	posix_sessions_free(&callers->sessions);
}

/*
 * Writes caller->identity. Returns 0; -ENOENT or -ESRCH if the process or session cannot be seen; or another negative
 * errno. caller->process is already set, 0 if unknown.
 */

typedef int identify_fn(struct callers *callers, pid_t thread, uid_t uid, struct caller *caller);

static int identify_session(struct callers *callers, pid_t thread, uid_t uid, struct caller *caller)
{
	uint64_t birth;
	pid_t number;
	int err = posix_session_of(&callers->sessions, thread, &number, &birth);

	(void)uid;
	if (err == 0)
		snprintf(caller->identity, sizeof(caller->identity), "session:%d.%" PRIu64 "@%s", (int)number,
			birth, callers->boot_mount_point_id);
	return err;
}

static int identify_process(struct callers *callers, pid_t thread, uid_t uid, struct caller *caller)
{
	uint64_t birth;
	int err = process_birth(caller->process, &birth);

	(void)thread;
	(void)uid;
	if (err == 0)
		snprintf(caller->identity, sizeof(caller->identity), "process:%d.%" PRIu64 "@%s", (int)caller->process,
			birth, callers->boot_mount_point_id);
	return err;
}

static int identify_user(struct callers *callers, pid_t thread, uid_t uid, struct caller *caller)
{
	(void)thread;
	snprintf(caller->identity, sizeof(caller->identity), "user:%u@%s", (unsigned int)uid, callers->mount_point_id);
	return 0;
}

static int identify_mount(struct callers *callers, pid_t thread, uid_t uid, struct caller *caller)
{
	(void)thread;
	(void)uid;
	snprintf(caller->identity, sizeof(caller->identity), "mount@%s", callers->mount_point_id);
	return 0;
}

static identify_fn *const identifiers[] = {
	[OWNER_SESSION] = identify_session,
	[OWNER_PROCESS] = identify_process,
	[OWNER_USER] = identify_user,
	[OWNER_MOUNT] = identify_mount,
};

/*
 * Is this a process that cannot be seen, rather than one that has ended? FUSE gives thread id 0 for a process that has no
 * number in the daemon's pid namespace.
 */
static bool is_hidden(const struct callers *callers, pid_t thread)
{
	return thread == 0 || !callers->sees_processes || kill(thread, 0) == 0 || errno == EPERM;
}

/*
 * Falls back to the user's identity only if the process cannot be seen. After another error (such as -EMFILE) the request fails:
 * with the user's identity for one request only, the caller could not release the lock later.
 */
int caller_identify(struct callers *callers, pid_t pid, uid_t uid, struct caller *ret)
{
	bool of_process = callers->owner == OWNER_SESSION || callers->owner == OWNER_PROCESS;
	int err;

	*ret = (struct caller){ .process = 0 };
	err = pid > 0 && callers->sees_processes ? process_of_thread(pid, &ret->process) : -ENOENT;
	if (err < 0)
		ret->process = 0;
	ret->process_hidden = ret->process == 0 && is_hidden(callers, pid);
	if (err == 0 || !of_process)
		err = identifiers[callers->owner](callers, pid, uid, ret);
	if (err == -ENOENT || err == -ESRCH) {
		ret->by_user = is_hidden(callers, pid);
		err = identify_user(callers, pid, uid, ret);
	}
	return err;
}

void caller_describe(struct callers *callers, const struct caller *caller, uid_t uid,
                     struct caller_description *ret)
{
	ret->user = user_name(callers, uid);
	if (caller->process == 0 || process_command(caller->process, ret->command, sizeof(ret->command)) < 0)
		stpcpy(ret->command, "?");
}
