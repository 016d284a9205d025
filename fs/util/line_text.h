/*
 * The values in lines that programs read: `.events`, `.status` and their JSON forms. Whatever bytes a value has, it is one
 * word or string in one line, and a program can recover it. Each function prints at `at` and returns the position of the
 * NUL behind it; the caller has made room.
 */
#ifndef FS_UTIL_LINE_TEXT_H
#define FS_UTIL_LINE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* What stands for no value in text. */
#define LINE_NOTHING "-"

/* Bytes of the longest text that one byte can become: `\u001b` in JSON. */
#define LINE_GROWTH_MAX 6

/* Bytes of a time, its NUL included. */
#define LINE_TIME_MAX 48

/* A time in µs since the epoch, as `2026-11-25T00:54:30.484Z`. */
char *line_put_time(char *at, int64_t time_us);

/*
 * A word: bytes that are not printable, spaces and backslashes are escaped as `\ooo`. `-` stands for NULL and "", so the text
 * `-` is escaped, too. What follows the first `most` bytes is cut off.
 */
char *line_put_field(char *at, const char *field, size_t most);

/* A string of JSON with its quotes, or `null` for NULL. A byte that is no UTF-8 becomes a lone surrogate (Python's surrogateescape). */
char *line_put_json_string(char *at, const char *string, size_t most);

#endif
