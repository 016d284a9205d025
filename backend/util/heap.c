/* A binary heap of items that know their place in it, so that they move without a search. */
#include "backend/util/heap.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_CAPACITY 64 /* items */

static void place(struct heap *heap, struct heap_item *item, size_t index)
{
	heap->items[index] = item;
	item->index = index;
}

static void sift_up(struct heap *heap, struct heap_item *item)
{
	size_t index = item->index;

	while (index > 0) {
		size_t parent = (index - 1) / 2;

		if (heap->items[parent]->due <= item->due)
			break;
		place(heap, heap->items[parent], index);
		index = parent;
	}
	place(heap, item, index);
}

static void sift_down(struct heap *heap, struct heap_item *item)
{
	size_t index = item->index;

	for (;;) {
		size_t child = 2 * index + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count && heap->items[child + 1]->due < heap->items[child]->due)
			child++;
		if (item->due <= heap->items[child]->due)
			break;
		place(heap, heap->items[child], index);
		index = child;
	}
	place(heap, item, index);
}

static int grow(struct heap *heap)
{
	size_t capacity = heap->capacity ? heap->capacity * 2 : FIRST_CAPACITY;
	struct heap_item **items = reallocarray(heap->items, capacity, sizeof(*items));

	if (!items)
		return -ENOMEM;
	heap->items = items;
	heap->capacity = capacity;
	return 0;
}

int heap_insert(struct heap *heap, struct heap_item *item, int64_t due)
{
	if (heap->count == heap->capacity) {
		int err = grow(heap);

		if (err < 0)
			return err;
	}
	item->due = due;
	place(heap, item, heap->count++);
	sift_up(heap, item);
	return 0;
}

void heap_remove(struct heap *heap, struct heap_item *item)
{
	struct heap_item *last = heap->items[--heap->count];

	if (last == item)
		return;
	place(heap, last, item->index);
	sift_up(heap, last);
	sift_down(heap, last);
}

void heap_move(struct heap *heap, struct heap_item *item, int64_t due)
{
	item->due = due;
	sift_up(heap, item);
	sift_down(heap, item);
}

/* An item that is due before `due` stands below items that are, so the search goes down from those found. */
size_t heap_due_before(const struct heap *heap, int64_t due, struct heap_item **items, size_t max)
{
	size_t count = 0;

	if (heap->count > 0 && heap->items[0]->due < due && max > 0)
		items[count++] = heap->items[0];
	for (size_t seen = 0; seen < count; seen++) {
		size_t child = 2 * items[seen]->index + 1;

		for (size_t last = child + 1; child <= last && child < heap->count && count < max; child++)
			if (heap->items[child]->due < due)
				items[count++] = heap->items[child];
	}
	return count;
}

void heap_free(struct heap *heap)
{
	free(heap->items);
	*heap = (struct heap){ 0 };
}
