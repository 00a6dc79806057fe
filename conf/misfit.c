#include "conf/misfit.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SIBLINGS_MAX 24u /* rows at one level */

const char *misfit_scalar(struct binder *b, const struct schema_key *key, const yaml_node_t *node)
{
	static const char *const nothing[] = {"", "~", "null", "Null", "NULL"};
	const char *text = document_text(node);

	if (text == NULL) {
		binder_error(b, document_position(node), "takes one value, not a %s",
			node->type == YAML_SEQUENCE_NODE ? "list" : "mapping");
		return NULL;
	}
	if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return text;
	for (size_t i = 0; i < COUNT(nothing); i++) {
		if (strcmp(nothing[i], text) != 0)
			continue;
		binder_error(b, document_position(node), "has no value%s",
			key->required ? "" : "; leave the key out for its default");
		return NULL;
	}
	return text;
}

void misfit_shape(struct binder *b, const struct schema_key *key, const yaml_node_t *node)
{
	struct conf_position at = document_position(node);
	const char *text = document_text(node);

	if (text != NULL && misfit_scalar(b, key, node) == NULL)
		return; /* has no value: said */
	switch (key->shape) {
	case SHAPE_ITEMS:
		binder_error(b, at, "takes a list of mappings: start each one with \"- \"");
		break;
	case SHAPE_NAMES:
		binder_error(b, at, "takes a mapping: one entry a line, \"%s: …\"",
			key->type == TYPE_PREFIX ? "NETWORK" : "NAME");
		break;
	case SHAPE_LIST: binder_error(b, at, "takes a value or a list of values"); break;
	case SHAPE_VALUE:
	case SHAPE_MAP:
		binder_error(b, at, "takes a mapping of keys, not a %s",
			text != NULL ? "value" : "list");
		break;
	}
}

/* Octets that two paths have in common at their beginning. */
static size_t common(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] != '\0' && a[n] == b[n])
		n++;
	return n;
}

/* The row that ends in `name` and is nearest to `parent`: where the key may have been meant to
 * stand. */
static const struct schema_key *find_elsewhere(const struct schema_key *parent, const char *name)
{
	const char *here = parent != NULL ? parent->path : "";
	const struct schema_key *best = NULL;

	for (size_t i = 0; i < schema_key_count && strcmp(name, "*") != 0; i++) {
		const struct schema_key *key = &schema_keys[i];

		if (strcmp(schema_name(key), name) == 0 &&
			(best == NULL || common(key->path, here) > common(best->path, here)))
			best = key;
	}
	return best;
}

/* Without its colon a key takes what follows into its name: the first word, when that is a key. */
static const char *find_first_word(const char *name, const char *const *siblings, size_t count)
{
	size_t length = strcspn(name, " ");

	for (size_t i = 0; name[length] != '\0' && i < count; i++)
		if (strlen(siblings[i]) == length && strncmp(siblings[i], name, length) == 0)
			return siblings[i];
	return NULL;
}

static void unknown_key(struct binder *b, const struct schema_key *parent, const char *name,
	struct conf_position at)
{
	const struct schema_key *key = NULL, *elsewhere;
	const char *siblings[SIBLINGS_MAX], *nearest, *word;
	char shown[VALUE_SHOWN_MAX];
	struct text path = {0};
	size_t count = 0;

	while ((key = schema_next(parent, key)) != NULL && count < SIBLINGS_MAX)
		if (!key->unbuilt)
			siblings[count++] = schema_name(key);
	value_shown(name, shown);
	word = find_first_word(name, siblings, count);
	nearest = binder_nearest(b, name, siblings, count);
	elsewhere = find_elsewhere(parent, name);
	if (elsewhere != NULL)
		schema_path(elsewhere, &path);
	if (word != NULL)
		binder_error(b, at, "unknown key %s: a colon is missing after \"%s\"", shown, word);
	else if (nearest != NULL)
		binder_error(b, at, "unknown key %s; did you mean \"%s\"?", shown, nearest);
	else if (path.length > 0)
		binder_error(b, at, "unknown key %s; there is one at %s", shown, path.data);
	else
		binder_error(b, at, "unknown key %s", shown);
	text_free(&path);
}

/* None of the choices below `parent` is given. */
static void missing_choice(struct binder *b, const struct schema_key *parent)
{
	const struct schema_key *key = NULL;
	struct text names = {0};

	while ((key = schema_next(parent, key)) != NULL)
		if (key->choice)
			text_printf(&names, "%s\"%s\"", names.length > 0 ? " or " : "",
				schema_name(key));
	if (names.length > 0)
		binder_error(b, b->at->position, "needs %s", names.data);
	text_free(&names);
}

void misfit_keys(struct binder *b, const struct schema_key *parent, const yaml_node_t *node)
{
	const struct schema_key *choice = NULL;
	bool unbuilt = false;

	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
		p < node->data.mapping.pairs.top; p++) {
		const yaml_node_t *node_name = yaml_document_get_node(b->document, p->key);
		struct conf_position at = document_position(node_name);
		const char *name = document_text(node_name);
		const struct schema_key *key = schema_find(parent, name);

		if (key == NULL) {
			unknown_key(b, parent, name, at);
			continue;
		}
		unbuilt |= key->unbuilt;
		if (key->choice && choice != NULL)
			binder_error(b, at, "\"%s\" beside \"%s\": give one of them", name,
				schema_name(choice));
		else if (key->choice)
			choice = key;
	}
	/* one that is not built yet was refused by name: it is not missing too */
	if (choice == NULL && !unbuilt)
		missing_choice(b, parent);
}
