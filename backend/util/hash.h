/* uthash, set to report a lack of memory (hh.tbl of the new item stays NULL) and not to exit. */
#ifndef BACKEND_UTIL_HASH_H
#define BACKEND_UTIL_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
