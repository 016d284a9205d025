/*
 * Goes to the background. The process forks before it makes anything else, so that the event loop and its descriptors
 * belong to one process. The command that the user started waits until the mount answers, and reports failures.
 */
#ifndef FS_START_PROCESS_DAEMONIZE_H
#define FS_START_PROCESS_DAEMONIZE_H

/* The signals that end the daemon: SIGTERM, SIGINT, SIGHUP. */
enum { END_SIGNAL_COUNT = 3 };
extern const int end_signals[END_SIGNAL_COUNT];

/*
 * Forks. Returns 0 in the child. The parent does not return: it exits 0 when the child calls daemonize_ready(), or with the
 * exit status of a child that ends before. Returns -1 after logging a line if there can be no child.
 */
int daemonize_begin(void);

/*
 * Called when the mount answers: lets the waiting command exit 0, and leaves its terminal. Does nothing in the foreground.
 * Returns 0, or -1 if the command was killed while it waited: then nobody wants the mount.
 */
int daemonize_ready(void);

#endif
