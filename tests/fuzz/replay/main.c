/*
 * The main() of fuzz targets without libFuzzer: runs the target once with each file of
 * the command line, and prints TAP. A case that fails aborts the program; its name is the
 * last line of the output.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (1024 * 1024)

static bool replay(const char *path)
{
	static uint8_t input[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		perror(path);
		return false;
	}
	size = fread(input, 1, sizeof(input), file);
	fclose(file);
	LLVMFuzzerTestOneInput(input, size);
	return true;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("1..1");
	for (int i = 1; i < argc; i++) {
		printf("# %s\n", argv[i]);
		if (!replay(argv[i]))
			return EXIT_FAILURE;
	}
	printf("%sok 1 - %d cases\n", argc > 1 ? "" : "not ", argc - 1);
	return EXIT_SUCCESS;
}
