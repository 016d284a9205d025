#include "fs/caller/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/caller/process.h"

struct user_name {
	uid_t uid;
	UT_hash_handle hh;
	char name[];
};

/* Login names */

/*
 * Only the machine's own list is read: getpwuid(3) may ask servers and wait for
 * them. Who is not in it is called by number.
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

/* The place */

/* Two hashes of different starts make an accidental meeting of two places as good as impossible. */
static void print_hash(const char *text, char place[PLACE_MAX])
{
	uint64_t low = UINT64_C(14695981039346656037); /* FNV-1a */
	uint64_t high = UINT64_C(0x9ae16a3b2f90404f);

	for (; *text; text++) {
		low = (low ^ (unsigned char)*text) * UINT64_C(1099511628211);
		high = (high ^ (unsigned char)*text) * UINT64_C(0x9fb21c651e98df25);
		high ^= high >> 29;
	}
	snprintf(place, PLACE_MAX, "%08" PRIx32 "%016" PRIx64, (uint32_t)(high >> 32), low);
}

static void read_boot_id(char *text, size_t size)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[length < 0 ? 0 : length] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

/* In a namespace of its own and with the /proc of another one, the daemon would read of other processes. */
static bool sees_processes(void)
{
	char own[16];
	ssize_t length = readlink("/proc/self", own, sizeof(own) - 1);

	if (length <= 0)
		return false;
	own[length] = '\0';
	return strtol(own, NULL, 10) == getpid();
}

int callers_init(struct callers *callers, uv_loop_t *loop, enum owner_kind owner, const char *mountpoint)
{
	char boot_id[64];
	struct stat processes = { 0 };
	char *text;

	*callers = (struct callers){ .owner = owner, .sees_processes = sees_processes() };
	if (gethostname(callers->host, sizeof(callers->host) - 1) < 0)
		return -errno;
	if (asprintf(&text, "%s:%s", callers->host, mountpoint) < 0)
		return -ENOMEM;
	print_hash(text, callers->place);
	free(text);

	/* Numbers of processes mean something in one boot and one namespace of processes only. */
	read_boot_id(boot_id, sizeof(boot_id));
	if (stat("/proc/self/ns/pid", &processes) < 0)
		processes.st_ino = 0;
	if (asprintf(&text, "%s:%s:%s:%ju", callers->host, mountpoint, boot_id, (uintmax_t)processes.st_ino) < 0)
		return -ENOMEM;
	print_hash(text, callers->boot_place);
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
 * Identities. Each returns 0; -ENOENT or -ESRCH where the caller cannot be told apart that
 * way; or another errno. Those that go by the process have it in `caller`.
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
			birth, callers->boot_place);
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
			birth, callers->boot_place);
	return err;
}

static int identify_user(struct callers *callers, pid_t thread, uid_t uid, struct caller *caller)
{
	(void)thread;
	snprintf(caller->identity, sizeof(caller->identity), "user:%u@%s", (unsigned int)uid, callers->place);
	return 0;
}

static int identify_mount(struct callers *callers, pid_t thread, uid_t uid, struct caller *caller)
{
	(void)thread;
	(void)uid;
	snprintf(caller->identity, sizeof(caller->identity), "mount@%s", callers->place);
	return 0;
}

static identify_fn *const identifiers[] = {
	[OWNER_SESSION] = identify_session,
	[OWNER_PROCESS] = identify_process,
	[OWNER_USER] = identify_user,
	[OWNER_MOUNT] = identify_mount,
};

/*
 * Is it a process that cannot be seen, rather than one that has ended? The kernel
 * gives 0 for one that has no number in the daemon's namespace.
 */
static bool is_hidden(const struct callers *callers, pid_t thread)
{
	return thread == 0 || !callers->sees_processes || kill(thread, 0) == 0 || errno == EPERM;
}

/*
 * Only who cannot be seen is told apart by user. Where the daemon cannot look, by user
 * would be as another than before and after: a lock so acquired could not be released.
 */
int caller_identify(struct callers *callers, pid_t pid, uid_t uid, struct caller *ret)
{
	bool of_process = callers->owner == OWNER_SESSION || callers->owner == OWNER_PROCESS;
	int err;

	*ret = (struct caller){ .process = 0 };
	err = pid > 0 && callers->sees_processes ? process_of_thread(pid, &ret->process) : -ENOENT;
	if (err < 0)
		ret->process = 0;
	ret->unseen = ret->process == 0 && is_hidden(callers, pid);
	if (err == 0 || !of_process)
		err = identifiers[callers->owner](callers, pid, uid, ret);
	if (err == -ENOENT || err == -ESRCH) {
		ret->hidden = is_hidden(callers, pid);
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
