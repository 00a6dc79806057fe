#include "health/http_head.h"

#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* RFC 9110, 5.6.2 */
static bool is_token(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Without CR LF, or the LF alone that RFC 9112, 2.2 lets a recipient accept. */
static size_t without_end(const char *line, size_t length)
{
	if (length > 0 && line[length - 1] == '\n')
		length--;
	if (length > 0 && line[length - 1] == '\r')
		length--;
	return length;
}

/* "HTTP/1.1 200 OK"; the reason and the blank before it may be missing, as with many servers. */
static const char *status_line(struct http_head *h, const char *line, size_t length)
{
	static const char form[] = "HTTP/1.d ddd";
	uint16_t status = 0;

	if (length < sizeof form - 1 || (length > sizeof form - 1 && line[sizeof form - 1] != ' '))
		return "malformed status line";
	for (size_t i = 0; i < sizeof form - 1; i++) {
		if (form[i] == 'd' ? !is_digit(line[i]) : line[i] != form[i])
			return "malformed status line";
	}
	for (size_t i = sizeof "HTTP/1.d " - 1; i < sizeof form - 1; i++)
		status = (uint16_t)(status * 10 + (line[i] - '0'));
	if (status < 100)
		return "malformed status line";
	*h = (struct http_head){.at = HEAD_FIELDS, .status = status};
	return NULL;
}

/* One number of a Content-Length at *at, which moves to what follows it and its blanks. */
static bool read_length(const char **at, const char *end, uint64_t *out)
{
	const char *p = *at;
	uint64_t n = 0;

	while (p < end && is_blank(*p))
		p++;
	if (p == end || !is_digit(*p))
		return false;
	for (; p < end && is_digit(*p); p++) {
		if (n > (INT64_MAX - 9) / 10) /* longer than anything that can be sent */
			return false;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	while (p < end && is_blank(*p))
		p++;
	*at = p;
	*out = n;
	return true;
}

/* RFC 9112, 6.3: one number, or the same one several times. */
static const char *content_length(struct http_head *h, const char *value, const char *end)
{
	for (;; value++) {
		uint64_t n;

		if (!read_length(&value, end, &n) || (value < end && *value != ','))
			return "malformed Content-Length";
		if (h->has_length && h->length != n)
			return "two different Content-Length";
		h->has_length = true;
		h->length = n;
		if (value == end)
			return NULL;
	}
}

static bool is_named(const char *line, size_t length, const char *name)
{
	return strlen(name) == length && strncasecmp(line, name, length) == 0;
}

/* RFC 9110, 5.5: a value with one of these was cut or joined somewhere. */
static bool has_control(const char *value, const char *end)
{
	for (; value < end; value++) {
		if (*value == '\0' || *value == '\r' || *value == '\n')
			return true;
	}
	return false;
}

static const char *field(struct http_head *h, const char *line, size_t length)
{
	const char *end = line + length, *colon = memchr(line, ':', length);
	size_t name = colon != NULL ? (size_t)(colon - line) : 0;

	if (is_blank(line[0])) {
		if (!h->after_field)
			return "header begins with a blank";
		return has_control(line, end) ? "control octet in a header" : NULL;
	}
	if (colon == NULL)
		return "header line without a colon";
	for (size_t i = 0; i < name; i++) {
		if (!is_token(line[i]))
			return "malformed header name";
	}
	if (name == 0)
		return "header without a name";
	if (has_control(colon, end))
		return "control octet in a header";
	h->after_field = true;
	if (h->at == HEAD_DONE)
		return NULL;
	if (is_named(line, name, "Transfer-Encoding"))
		h->has_coding = true;
	if (is_named(line, name, "Content-Length"))
		return content_length(h, colon + 1, end);
	return NULL;
}

const char *http_head_line(struct http_head *h, const char *line, size_t length)
{
	length = without_end(line, length);
	if (h->at == HEAD_STATUS_LINE)
		return status_line(h, line, length);
	if (length > 0)
		return field(h, line, length);
	h->after_field = false;
	if (h->at == HEAD_FIELDS && h->status < 200 && h->status != 101)
		h->at = HEAD_STATUS_LINE;
	else
		h->at = HEAD_DONE;
	return NULL;
}

bool http_head_body(const struct http_head *h, uint64_t *octets)
{
	if (h->status == 204 || h->status == 304) {
		*octets = 0;
		return true;
	}
	if (!h->has_length || h->has_coding)
		return false;
	*octets = h->length;
	return true;
}
