/* The id of this boot, which the kernel makes when the machine is started. */
#ifndef BACKEND_UTIL_BOOT_ID_H
#define BACKEND_UTIL_BOOT_ID_H

#define BOOT_ID_SIZE 64 /* bytes, the NUL included */

/* Reads the id. Returns 0, or a negative errno and an empty text. */
int boot_id_read(char id[BOOT_ID_SIZE]);

#endif
