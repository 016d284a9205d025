/*
 * A binary heap of items that are due at a time, the earliest on top. A struct that goes into a heap
 * embeds a struct heap_item, so that it is moved and removed in O(log n) without a search.
 */
#ifndef BACKEND_UTIL_HEAP_H
#define BACKEND_UTIL_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_item {
	int64_t due;  /* time, in the unit of the heap's owner */
	size_t index; /* position in the heap */
};

struct heap {
	struct heap_item **items;
	size_t count;
	size_t capacity;
};

/* Adds an item. Returns 0, or -ENOMEM with the heap as it was. */
int heap_insert(struct heap *heap, struct heap_item *item, int64_t due);

/* Removes an item that is in the heap. */
void heap_remove(struct heap *heap, struct heap_item *item);

/* Changes the time of an item that is in the heap. */
void heap_move(struct heap *heap, struct heap_item *item, int64_t due);

/* Fills `items` with up to `max` items that are due before `due`, in no order. Returns their number. */
size_t heap_due_before(const struct heap *heap, int64_t due, struct heap_item **items, size_t max);

/* Returns the item that is due first, or NULL. */
static inline struct heap_item *heap_first(const struct heap *heap)
{
	return heap->count ? heap->items[0] : NULL;
}

/* Frees the memory of the heap. The items belong to their owner. */
void heap_free(struct heap *heap);

#endif
