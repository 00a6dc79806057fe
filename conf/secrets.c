/*
 * The keys of DNS cookies that are in force: from the configuration itself, or from a file of their
 * own, so that the configuration may be shown around. One secret a line; blank lines and lines that
 * start with # do not count.
 */
#include "base/io.h"
#include "conf/scalar.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_FILE_MAX 65536u /* octets */

/* The line without blanks at either end; "" for a comment. */
static char *trim(char *line)
{
	static const char blanks[] = " \t\r";
	size_t length;

	line += strspn(line, blanks);
	for (length = strlen(line); length > 0 && strchr(blanks, line[length - 1]) != NULL;)
		line[--length] = '\0';
	return *line != '#' ? line : line + length;
}

/* Every line of the text, which is cut up. */
static int read_lines(char *text, const char *file, struct conf_secrets *out, struct err *e)
{
	const struct value_context nothing = {.folder = ""};
	uint32_t number = 0;
	struct err why;

	for (char *line = text, *next; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		number++;
		line = trim(line);
		if (*line == '\0')
			continue;
		if (out->count == CONF_SECRETS_MAX)
			return err_at(e, file, number, 1, "more than %u secrets", CONF_SECRETS_MAX);
		if (scalar_secret(&nothing, NULL, line, &out->secret[out->count], &why) < 0)
			return err_at(e, file, number, 1, "%s", why.text);
		out->count++;
	}
	return out->count > 0 ? 0 : err_at(e, file, 0, 0, "there is no secret in it");
}

int conf_secrets_load(const struct conf *c, struct conf_secrets *out, struct err *e)
{
	struct conf_secrets found = {.count = 0};
	char *text;
	size_t length;
	int rc;

	if (c->dns.secret_file == NULL) {
		*out = c->dns.secrets;
		return 0;
	}
	if (file_read(AT_FDCWD, c->dns.secret_file, SECRET_FILE_MAX, &text, &length, e) < 0)
		return -1;
	rc = read_lines(text, c->dns.secret_file, &found, e);
	explicit_bzero(text, length);
	free(text);
	if (rc == 0)
		*out = found;
	conf_secrets_wipe(&found);
	return rc;
}

void conf_secrets_wipe(struct conf_secrets *s)
{
	explicit_bzero(s, sizeof *s);
}
