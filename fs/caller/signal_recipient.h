/*
 * Processes that get a signal if their lock is lost: the view option `signal=`. Each is held by one pidfd for all its locks, so
 * that a later process with its id never gets the signal. The pidfds of each user are counted against
 * a quota, and some descriptors are reserved for the daemon and for watched sessions.
 */
#ifndef FS_CALLER_SIGNAL_RECIPIENT_H
#define FS_CALLER_SIGNAL_RECIPIENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "backend/util/quota.h"

struct signal_recipient;

struct signal_recipients {
	struct signal_recipient *by_process;
	struct quota quota; /* processes of each user; set by the owner */
	size_t descriptors; /* files that the daemon may open */
	int fd_limit;       /* pidfds have numbers below it */
	bool logged_full;   /* the log says that no descriptor was left; cleared when one is available again */
};

/* Raises the limit of open files of this daemon, because every recipient needs one. */
void signal_recipients_init(struct signal_recipients *recipients);
void signal_recipients_free(struct signal_recipients *recipients);

/* The most recipients that one user may have: half of all, so that others have some. */
size_t signal_recipients_most(const struct signal_recipients *recipients);

/*
 * Gets a reference to the recipient for the process `pid` (0: unknown), counted in the quota of `uid`, until
 * signal_recipient_put(). Returns 0 and the recipient, or 0 and NULL if the process is unknown or has ended; -EMFILE
 * if the user has too many or the daemon has no descriptor left.
 */
int signal_recipient_get(struct signal_recipients *recipients, pid_t pid, uid_t uid, struct signal_recipient **ret);

/* Gives back a reference. Accepts NULL. */
void signal_recipient_put(struct signal_recipient *recipient);

/* Does the process still live? False for NULL. */
bool signal_recipient_lives(const struct signal_recipient *recipient);

/* Sends a signal, if `uid` may send it to the process. Returns 0, also if the process has ended, or a negative errno. */
int signal_recipient_signal(const struct signal_recipient *recipient, uid_t uid, int signal);

#endif
