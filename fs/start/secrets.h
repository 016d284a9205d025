/* Hides passwords and ids where other users could read them: in the process list, in /proc/mounts and in messages. */
#ifndef FS_START_SECRETS_H
#define FS_START_SECRETS_H

/* Overwrites passwords and ids in `argv` of main(), which ps(1) shows, with asterisks. Call it after parsing. */
void secrets_hide(int argc, char **argv);

/* Returns SOURCE without its password, as shown in /proc/mounts; to be freed. NULL if memory is short. */
char *secrets_public_name(const char *source);

#endif
