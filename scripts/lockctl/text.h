/*
 * Texts and messages of lockctl. Texts live until the process ends or text_free_since() ends them, so callers free nothing.
 * Whatever bytes a key, an owner or a note has, no message acts on a terminal.
 */
#ifndef LOCKCTL_TEXT_H
#define LOCKCTL_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Room that lives as long as a text. Ends the process if memory is short. */
void *text_room(size_t size);

/* A text made as by printf(3). */
char *text_make(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The newest text, for text_free_since(), which frees all texts that are newer. For loops that go on for ever. */
void *text_mark(void);
void text_free_since(void *mark);

/* `text` for people: what would act on a terminal, and backslashes, as `\ooo`. */
char *shown(const char *text);

/* As shown(), except that backslashes stay, for what lockfs has escaped already, such as an owner. */
char *shown_printable(const char *text);

/* Replaces each `\ooo`, a byte in octal digits, in place. */
void text_unescape(char *text);

/* `text` as one word of a shell. */
char *quoted(const char *text);

/* A number of milliseconds for people, in its two largest units: `3 min 12 s`. */
char *in_words(int64_t ms);

/* Prints `lockctl: `, the message and a newline on standard error. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints a message and ends the process. */
void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

#endif
