/* uthash as it is used here: no memory is an answer (hh.tbl stays NULL), not an exit. */
#ifndef BACKEND_UTIL_HASH_H
#define BACKEND_UTIL_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
