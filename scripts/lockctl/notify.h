/* Telling a command or a descriptor that `lockctl run` has acquired, lost or released a lock (--notify). */
#ifndef LOCKCTL_NOTIFY_H
#define LOCKCTL_NOTIFY_H

struct bound_lock;
struct run;

/* `event` is ACQUIRED, LOST or RELEASED. Waits for nothing. */
void notify(const struct run *run, const char *event, const struct bound_lock *lock);

#endif
