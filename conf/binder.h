/*
 * What binding and the checks after it share: messages with the path of the key, the place of every
 * value that was given, and the names that still have to be found.
 */
#ifndef CONF_BINDER_H
#define CONF_BINDER_H

#include "conf/schema.h"
#include "conf/value.h"
#include "conf/yaml.h"

/* A key that was given: by the address of its field (of a list: of its count, and of each
 * element). */
struct place {
	const void *field;
	struct conf_position position;
	bool good; /* the value could be read */
};

/* A name that becomes an index when all names are known. */
struct reference {
	const struct schema_key *key;
	void *field;
	const char *name; /* borrowed from the document */
	struct conf_position position;
};

/* The way from the top to the key at hand. */
struct binder_frame {
	const struct binder_frame *up;
	const char *name;
	size_t index; /* of a list's item when `name` is NULL */
	struct conf_position position;
};

struct binder {
	const char *file;
	struct value_context values;
	yaml_document_t *document;
	struct conf *conf;
	struct report *report;
	struct place *places;
	size_t place_count, place_capacity;
	struct reference *references;
	size_t reference_count, reference_capacity;
	size_t endpoint_capacity;
	const struct binder_frame *at; /* the key that is being bound, for messages */
	bool cut; /* keys are missing because of a syntax error: that they are, is no mistake */
	bool out_of_memory;
};

/* Report; while a key is being bound its path comes first. */
void binder_error(struct binder *b, struct conf_position at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void binder_warning(struct binder *b, struct conf_position at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void binder_out_of_memory(struct binder *b);
/* The nearest word for a message; NULL without one, and once the report is full: nobody will read it,
 * and thousands of bad names against thousands of good ones take a while. */
const char *binder_nearest(
	const struct binder *b, const char *wrong, const char *const *words, size_t count);

/* Remember that the key of `field` was given, and whether its value could be read. */
void binder_place(struct binder *b, const void *field, struct conf_position at, bool good);
/* Remember that `field` becomes the index of `name`. */
void binder_reference(struct binder *b, const struct schema_key *key, void *field, const char *name,
	struct conf_position at);
/* All places are known: the questions below may be asked. */
void binder_sort(struct binder *b);

/* Was the field's key given with a value that could be read? */
bool binder_given(const struct binder *b, const void *field);
/* Was it given with a value that could not be read (then checks that depend on it are
 * pointless)? */
bool binder_spoilt(const struct binder *b, const void *field);
/* Where it was given, else `otherwise`. */
struct conf_position binder_position(
	const struct binder *b, const void *field, struct conf_position otherwise);

void binder_free(struct binder *b);

#endif
