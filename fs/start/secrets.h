/* Takes passwords and ids out of what everybody may see: the list of processes, /proc/mounts and messages. */
#ifndef FS_START_SECRETS_H
#define FS_START_SECRETS_H

/* Takes passwords and ids out of what ps(1) shows. `argv` is that of main(), after it was parsed. */
void secrets_hide(int argc, char **argv);

/* SOURCE as everybody may see it, in /proc/mounts. The caller frees it. */
char *secrets_public_name(const char *source);

#endif
