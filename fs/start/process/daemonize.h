/*
 * Going to the background. It is done first of all, so that the loop and its
 * descriptors live in one process; the command waits until the mount answers.
 */
#ifndef FS_START_PROCESS_DAEMONIZE_H
#define FS_START_PROCESS_DAEMONIZE_H

/* The signals by which people and systems end it. */
enum { END_SIGNAL_COUNT = 3 };
extern const int end_signals[END_SIGNAL_COUNT];

/*
 * Forks. The child returns 0 and goes on; the parent waits for its daemonize_ready()
 * and exits 0 then, or with the status of a child that ended before. Returns -1
 * after logging a line.
 */
int daemonize_begin(void);

/*
 * The mount answers: lets the command return and leaves its terminal; nothing
 * where it stays in the foreground. Returns 0, or -1 where the command was
 * ended while it waited: then nobody wants the mount.
 */
int daemonize_ready(void);

#endif
