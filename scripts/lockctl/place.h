/* Where a lock is: which mount, which key, and through which view it is reached. */
#ifndef LOCKCTL_PLACE_H
#define LOCKCTL_PLACE_H

struct options;

struct place {
	const char *top; /* the mount point, without a slash at its end */
	const char *key; /* below it; "" is the mount itself */
	const char *id;  /* the id of the caller, from an option or the path; NULL: the session is the holder */
};

/*
 * Finds the place of a KEY as it was given; NULL is the directory itself. Options of a view in the path are put into `options`
 * unless an option gave them. Ends the process if that is on no lockfs mount.
 */
void place_find(struct options *options, const char *name, struct place *ret);

/* The path of the key in the view with these options, separated by commas, and as the given id. NULL: no further options. */
char *place_path(const struct place *place, const char *view);

/* The path of another key or file of the mount, without a view. */
char *place_path_of(const struct place *place, const char *key);

/* The key for people. */
char *place_name(const struct place *place);

/* The place of the directory that the key is in. */
struct place place_parent(const struct place *place);

#endif
