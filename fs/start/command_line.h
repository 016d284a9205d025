/* Reads the command line: SOURCE MOUNTPOINT [-f] [-d] [-o OPTION...]. */
#ifndef FS_START_COMMAND_LINE_H
#define FS_START_COMMAND_LINE_H

struct options;

/* What main() does after the command line has been read. */
enum command_line_verdict {
	COMMAND_LINE_GO,     /* mount */
	COMMAND_LINE_DONE,   /* help or version was printed: exit 0 */
	COMMAND_LINE_REFUSE, /* one line was logged: exit 2 */
};

/* Fills in `options`, which options_free() frees for every verdict. */
enum command_line_verdict command_line_parse(int argc, char **argv, struct options *options);

#endif
