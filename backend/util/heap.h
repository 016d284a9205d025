/*
 * A binary heap of things that are due at a time, the earliest on top. What is
 * kept in it embeds a struct heap_item, so that it can be moved and removed in
 * O(log n) without a search.
 */
#ifndef BACKEND_UTIL_HEAP_H
#define BACKEND_UTIL_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_item {
	int64_t due;  /* in whichever unit the owner of the heap counts */
	size_t index; /* the heap's own */
};

struct heap {
	struct heap_item **items;
	size_t count;
	size_t capacity;
};

/* Adds an item. Returns 0 or -ENOMEM, with the heap as it was. */
int heap_insert(struct heap *heap, struct heap_item *item, int64_t due);

/* Takes out an item that is in the heap. */
void heap_remove(struct heap *heap, struct heap_item *item);

/* Gives an item that is in the heap another time. */
void heap_move(struct heap *heap, struct heap_item *item, int64_t due);

/* Fills `items` with up to `max` of those that are due before `due`, in no order; returns how many. */
size_t heap_due_before(const struct heap *heap, int64_t due, struct heap_item **items, size_t max);

/* The item that is due first, or NULL. */
static inline struct heap_item *heap_first(const struct heap *heap)
{
	return heap->count ? heap->items[0] : NULL;
}

/* Frees the heap's own memory; the items are their owner's. */
void heap_free(struct heap *heap);

#endif
