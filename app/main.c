/* waymark VERB ...: finds the verb in the table and hands over. */
#include "app/verbs.h"
#include "base/text.h"
#include "control/client.h"

#include <stdio.h>
#include <string.h>

struct verb {
	const char *name;
	int (*run)(int argc, char **argv); /* NULL: the running server is asked */
	const char *arguments, *help;
};

static const struct verb verbs[] = {
	{"run", verb_run, "-c FILE", "serve until SIGTERM; SIGHUP reloads"},
	{"check", verb_check, "-c FILE [--print]", "check configuration, zones and databases"},
	{"ask", verb_ask, "NAME [TYPE] [--from ADDRESS]", "the reply a client would get"},
	{"status", NULL, "[--json]", "pools, endpoints, verdicts, load"},
	{"zones", NULL, "[--json]", "zones: serial, records, last error"},
	{"watch", NULL, "[--json] [--since SEQ]", "events as they happen"},
	{"drain", NULL, "ENDPOINT [--for DURATION]", "no new clients for this endpoint"},
	{"force-up", NULL, "ENDPOINT [--for DURATION]", "treat it as up, whatever the checks say"},
	{"force-down", NULL, "ENDPOINT [--for DURATION]", "treat it as down"},
	{"weight", NULL, "ENDPOINT WEIGHT [--for DURATION]", "another weight"},
	{"restore", NULL, "ENDPOINT", "remove overrides: the checks decide again"},
	{"reload", NULL, "", "read the configuration anew"},
	{"snapshot", NULL, "", "the whole board as JSON"},
};

#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void print_verbs(FILE *to)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		(void)fprintf(
			to, "  %-10s %-34s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
}

static int print_help(void)
{
	(void)printf("Usage: waymark VERB ...\n\n");
	print_verbs(stdout);
	(void)printf("\nENDPOINT is POOL/ENDPOINT, an endpoint's name if only one pool has it, or "
		     "region:NAME.\n`waymark --version` prints the version.\n");
	return 0;
}

static int refuse(const char *wrong)
{
	const char *names[VERB_COUNT], *nearest;

	for (size_t i = 0; i < VERB_COUNT; i++)
		names[i] = verbs[i].name;
	nearest = text_nearest(wrong, names, VERB_COUNT);
	(void)fprintf(stderr, "waymark: unknown verb \"%s\"", wrong);
	if (nearest != NULL)
		(void)fprintf(stderr, "; did you mean \"%s\"?", nearest);
	(void)fprintf(stderr, "\nThe verbs are:\n");
	print_verbs(stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		(void)fprintf(stderr, "Usage: waymark VERB ...\nThe verbs are:\n");
		print_verbs(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0)
		return print_help();
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return printf("waymark %s\n", WAYMARK_VERSION) < 0;
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		return verbs[i].run != NULL ? verbs[i].run(argc - 2, argv + 2)
					    : control_client_main(argv[1], argc - 2, argv + 2);
	}
	return refuse(argv[1]);
}
