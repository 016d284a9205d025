/* Prints the rows of `ls` for programs. */
#ifndef LOCKCTL_LS_OUTPUT_H
#define LOCKCTL_LS_OUTPUT_H

#include <stdbool.h>

struct column_list;
struct list;

/* An array of objects. NULL: the usual members, which are others for a lock and for a directory. */
void json_print(const struct list *list, const struct column_list *columns);

/* Fields that are escaped as in `.locks`, separated by TABs. */
void raw_print(const struct list *list, const struct column_list *columns, bool headings);

#endif
