/*
 * One walk over the schema rows beside the document. It knows shapes and types, no keys. Every
 * struct first gets its defaults, from their text in the table and through the same readers as the
 * file's own values; then what the file says. A value that cannot be read leaves the default and a
 * message, and the walk goes on.
 */
#include "conf/bind.h"

#include "conf/misfit.h"
#include "conf/scalar.h"

#include <string.h>

static void bind_level(
	struct binder *b, const struct schema_key *parent, const yaml_node_t *node, char *level);

/* What is refused as a name still needs one in later messages. */
static void store_no_name(void *field)
{
	const char **name = field;

	*name = "";
}

static void set_position(const struct schema_key *key, char *base, struct conf_position at)
{
	if (key->position != 0)
		memcpy(base + key->position, &at, sizeof at);
}

/* A scalar into `field`; false after an error. */
static bool bind_scalar(
	struct binder *b, const struct schema_key *key, const yaml_node_t *node, void *field)
{
	struct conf_position at = document_position(node);
	const char *text = misfit_scalar(b, key, node);
	struct err e;

	if (text == NULL) {
		binder_place(b, field, at, false);
		return false;
	}
	if (value_is_reference(key->type)) {
		binder_reference(b, key, field, text, at);
	} else if (value_parse(&b->values, key, text, field, &e) < 0) {
		binder_error(b, at, "%s", e.text);
		binder_place(b, field, at, false);
		return false;
	}
	binder_place(b, field, at, true);
	return true;
}

/* Memory for `count` elements of a container; NULL without any. Stores the pointer, not the
 * count. */
static char *reserve(struct binder *b, const struct schema_key *key, char *level, size_t count)
{
	char *array;

	if (key->in_place)
		return level + key->offset;
	array = arena_calloc(&b->conf->arena, count, key->size);
	if (array == NULL)
		binder_out_of_memory(b);
	else
		memcpy(level + key->offset, &array, sizeof array);
	return array;
}

static void store_count(const struct schema_key *key, char *level, size_t count)
{
	if (key->count != 0)
		memcpy(level + key->count, &count, sizeof count);
}

/* The number of elements, bounded; errors stand at `at`. */
static size_t check_count(
	struct binder *b, const struct schema_key *key, size_t count, struct conf_position at)
{
	if (count != key->at_least && key->at_least == key->at_most) {
		binder_error(b, at, "needs %zu entries, not %zu", key->at_least, count);
		return count < key->at_most ? count : key->at_most;
	}
	if (count < key->at_least)
		binder_error(b, at, "needs at least %zu %s", key->at_least,
			key->at_least == 1 ? "entry" : "entries");
	if (count <= key->at_most)
		return count;
	binder_error(b, at, "has %zu entries, more than %zu", count, key->at_most);
	return key->at_most;
}

static void bind_list(
	struct binder *b, const struct schema_key *key, const yaml_node_t *node, char *level)
{
	bool sequence = node->type == YAML_SEQUENCE_NODE, good;
	const yaml_node_item_t *items = sequence ? node->data.sequence.items.start : NULL;
	size_t given = sequence ? (size_t)(node->data.sequence.items.top - items) : 1;
	size_t count = check_count(b, key, given, document_position(node)), used = 0;
	char *array = reserve(b, key, level, count);

	if (array == NULL)
		return;
	good = given == count && count >= key->at_least;
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *item =
			sequence ? yaml_document_get_node(b->document, items[i]) : node;
		char *element = array + used * key->size;

		if (!bind_scalar(b, key, item, element)) {
			good = false;
			continue;
		}
		set_position(key, element, document_position(item));
		used++;
	}
	store_count(key, level, used);
	if (key->count != 0)
		binder_place(b, level + key->count, document_position(node), good);
	if (key->flag != 0)
		*(bool *)(level + key->flag) = good && used == key->at_most;
}

/* Endpoints of all pools lie in one array, whose size is known before the first is bound. */
static char *reserve_endpoints(
	struct binder *b, struct conf_pool *pool, size_t *count, struct conf_position at)
{
	struct conf *c = b->conf;
	size_t room = b->endpoint_capacity - c->endpoint_count;

	if (*count > room)
		binder_error(b, at, "more than %u endpoints in all pools", CONF_ENDPOINTS_MAX);
	*count = *count < room ? *count : room;
	pool->first_endpoint = (uint32_t)c->endpoint_count;
	pool->endpoint_count = (uint32_t)*count;
	c->endpoint_count += *count;
	return (char *)(c->endpoints + pool->first_endpoint);
}

static void bind_element(struct binder *b, const struct schema_key *container,
	const yaml_node_t *value, char *element)
{
	const struct schema_key *row = schema_find(container, "*");

	if (row->shape == SHAPE_MAP)
		bind_level(b, row, value, element);
	else
		(void)bind_scalar(b, row, value, element + row->offset);
}

static void bind_names(
	struct binder *b, const struct schema_key *key, const yaml_node_t *node, char *level)
{
	const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
	size_t count = (size_t)(node->data.mapping.pairs.top - pairs);
	char *array;

	count = check_count(b, key, count, document_position(node));
	if (schema_is_endpoints(key))
		array = reserve_endpoints(
			b, (struct conf_pool *)level, &count, document_position(node));
	else
		array = reserve(b, key, level, count);
	if (array == NULL)
		return;
	store_count(key, level, count);
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *name = yaml_document_get_node(b->document, pairs[i].key);
		struct binder_frame frame = {
			b->at, document_text(name), 0, document_position(name)};
		char *element = array + i * key->size;
		struct err e;

		b->at = &frame;
		set_position(key, element, frame.position);
		if (key->type == TYPE_NAME)
			store_no_name(element);
		if (value_parse(&b->values, key, frame.name, element, &e) < 0)
			binder_error(b, frame.position, "%s", e.text);
		bind_element(b, key, yaml_document_get_node(b->document, pairs[i].value), element);
		b->at = frame.up;
	}
}

static void bind_items(
	struct binder *b, const struct schema_key *key, const yaml_node_t *node, char *level)
{
	const yaml_node_item_t *items = node->data.sequence.items.start;
	size_t count = check_count(
		b, key, (size_t)(node->data.sequence.items.top - items), document_position(node));
	char *array = reserve(b, key, level, count);

	if (array == NULL)
		return;
	store_count(key, level, count);
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *item = yaml_document_get_node(b->document, items[i]);
		struct binder_frame frame = {b->at, NULL, i + 1, document_position(item)};

		b->at = &frame;
		set_position(key, array + i * key->size, frame.position);
		bind_element(b, key, item, array + i * key->size);
		b->at = frame.up;
	}
}

/* What a key holds when the file does not say it. */
static void set_default(struct binder *b, const struct schema_key *key, char *level)
{
	const struct schema_key *child = NULL;
	char *field = level + key->offset;
	struct err e;

	if (key->type == TYPE_NAME && key->shape == SHAPE_VALUE)
		store_no_name(field);
	else if (value_is_reference(key->type))
		scalar_store(field, key->size, CONF_NONE);
	else if (key->fallback != NULL && key->shape == SHAPE_LIST)
		store_count(key, level, 1);
	if (key->fallback != NULL && value_parse(&b->values, key, key->fallback, field, &e) < 0)
		binder_out_of_memory(b); /* the only reason: a unit test parses every default */
	if ((key->shape != SHAPE_MAP && key->shape != SHAPE_VALUE) || key->choice)
		return;
	while ((child = schema_next(key, child)) != NULL)
		set_default(b, child, level);
}

/* One key of the table with what the file gives it. */
static void bind_key(
	struct binder *b, const struct schema_key *key, const yaml_node_t *node, char *level)
{
	bool mapping = node->type == YAML_MAPPING_NODE, list = node->type == YAML_SEQUENCE_NODE;

	if (key->unbuilt) {
		binder_error(b, b->at->position, "is known, but not built in this version");
	} else if (key->shape == SHAPE_VALUE && mapping && schema_next(key, NULL) != NULL) {
		bind_level(b, key, node, level);
	} else if (key->shape == SHAPE_VALUE) {
		(void)bind_scalar(b, key, node, level + key->offset);
		set_position(key, level, document_position(node));
	} else if (key->shape == SHAPE_LIST && !mapping) {
		if (list || misfit_scalar(b, key, node) != NULL)
			bind_list(b, key, node, level);
	} else if (key->shape == SHAPE_NAMES && mapping) {
		bind_names(b, key, node, level);
	} else if (key->shape == SHAPE_ITEMS && list) {
		bind_items(b, key, node, level);
	} else if (key->shape == SHAPE_MAP && mapping) {
		if (key->choice)
			scalar_store(level + key->offset, key->size, key->variant);
		bind_level(b, key, node, level);
	} else {
		misfit_shape(b, key, node);
	}
}

static const yaml_node_pair_t *find_pair(
	struct binder *b, const yaml_node_t *mapping, const char *name)
{
	for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
		p < mapping->data.mapping.pairs.top; p++)
		if (strcmp(document_text(yaml_document_get_node(b->document, p->key)), name) == 0)
			return p;
	return NULL;
}

/* The fixed keys below `parent` into the struct `level`. A node that is no mapping leaves the
 * defaults. */
static void bind_level(
	struct binder *b, const struct schema_key *parent, const yaml_node_t *node, char *level)
{
	struct conf_position here = b->at != NULL ? b->at->position : (struct conf_position){1, 1};
	const struct schema_key *key = NULL;

	while ((key = schema_next(parent, key)) != NULL)
		set_default(b, key, level);
	if (node->type != YAML_MAPPING_NODE) {
		misfit_shape(b, parent, node);
		return;
	}
	while ((key = schema_next(parent, key)) != NULL) {
		const yaml_node_pair_t *pair = find_pair(b, node, schema_name(key));
		const struct binder_frame *up = b->at;
		const yaml_node_t *name;

		if (pair == NULL && key->required && !(b->cut && parent == NULL))
			binder_error(b, here, "\"%s\" is missing", schema_name(key));
		if (pair == NULL)
			continue;
		name = yaml_document_get_node(b->document, pair->key);
		b->at = &(struct binder_frame){up, schema_name(key), 0, document_position(name)};
		bind_key(b, key, yaml_document_get_node(b->document, pair->value), level);
		b->at = up;
	}
	misfit_keys(b, parent, node);
}

/* The node of `name` in a mapping; NULL when there is none or `mapping` is something else. */
static const yaml_node_t *member(struct binder *b, const yaml_node_t *mapping, const char *name)
{
	const yaml_node_pair_t *pair =
		mapping->type == YAML_MAPPING_NODE ? find_pair(b, mapping, name) : NULL;

	return pair != NULL ? yaml_document_get_node(b->document, pair->value) : NULL;
}

static size_t count_endpoints(struct binder *b, const yaml_node_t *root)
{
	const yaml_node_t *pools = member(b, root, "pools"), *endpoints;
	size_t total = 0;

	if (pools == NULL || pools->type != YAML_MAPPING_NODE)
		return 0;
	for (const yaml_node_pair_t *p = pools->data.mapping.pairs.start;
		p < pools->data.mapping.pairs.top; p++) {
		endpoints = member(b, yaml_document_get_node(b->document, p->value), "endpoints");
		if (endpoints != NULL && endpoints->type == YAML_MAPPING_NODE)
			total += (size_t)(endpoints->data.mapping.pairs.top -
					  endpoints->data.mapping.pairs.start);
	}
	return total < CONF_ENDPOINTS_MAX ? total : CONF_ENDPOINTS_MAX;
}

int bind_document(struct binder *b)
{
	static const yaml_node_t nothing = {.type = YAML_MAPPING_NODE};
	const yaml_node_t *root = yaml_document_get_root_node(b->document);

	if (root == NULL)
		root = &nothing; /* an empty file lacks the required keys, no more */
	b->endpoint_capacity = count_endpoints(b, root);
	b->conf->endpoints =
		arena_calloc(&b->conf->arena, b->endpoint_capacity, sizeof *b->conf->endpoints);
	if (b->conf->endpoints == NULL) {
		binder_out_of_memory(b);
		return -1;
	}
	if (root->type != YAML_MAPPING_NODE) {
		binder_error(b, document_position(root),
			"the file takes a mapping of keys: \"listen: …\"");
		return -1;
	}
	bind_level(b, NULL, root, (char *)b->conf);
	binder_sort(b);
	return b->out_of_memory ? -1 : 0;
}
