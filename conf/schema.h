/*
 * The schema table: everything waymark.yaml may say, one row a key.
 *
 *   path      pools.*.endpoints.*.weight      * = a name of the operator's, or an item of a list
 *   shape     a value, a list of values, a mapping of fixed keys, a mapping of names, a list of
 *             mappings
 *   type      how one value is written (conf/value.c has one row a type)
 *   place     where it goes in the struct of its level
 *
 * Binding (bind.c), printing (print.c), the reference (reference.c) and the editors' schema
 * (json_schema.c) walk this table and know no key of their own. Rows stand in the order in which
 * they are printed, children after their parent. A key whose function is not built has a row with
 * `unbuilt`: it is refused by name.
 */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include "base/text.h"
#include "conf/conf.h"

enum schema_shape {
	SHAPE_VALUE, /* one scalar; with child rows: a scalar or a mapping of these */
	SHAPE_LIST,  /* scalars; one alone needs no brackets */
	SHAPE_MAP,   /* fixed keys, bound to the struct of the level above */
	SHAPE_NAMES, /* name → child row `*` */
	SHAPE_ITEMS, /* a list of child row `*` */
};

enum value_type {
	TYPE_NONE, /* shapes that hold other rows */
	TYPE_WORD,
	TYPE_SWITCH,
	TYPE_NUMBER,
	TYPE_PERCENT,
	TYPE_DURATION,
	TYPE_DEGREES,
	TYPE_WORKERS,
	TYPE_PATH,
	TYPE_HOSTPORT,
	TYPE_ADDRESS,
	TYPE_PREFIX,
	TYPE_NAME,
	TYPE_USER,
	TYPE_URL_PATH,
	TYPE_HOST,
	TYPE_TEXT,
	TYPE_SECRET,
	TYPE_RULE,
	TYPE_STATUS,
	TYPE_REGION,
	TYPE_CHECK,
	TYPE_POOL,
	VALUE_TYPES /* how many there are */
};

struct schema_word {
	const char *name; /* NULL ends a table */
	int value;
	const char *help; /* NULL: known, but not built in this version */
};

struct schema_key {
	const char *path;
	enum schema_shape shape;
	enum value_type type; /* of the value, of a list's values, of the names of SHAPE_NAMES */
	const char *help;     /* one line for the reference */
	const char *fallback; /* the default as written; NULL: none */
	const char
		*computed; /* a default that depends on other keys, in words; resolve.c sets it */
	const struct schema_word *words; /* TYPE_WORD */
	int64_t min, max; /* NUMBER, PERCENT; DURATION in milliseconds; DEGREES; texts: octets */
	size_t at_least, at_most; /* elements of LIST, NAMES, ITEMS */
	bool required;
	bool unbuilt;
	bool choice; /* MAP: exactly one of its siblings with `choice` is given; stores `variant` */
	int variant;
	/* Place, relative to the struct of the level. Containers: `offset` is the array's, or
	 * that of the pointer to it, `size` that of one element; its value or name stands first
	 * in an element. */
	size_t offset, size;
	size_t count;    /* LIST, NAMES, ITEMS: offset of a size_t, 0 = always `at_most` elements */
	size_t position; /* of a struct conf_position in the element (VALUE: level); 0 = none */
	size_t flag;     /* offset of a bool that says whether the key is given; 0 = none */
	bool in_place;   /* the elements lie in the struct itself, not behind a pointer */
	uint32_t unit_ms; /* DURATION: the field counts these; 1 or 1000 */
	/* Does the key mean anything for this struct? NULL: always. */
	bool (*applies)(const struct conf *c, const void *level);
};

extern const struct schema_key schema_keys[];
extern const size_t schema_key_count;

/* Child rows of `parent` (NULL: the top), in order: pass NULL first, then the last one. NULL at
 * the end. */
const struct schema_key *schema_next(
	const struct schema_key *parent, const struct schema_key *last);
/* The child row for `name`, also `*`; NULL when there is none. */
const struct schema_key *schema_find(const struct schema_key *parent, const char *name);
/* The last part of a row's path. */
const char *schema_name(const struct schema_key *key);

/* A row's path for people: pools.NAME.ttl, balancer[].port. */
void schema_path(const struct schema_key *key, struct text *out);

/* Elements of a container in the struct `level`, for reading: `*count` of them, key->size apart. */
const char *schema_elements(
	const struct schema_key *key, const struct conf *c, const void *level, size_t *count);

/* Is `key` the row of the endpoints of a pool? They lie in one array over all pools. */
bool schema_is_endpoints(const struct schema_key *key);

/* The word for a value, or "?". */
const char *schema_word(const struct schema_word *words, int value);

extern const struct schema_word schema_steps[], schema_all_down[], schema_log_levels[];

#endif
