/*
 * Messages for people, one line each: to stderr while the daemon is in the foreground or starts, to the system's log afterwards.
 * Logging never waits: a line that stderr or the system's log does not accept at once is dropped.
 */
#ifndef FS_UTIL_LOG_H
#define FS_UTIL_LOG_H

#include <stdarg.h>
#include <syslog.h>

/* Sends all further lines to the system's log (/dev/log). */
void log_to_system(void);

/* `priority` is that of syslog(3). The program's name and a newline are added. Unprintable bytes are escaped. */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_line_v(int priority, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

#endif
