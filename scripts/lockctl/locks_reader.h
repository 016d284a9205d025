/* Reads `.locks`, the locks below a directory, a line for each; see lockfs(5). */
#ifndef LOCKCTL_LOCKS_READER_H
#define LOCKCTL_LOCKS_READER_H

#include <stdbool.h>

struct lock_row;

/* Parses a line without its newline, in place; the row refers to it. False if it is no line of `.locks`. */
bool locks_line_parse(char *line, struct lock_row *ret);

/*
 * Reads all lines of the open file. The rows are put before *rows, and their keys behind `prefix`. Returns 0 or a negative errno:
 * a part of the lines never counts as all, and what is no line is -EPROTO.
 */
int locks_read(int fd, const char *prefix, struct lock_row **rows);

#endif
