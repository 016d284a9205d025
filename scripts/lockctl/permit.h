/* The permits of `lockctl run -L`: locks of free names in a directory with a limit. */
#ifndef LOCKCTL_PERMIT_H
#define LOCKCTL_PERMIT_H

struct options;
struct place;

/* Makes the directory of the place with its limit, and changes the place to a name in it that no other process has. */
void permit_choose(struct place *place, const struct options *options);

#endif
