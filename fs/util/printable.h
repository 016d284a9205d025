/*
 * Escapes text that is shown to people. Names, commands and ids may contain any byte. The user who chose them must not be able to
 * move the cursor, colour or reorder a line, or begin a new line on the terminal of somebody who reads a log.
 *
 * A byte that is not printable is written as a backslash and three octal digits, as in /proc/mounts; `printf %b` of bash(1)
 * reverses that.
 */
#ifndef FS_UTIL_PRINTABLE_H
#define FS_UTIL_PRINTABLE_H

#include <stddef.h>

/* Length of an escaped byte, such as `\033`. */
#define ESCAPED_BYTE 4

/* The length in bytes of the UTF-8 character at `text`, of which `left` bytes follow; 0 if it is not valid UTF-8. */
size_t utf8_length(const char *text, size_t left);

/* The code point of the valid UTF-8 character at `text`, which has `length` bytes. */
unsigned int utf8_code_point(const char *text, size_t length);

/*
 * The length in bytes of the character at `text`, of which `left` bytes follow, if a terminal may show it unchanged. 0 if
 * its first byte must be escaped: a control character (also U+0080 to U+009F), an invisible character that changes the order
 * or the lines of others (such as U+202E and U+2028), or invalid UTF-8.
 */
size_t printable_length(const char *text, size_t left);

/* Writes an escaped byte and a NUL. Returns the position of the NUL. */
char *escape_byte(char *at, unsigned char byte);

/*
 * Copies `size` bytes of `text`, with unprintable bytes escaped, and a NUL. What does not fit in `room` bytes is cut off.
 * Returns the length without the NUL.
 */
size_t print_escaped(const char *text, size_t size, char *to, size_t room);

#endif
