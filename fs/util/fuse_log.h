/* The lines of libfuse, in our form. */
#ifndef FS_UTIL_FUSE_LOG_H
#define FS_UTIL_FUSE_LOG_H

/* Takes them over. To be called before libfuse reads the command line. */
void fuse_log_begin(void);

/* Logs that something failed in libfuse, unless libfuse has said why. */
void fuse_log_complain(const char *what, const char *mountpoint);

#endif
