/* The tables of nodes by number and by name. A node lives until the kernel has forgotten all its lookups. */
#include "fs/names/node.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "backend/util/clock.h"
#include "backend/util/siphash.h"
#include "backend/util/text/key.h"
#include "fs/names/control_node.h"
#include "lockfs/lock.h"

#define ROOT_INODE 1

/* A node name with room for the longest path. */
union name_room {
	struct node_name name;
	char bytes[sizeof(struct node_name) + LOCK_KEY_MAX + 1];
};

static void name_write(union name_room *room, enum node_kind kind, struct view *view, uint64_t token,
                       const char *path)
{
	room->name = (struct node_name){ .view = view, .token = token, .kind = kind };
	stpcpy(room->name.path, path);
}

static size_t name_size(const char *path)
{
	return offsetof(struct node_name, path) + strlen(path);
}

static struct node *node_make(struct node_table *table, const struct node_name *name)
{
	struct node *node = calloc(1, sizeof(*node) + strlen(name->path) + 1);

	if (!node)
		return NULL;
	memcpy(&node->name, name, name_size(name->path) + 1);
	node->number = ++table->last_number;
	node->next_permissions = LOCK_PERMISSIONS;
	HASH_ADD(by_number, table->by_number, number, sizeof(node->number), node);
	if (!node->by_number.tbl)
		goto fail;
	HASH_ADD_KEYPTR(by_name, table->by_name, &node->name, name_size(name->path), node);
	if (!node->by_name.tbl)
		goto fail_named;
	node->named = true;
	view_hold(node->name.view);
	return node;
fail_named:
	HASH_DELETE(by_number, table->by_number, node);
fail:
	free(node);
	return NULL;
}

static void node_free(struct node_table *table, struct node *node)
{
	known_nodes_remove(&table->known, &node->known);
	node_unname(table, node);
	HASH_DELETE(by_number, table->by_number, node);
	view_put(&table->views, node->name.view);
	if (node_is_control(node))
		control_node_put(node->control);
	else if (node_is_of_holding(node))
		table->on_free(node);
	free(node->moved_key);
	free(node);
}

int node_table_init(struct node_table *table)
{
	union name_room root;

	*table = (struct node_table){ 0 };
	name_write(&root, NODE_DIR, NULL, 0, "");
	/* The first number made is FUSE_ROOT_ID. */
	table->root = node_make(table, &root.name);
	return table->root ? 0 : -ENOMEM;
}

void node_table_free(struct node_table *table)
{
	struct node *node, *next;

	HASH_ITER(by_number, table->by_number, node, next)
		node_free(table, node);
	table->root = NULL;
	known_nodes_free(&table->known);
}

struct node *node_find(const struct node_table *table, fuse_ino_t number)
{
	struct node *node;

	if (number == FUSE_ROOT_ID)
		return table->root;
	HASH_FIND(by_number, table->by_number, &number, sizeof(number), node);
	return node;
}

static struct node *find_by_name(const struct node_table *table, const union name_room *wanted)
{
	struct node *node;

	HASH_FIND(by_name, table->by_name, &wanted->name, name_size(wanted->name.path), node);
	return node;
}

struct node *node_peek(const struct node_table *table, enum node_kind kind, struct view *view, uint64_t token,
                       const char *path)
{
	union name_room wanted;

	name_write(&wanted, kind, view, token, path);
	return find_by_name(table, &wanted);
}

struct node *node_look_up(struct node_table *table, enum node_kind kind, struct view *view, uint64_t token,
                          const char *path, uid_t uid)
{
	union name_room wanted;
	struct node *node;

	name_write(&wanted, kind, view, token, path);
	node = find_by_name(table, &wanted);
	if (node) {
		known_nodes_touch(&node->known);
	} else {
		node = node_make(table, &wanted.name);
		if (!node)
			return NULL;
		known_nodes_add(&table->known, &node->known, uid);
	}
	node->lookups++;
	return node;
}

uint64_t node_unique(struct node_table *table)
{
	return ++table->last_unique;
}

void node_forget(struct node_table *table, struct node *node, uint64_t count)
{
	node->lookups -= count < node->lookups ? count : node->lookups;
	if (node->lookups == 0 && node != table->root)
		node_free(table, node);
}

void node_unname(struct node_table *table, struct node *node)
{
	if (!node->named)
		return;
	HASH_DELETE(by_name, table->by_name, node);
	node->named = false;
}

void node_end(struct node_table *table, struct node *node, uint64_t token)
{
	if (token == node->bound_token)
		node->bound_ended = true;
	if (token != node->name.token)
		return;
	node->ended = true;
	/* A foreign lock has the same token each time it is taken with the same value, but is another holding. */
	node_unname(table, node);
}

int node_move(struct node *node, const char *key)
{
	char *copy = strdup(key);

	if (!copy)
		return -ENOMEM;
	free(node->moved_key);
	node->moved_key = copy;
	return 0;
}

/* The root of a view is an entry of `.with`. */
static bool is_view_root(const struct node *node)
{
	return node_kind(node) == NODE_DIR && node->name.view && !*node->name.path;
}

const struct node *node_parent(const struct node_table *table, const struct node *node)
{
	char path[LOCK_KEY_MAX + 1];
	size_t length = key_parent_length(node_path(node));

	if (is_view_root(node))
		return node_peek(table, NODE_WITH, NULL, 0, "");
	memcpy(path, node_path(node), length);
	path[length] = '\0';
	return node_peek(table, NODE_DIR, node->name.view, 0, path);
}

const char *node_base_name(const struct node *node)
{
	if (is_view_root(node))
		return node->name.view->text;
	return key_name(node_path(node));
}

void node_note_permissions(struct node *node, const struct permissions *permissions)
{
	node->permissions = *permissions;
	node->permissions_ns = boot_ns();
}

ino_t path_inode(const char *path)
{
	/* Constant, because a path has one inode number on all mounts and hosts. The bytes are arbitrary. */
	static const struct siphash_key key = { .low = UINT64_C(0x7366206b636f6c20), .high = UINT64_C(0x65646f6e6920) };
	uint64_t hash;

	if (!*path)
		return ROOT_INODE;
	hash = siphash_64(key, path, strlen(path));
	return hash > ROOT_INODE ? (ino_t)hash : (ino_t)(hash + 2);
}
