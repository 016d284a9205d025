/* A table of pidfds by process. A pidfd is opened once per process and checked against the birth of the process that was meant. */
#include "fs/caller/signal_recipient.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/util/hash.h"
#include "fs/caller/posix_session.h"
#include "fs/caller/process.h"
#include "fs/util/log.h"

/* The daemon raises its limit of open files up to this, although the hard limit may be a billion. */
#define DESCRIPTORS_MAX 65536

/* Descriptors reserved for the daemon itself: connections, and files of /proc that are open for a moment. */
#define RESERVED_DESCRIPTORS 64

/* A key for the table. Both members have 64 bits, because the table compares all bytes and padding would differ. */
struct process_name {
	uint64_t pid;
	uint64_t birth;
};

struct signal_recipient {
	struct signal_recipients *recipients;
	struct process_name name;
	int fd;
	uid_t uid; /* the first user to ask for it, in whose quota it counts */
	size_t references;
	UT_hash_handle hh;
};

void signal_recipients_init(struct signal_recipients *recipients)
{
	struct rlimit limit = { .rlim_cur = RESERVED_DESCRIPTORS };

	*recipients = (struct signal_recipients){ 0 };
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		log_line(LOG_WARNING, "cannot tell how many files this daemon may open: %s", strerror(errno));
	} else if (limit.rlim_cur < limit.rlim_max && limit.rlim_cur < DESCRIPTORS_MAX) {
		struct rlimit raised = limit;

		raised.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	if (limit.rlim_cur > DESCRIPTORS_MAX)
		limit.rlim_cur = DESCRIPTORS_MAX;
	recipients->descriptors = limit.rlim_cur;
	recipients->fd_limit = (int)limit.rlim_cur - RESERVED_DESCRIPTORS - (int)posix_sessions_watch_limit(limit.rlim_cur);
}

size_t signal_recipients_most(const struct signal_recipients *recipients)
{
	/* Not 0, which in a quota means unlimited. */
	return recipients->fd_limit < 2 ? 1 : (size_t)recipients->fd_limit / 2;
}

static void drop(struct signal_recipient *recipient)
{
	struct signal_recipients *recipients = recipient->recipients;

	HASH_DELETE(hh, recipients->by_process, recipient);
	quota_give(&recipients->quota, recipient->uid, 1);
	close(recipient->fd);
	free(recipient);
}

void signal_recipients_free(struct signal_recipients *recipients)
{
	while (recipients->by_process)
		drop(recipients->by_process);
	quota_free(&recipients->quota);
}

static int refuse_descriptor(struct signal_recipients *recipients, int err)
{
	if (!recipients->logged_full)
		log_line(LOG_WARNING, "a lock with signal= was refused, as there is no descriptor left for its process: %s. "
			"Raise the limit of open files of this daemon, %zu", strerror(-err), recipients->descriptors);
	recipients->logged_full = true;
	return err;
}

/* Returns a pidfd, or a negative errno; -ESRCH: the process has ended. */
static int open_process(struct signal_recipients *recipients, const struct process *process)
{
	int fd = (int)syscall(SYS_pidfd_open, process->pid, 0);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		return refuse_descriptor(recipients, -errno);
	if (fd < 0)
		return -errno;
	if (fd >= recipients->fd_limit) {
		close(fd);
		return refuse_descriptor(recipients, -EMFILE);
	}
	recipients->logged_full = false;
	/* The process may have ended before it was opened; then the descriptor may be that of another one. */
	if (process_lives(process))
		return fd;
	close(fd);
	return -ESRCH;
}

static struct signal_recipient *find(const struct signal_recipients *recipients, const struct process_name *name)
{
	struct signal_recipient *recipient;

	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): it reads a whole name, byte by byte */
	HASH_FIND(hh, recipients->by_process, name, sizeof(*name), recipient);
	return recipient;
}

/* Adds a recipient that is already counted in the quota. Returns 0 or a negative errno; -ESRCH: the process has ended. */
static int add(struct signal_recipients *recipients, const struct process *process, uid_t uid, struct signal_recipient **ret)
{
	struct signal_recipient *recipient = calloc(1, sizeof(*recipient));
	int err = -ENOMEM;

	if (!recipient)
		return -ENOMEM;
	recipient->recipients = recipients;
	recipient->name = (struct process_name){ .pid = (uint64_t)process->pid, .birth = process->birth };
	recipient->uid = uid;
	recipient->references = 1;
	recipient->fd = open_process(recipients, process);
	if (recipient->fd < 0) {
		err = recipient->fd;
		goto fail;
	}
	HASH_ADD(hh, recipients->by_process, name, sizeof(recipient->name), recipient);
	if (!recipient->hh.tbl)
		goto fail_open;
	*ret = recipient;
	return 0;
fail_open:
	close(recipient->fd);
fail:
	free(recipient);
	return err;
}

int signal_recipient_get(struct signal_recipients *recipients, pid_t pid, uid_t uid, struct signal_recipient **ret)
{
	struct process process;
	struct process_name name;
	int err = process_identify(pid, &process);

	*ret = NULL;
	if (err == -EMFILE || err == -ENFILE)
		return refuse_descriptor(recipients, err);
	if (err < 0 || process.pid == 0)
		return err;
	name = (struct process_name){ .pid = (uint64_t)process.pid, .birth = process.birth };
	*ret = find(recipients, &name);
	if (*ret) {
		(*ret)->references++;
		return 0;
	}
	err = quota_take(&recipients->quota, uid, 1);
	if (err < 0)
		return err;
	err = add(recipients, &process, uid, ret);
	if (err < 0)
		quota_give(&recipients->quota, uid, 1);
	return err == -ESRCH ? 0 : err;
}

void signal_recipient_put(struct signal_recipient *recipient)
{
	if (recipient && --recipient->references == 0)
		drop(recipient);
}

bool signal_recipient_lives(const struct signal_recipient *recipient)
{
	struct pollfd end = { .events = POLLIN };

	if (!recipient)
		return false;
	end.fd = recipient->fd;
	return poll(&end, 1, 0) == 0;
}

int signal_recipient_signal(const struct signal_recipient *recipient, uid_t uid, int signal)
{
	int err = process_check_signal((pid_t)recipient->name.pid, uid);

	/*
	 * The check above goes by the id, which another process may have by now. If it fails, signal 0 (which is not delivered)
	 * finds out by the descriptor whether the recipient has ended.
	 */
	if (syscall(SYS_pidfd_send_signal, recipient->fd, err < 0 ? 0 : signal, NULL, 0) < 0)
		return errno == ESRCH ? 0 : -errno;
	return err;
}
