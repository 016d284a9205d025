/*
 * What a terminal shows as it is. Names, commands and ids may hold any byte, and
 * whoever chose them must not be able to move the cursor, to colour or reorder a
 * line, or to begin a new one on the terminal of somebody who reads a log.
 *
 * Everything else is written byte by byte as a backslash and three octal digits, as
 * in /proc/mounts, which `printf %b` of bash(1) turns back.
 */
#ifndef FS_UTIL_PRINTABLE_H
#define FS_UTIL_PRINTABLE_H

#include <stddef.h>

/* The length of an escaped byte. */
#define ESCAPED_BYTE 4

/* The length of the UTF-8 character at `text`, at most `left` bytes long; 0 if there is none. */
size_t utf8_length(const char *text, size_t left);

/* The number of the UTF-8 character at `text`, which has `length` bytes. */
unsigned int utf8_code_point(const char *text, size_t length);

/*
 * The length of the character at `text`, at most `left` bytes long, if a terminal may
 * show it as it is. 0 if its first byte is to be escaped: a control character
 * (also U+0080 to U+009F), a character without a shape of its own that changes the
 * order or the lines of others (such as U+202E and U+2028), or no UTF-8.
 */
size_t printable_length(const char *text, size_t left);

/* Writes an escaped byte and a NUL. Returns where the NUL stands. */
char *escape_byte(char *at, unsigned char byte);

/*
 * Copies `size` bytes of `text`, escaped where they are not printable, and a NUL; what
 * does not fit in `room` bytes is cut off. Returns the length, without the NUL.
 */
size_t print_escaped(const char *text, size_t size, char *to, size_t room);

#endif
