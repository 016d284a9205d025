/*
 * One line for people, for each thing they should know: to stderr while the
 * daemon has one, to the system's log afterwards. A line that nobody takes is
 * dropped; writing it never waits.
 */
#ifndef FS_UTIL_LOG_H
#define FS_UTIL_LOG_H

#include <stdarg.h>
#include <syslog.h>

/* From here on lines go to the system's log (/dev/log). */
void log_to_system(void);

/* `priority` is one of syslog(3). The line needs no newline and no name of the program. */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_line_v(int priority, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

#endif
