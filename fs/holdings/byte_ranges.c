/* Adds and removes byte ranges. Sets are small, so they are arrays that are made anew by each change. */
#include "fs/holdings/byte_ranges.h"

#include <stdbool.h>
#include <string.h>

/* A removal from the middle of a range, and an addition, make one range more at most. */
#define CHANGED_MAX (BYTE_RANGES_MAX + 1)

struct changed {
	size_t count;
	struct byte_range all[CHANGED_MAX];
};

struct byte_range byte_range(off_t start, off_t length)
{
	int64_t last = INT64_MAX;

	/* The kernel has checked that the sum does not overflow. */
	if (length > 0 && start <= INT64_MAX - length)
		last = start + length - 1;
	return (struct byte_range){ .first = start, .last = last };
}

/* Appends a range, unless it is empty. */
static void append(struct changed *changed, int64_t first, int64_t last)
{
	if (first <= last)
		changed->all[changed->count++] = (struct byte_range){ first, last };
}

static size_t smallest_gap(const struct changed *changed)
{
	size_t found = 0;

	for (size_t i = 1; i + 1 < changed->count; i++)
		if (changed->all[i + 1].first - changed->all[i].last < changed->all[found + 1].first - changed->all[found].last)
			found = i;
	return found;
}

static void store(struct byte_ranges *ranges, struct changed *changed)
{
	if (changed->count > BYTE_RANGES_MAX) {
		size_t gap = smallest_gap(changed);

		changed->all[gap].last = changed->all[gap + 1].last;
		memmove(&changed->all[gap + 1], &changed->all[gap + 2], (changed->count - gap - 2) * sizeof(changed->all[0]));
		changed->count--;
	}
	ranges->count = changed->count;
	memcpy(ranges->all, changed->all, changed->count * sizeof(changed->all[0]));
}

/* Do the ranges overlap, or follow each other without a gap? */
static bool touches(struct byte_range one, struct byte_range other)
{
	if (one.first > other.first)
		return touches(other, one);
	return one.last >= other.first || one.last + 1 == other.first;
}

void byte_ranges_add(struct byte_ranges *ranges, struct byte_range range)
{
	struct changed changed = { 0 };
	size_t i = 0;

	for (; i < ranges->count && ranges->all[i].first < range.first && !touches(ranges->all[i], range); i++)
		append(&changed, ranges->all[i].first, ranges->all[i].last);
	for (; i < ranges->count && touches(ranges->all[i], range); i++) {
		if (ranges->all[i].first < range.first)
			range.first = ranges->all[i].first;
		if (ranges->all[i].last > range.last)
			range.last = ranges->all[i].last;
	}
	append(&changed, range.first, range.last);
	for (; i < ranges->count; i++)
		append(&changed, ranges->all[i].first, ranges->all[i].last);
	store(ranges, &changed);
}

void byte_ranges_remove(struct byte_ranges *ranges, struct byte_range range)
{
	struct changed changed = { 0 };

	for (size_t i = 0; i < ranges->count; i++) {
		struct byte_range old = ranges->all[i];

		if (old.last < range.first || old.first > range.last) {
			append(&changed, old.first, old.last);
			continue;
		}
		if (old.first < range.first)
			append(&changed, old.first, range.first - 1);
		if (old.last > range.last)
			append(&changed, range.last + 1, old.last);
	}
	store(ranges, &changed);
}
