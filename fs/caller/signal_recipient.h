/*
 * Processes that are sent a signal if a lock is lost: `signal=`. Each is kept by a
 * pidfd, one for all its locks, so that no other process of its number is ever meant.
 * The pidfds of each user are counted, and some descriptors are left to the daemon and
 * to the sessions that it watches.
 */
#ifndef FS_CALLER_SIGNAL_RECIPIENT_H
#define FS_CALLER_SIGNAL_RECIPIENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "backend/util/quota.h"

struct signal_recipient;

struct signal_recipients {
	struct signal_recipient *by_process;
	struct quota quota; /* of each user; set by the owner */
	size_t descriptors; /* that the daemon may have */
	int fd_limit;       /* pidfds have numbers below it */
	bool told;          /* that there was none left, since the last one that there was */
};

/* Raises the number of descriptors that this daemon may have, which every recipient needs one of. */
void signal_recipients_init(struct signal_recipients *recipients);
void signal_recipients_free(struct signal_recipients *recipients);

/* The most that one user may have of them, so that others have some: half. */
size_t signal_recipients_most(const struct signal_recipients *recipients);

/*
 * Keeps the process `pid` (0: unknown) for `uid`, who asks for it, until signal_recipient_put().
 * Returns 0 and the recipient, or NULL if there is none: it is unknown or has ended.
 * -EMFILE: its user has too many, or the daemon has no descriptor left.
 */
int signal_recipient_get(struct signal_recipients *recipients, pid_t pid, uid_t uid, struct signal_recipient **ret);

/* Accepts NULL. */
void signal_recipient_put(struct signal_recipient *recipient);

/* False for NULL as well. */
bool signal_recipient_lives(const struct signal_recipient *recipient);

/* Sends it a signal, if `uid` could do that. Returns 0, also if it has ended, or a negative errno. */
int signal_recipient_signal(const struct signal_recipient *recipient, uid_t uid, int signal);

#endif
