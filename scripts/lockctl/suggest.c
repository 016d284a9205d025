/* Finds the word that was meant by a misspelt one: the one with the fewest letters added, left out, changed or swapped. */
#include <string.h>

#include "scripts/lockctl/command_line.h"

#define WORD_MAX 32

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The distance of Damerau and Levenshtein between two words of less than WORD_MAX bytes. */
static size_t distance(const char *from, size_t from_length, const char *to, size_t to_length)
{
	size_t cost[WORD_MAX][WORD_MAX];

	for (size_t i = 0; i <= from_length; i++)
		cost[i][0] = i;
	for (size_t j = 0; j <= to_length; j++)
		cost[0][j] = j;
	for (size_t i = 1; i <= from_length; i++) {
		for (size_t j = 1; j <= to_length; j++) {
			size_t changed = from[i - 1] == to[j - 1] ? 0 : 1;

			cost[i][j] = least(cost[i - 1][j - 1] + changed, least(cost[i - 1][j], cost[i][j - 1]) + 1);
			if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
				cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
		}
	}
	return cost[from_length][to_length];
}

const char *suggestion(const char *word, const char *(*next)(size_t i, const void *context), const void *context)
{
	size_t length = strlen(word);
	size_t best = length / 3 + 2; /* words that differ in more are not alike */
	const char *found = NULL, *candidate;

	for (size_t i = 0; length < WORD_MAX && (candidate = next(i, context)); i++) {
		size_t far = distance(word, length, candidate, strlen(candidate));

		if (far < best) {
			best = far;
			found = candidate;
		}
	}
	return found;
}
