/* Where the journal of a mount is, if the user did not name a file. */
#ifndef FS_START_JOURNAL_PLACE_H
#define FS_START_JOURNAL_PLACE_H

/*
 * Returns the path of the journal for this mount point and namespace, to be freed; NULL if memory is short. The directory need not
 * exist. It is lost when the machine is started again, as the leases are.
 */
char *journal_place_default(const char *mount_point_id, const char *namespace_);

#endif
