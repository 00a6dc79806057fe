/*
 * The head of an HTTP/1.x response, line by line: is it one, and what does it say of the body?
 * Pure. Judged as a proxy judges it before it passes a response on (RFC 9112; HAProxy agrees in
 * every point): what a proxy would answer with 502 is no healthy endpoint.
 *
 *   status line   HTTP/1.DIGIT SP 3DIGIT [SP reason]
 *   field         token ":" value; a line that begins with a blank goes on with the one before it
 *   length        repeated and listed lengths are fine as long as they are equal; Transfer-Encoding
 *                 beats them
 *
 * Interim heads (1xx but 101) come before the final one. Lines after the final head are trailers.
 */
#ifndef HEALTH_HTTP_HEAD_H
#define HEALTH_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_head {
	enum { HEAD_STATUS_LINE, HEAD_FIELDS, HEAD_DONE } at;
	uint16_t status;  /* of the last status line; 0 = none yet */
	bool after_field; /* a line that begins with a blank may follow */
	bool has_length, has_coding;
	uint64_t length; /* octets of body; only with has_length and without has_coding */
};

/* Take one line, with its line end. NULL, or what is wrong with it. */
const char *http_head_line(struct http_head *h, const char *line, size_t length);

/* How long the body must be; false: to the end of a coding or of the connection. */
bool http_head_body(const struct http_head *h, uint64_t *octets);

#endif
