/* Prints the table of `ls` for people, by libsmartcols. */
#ifndef LOCKCTL_LS_TABLE_H
#define LOCKCTL_LS_TABLE_H

#include <stdbool.h>

struct column_list;
struct list;

void table_print(const struct list *list, const struct column_list *columns, bool headings);

#endif
