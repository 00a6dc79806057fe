/*
 * The edge to libyaml: octets in, one checked document out.
 *
 * What leaves here is a tree: no aliases (so no cycles and no billion laughs), no tags, one
 * document, bounded depth and size, keys that are words and occur once. What is wrong is reported
 * with its place.
 */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include "base/err.h"
#include "conf/conf.h"

#include <yaml.h>

#define YAML_DEPTH_MAX 32u        /* lists and mappings inside each other; the schema needs 6 */
#define YAML_CUTS_MAX  32u        /* syntax errors of one file that are looked for */
#define YAML_NODES_MAX (1u << 20) /* the largest valid configuration has about 400,000 */

/*
 * Parse `text`. 0: `*out` is the document, to be freed with yaml_document_delete(); its root is
 * missing when the file holds nothing. Mistakes are reported and taken out, so that the caller can
 * go on and find the others: look at report->errors. A key given twice goes alone; a syntax error
 * takes the whole top-level key along in which it stands, and sets `*cut`: what is missing then is
 * no mistake. -1: no tree.
 */
int document_load(const char *file, const char *text, size_t length, yaml_document_t *out,
	bool *cut, struct report *report);

/* Where a node begins. */
struct conf_position document_position(const yaml_node_t *node);

/* The text of a scalar, NULL for lists and mappings. */
const char *document_text(const yaml_node_t *node);

#endif
