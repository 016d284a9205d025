/* uthash as fs/ uses it: no memory is an answer (hh.tbl stays NULL), not an exit. */
#ifndef FS_TABLE_H
#define FS_TABLE_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
