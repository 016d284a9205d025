/*
 * Checks that the caller of a request may do what it asks for. lockfs is mounted without `default_permissions`, because
 * the kernel would then keep users from opening each other's locks in order to wait for them (fs.protected_regular). So
 * the kernel checks almost nothing, and every operation must refuse by itself, in the order in which the kernel refuses
 * on other filesystems. lockfs(5), PERMISSIONS, names what the kernel decides without a request.
 */
#ifndef FS_OPS_REQUEST_ACCESS_H
#define FS_OPS_REQUEST_ACCESS_H

#include <stdbool.h>

#include "fs/caller/permission.h"

struct entry;
struct request;

/* Returns 0, or the negative errno for a caller who may not have what the rule is about. request->access.of is set. */
typedef int access_rule(struct request *request);

/* Continues the operation. */
typedef void access_next(struct request *request);

/* Ends the operation with a negative errno. */
typedef void access_refuse(struct request *request, int status);

/* The rule that the caller may look up names in a directory. */
int access_search(struct request *request);

/* The rule that the caller may list a directory, or read a file. */
int access_read(struct request *request);

/* The rule that the caller may make and remove names in a directory. */
int access_change(struct request *request);

/* The rule that the caller may do request->access.mask. */
int access_by_mask(struct request *request);

/* The credentials of the caller, for rules of one operation. */
void access_caller(const struct request *request, struct credentials *ret);

/*
 * Checks the rule for request->node, and then that the name of the request is a valid one. Calls `next`, or replies with
 * the error. The permissions of a directory that is not known well enough (ATTR_TIMEOUT_DIR) are read first, so `next`
 * may be called later.
 */
void access_check(struct request *request, access_rule *rule, access_next *next);

/*
 * As access_check() with access_change(), before request->key is removed from its directory, and with another function
 * than request_reply() to refuse by. In a sticky directory the caller must be the owner of what is removed, or of the directory, or root (EPERM). request->access.match is then the
 * holding whose owner was checked: only that may be released, as the next one may be another user's.
 */
void access_check_removal(struct request *request, access_next *next, access_refuse *refuse);

/* Checks the rule for the directory that the lock request->key is in. */
void access_check_parent(struct request *request, access_rule *rule, access_next *next, access_refuse *refuse);

/* What a caller must be allowed who opens a file with these flags of open(2): R_OK, W_OK or both. */
int access_mask_of(int flags);

/*
 * Checks that the caller may open the lock of the request with these flags of open(2): by the mode of the lock, or as one
 * who may create in its directory. The latter may open any lock in it, also one of another user, in order to wait for it:
 * request->access.by_dir is set then, and the open file must be a handle.
 */
void access_check_open(struct request *request, int flags, access_next *next);

/* May the caller do `mask` (R_OK, W_OK) by the mode and owner of the lock that was read? */
bool access_allows(const struct request *request, const struct entry *entry, int mask);

#endif
