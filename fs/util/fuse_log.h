/* Messages of libfuse, logged as lines of lockfs. */
#ifndef FS_UTIL_FUSE_LOG_H
#define FS_UTIL_FUSE_LOG_H

/* Redirects the messages of libfuse to log_line(). Call it before libfuse reads the command line. */
void fuse_log_begin(void);

/* Logs "cannot WHAT MOUNTPOINT" after a failure in libfuse, unless libfuse has logged the reason itself. */
void fuse_log_complain(const char *what, const char *mountpoint);

#endif
