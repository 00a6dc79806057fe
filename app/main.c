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
	const char *options; /* lines; NULL: the running server's commands print their own */
};

/* What people type who come from elsewhere. */
static const struct {
	const char *word, *verb;
} synonyms[] = {
	{"undrain", "restore"},
	{"undo", "restore"},
	{"enable", "restore"},
	{"disable", "drain"},
	{"up", "force-up"},
	{"down", "force-down"},
	{"start", "run"},
	{"checkconf", "check"},
	{"configtest", "check"},
	{"dig", "ask"},
	{"log", "watch"},
	{"events", "watch"},
};

static const struct verb verbs[] = {
	{"run", verb_run, "[-c FILE]", "serve until SIGTERM; SIGHUP reloads",
		"  -c FILE              the configuration; waymark.yaml in this folder by "
		"default\n"},
	{"check", verb_check, "[-c FILE | --zones FILE|FOLDER] [--print]",
		"check configuration, zones and databases",
		"  -c FILE              the configuration; waymark.yaml in this folder by default\n"
		"  --zones FILE|FOLDER  only this master file, or the *.zone files of this "
		"folder;\n"
		"                       with -c their POOL records are checked too\n"
		"  --print              then print what is in force, with all defaults\n"
		"  --print-reference    print docs/configuration.md\n"
		"  --print-json-schema  print the schema for editors\n"},
	{"ask", verb_ask, "NAME [TYPE] [--from ADDRESS] ...", "the reply a client would get",
		"  -c FILE              the configuration; waymark.yaml in this folder by default\n"
		"  --zones FILE|FOLDER  without a configuration: only these zones\n"
		"  --from ADDRESS       the client's address; 127.0.0.1 by default\n"
		"  --subnet ADDR/LEN    the client-subnet option of the query\n"
		"  --tcp                ask as over TCP\n"
		"  --dnssec             set the DO bit\n"
		"  --json               the reply as JSON\n"},
	{"status", NULL, "[--json] [--quiet]", "trouble, pools, endpoints, verdicts, load", NULL},
	{"zones", NULL, "[--json] [--quiet] | forget ZONE", "zones: serial, records, last error",
		NULL},
	{"watch", NULL, "[--json] [--since SEQ]", "events as they happen", NULL},
	{"drain", NULL, "ENDPOINT [--for DURATION]", "no new clients for this endpoint", NULL},
	{"force-up", NULL, "ENDPOINT [--for DURATION]", "treat it as up, whatever the checks say",
		NULL},
	{"force-down", NULL, "ENDPOINT [--for DURATION]", "treat it as down", NULL},
	{"weight", NULL, "ENDPOINT WEIGHT [--for DURATION]", "another weight", NULL},
	{"restore", NULL, "ENDPOINT", "remove overrides: the checks decide again", NULL},
	{"reload", NULL, "", "read the configuration anew", NULL},
	{"snapshot", NULL, "", "the whole board as JSON", NULL},
};

#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void print_verbs(FILE *to)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		(void)fprintf(
			to, "  %-10s %-42s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
}

static int print_help(void)
{
	(void)printf("Usage: waymark VERB ...\n\n");
	print_verbs(stdout);
	(void)printf("\n`waymark VERB --help` says more. ENDPOINT is POOL/ENDPOINT, an endpoint's "
		     "name if only one pool has it, or "
		     "region:NAME.\n`waymark --version` prints the version.\n");
	return 0;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static void print_usage(FILE *to, const struct verb *v)
{
	(void)fprintf(
		to, "Usage: waymark %s %s\n  %s\n%s", v->name, v->arguments, v->help, v->options);
}

int verb_usage(const char *name, const char *why, const char *what)
{
	if (why != NULL)
		(void)fprintf(stderr, "waymark %s: %s%s%s\n", name, why, what != NULL ? ": " : "",
			what != NULL ? what : "");
	print_usage(stderr, find_verb(name));
	return EXIT_USAGE;
}

/* The verb that was meant, or NULL. */
static const char *guess(const char *wrong)
{
	const char *names[VERB_COUNT];

	for (size_t i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++)
		if (strcmp(synonyms[i].word, wrong) == 0)
			return synonyms[i].verb;
	for (size_t i = 0; i < VERB_COUNT; i++)
		names[i] = verbs[i].name;
	return text_nearest(wrong, names, VERB_COUNT);
}

static int refuse(const char *wrong)
{
	const char *meant = guess(wrong);

	(void)fprintf(stderr, "waymark: unknown verb \"%s\"", wrong);
	if (meant != NULL)
		(void)fprintf(stderr, "; did you mean \"%s\"?", meant);
	(void)fprintf(stderr, "\nThe verbs are:\n");
	print_verbs(stderr);
	return EXIT_USAGE;
}

static bool wants_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int run_verb(const struct verb *v, int argc, char **argv)
{
	bool help = argc > 0 && wants_help(argv[argc - 1]);

	if (help && v->options == NULL)
		argv[argc - 1] = "--help"; /* the only form that the commands' client knows */
	if (!help || v->options == NULL)
		return v->run != NULL ? v->run(argc, argv)
				      : control_client_main(v->name, argc, argv);
	print_usage(stdout, v);
	return 0;
}

int main(int argc, char **argv)
{
	const struct verb *v;

	if (argc < 2) {
		(void)fprintf(stderr, "Usage: waymark VERB ...\nThe verbs are:\n");
		print_verbs(stderr);
		return EXIT_USAGE;
	}
	v = find_verb(argv[1]);
	if (v != NULL)
		return run_verb(v, argc - 2, argv + 2);
	if (strcmp(argv[1], "help") == 0 && argc == 3 && (v = find_verb(argv[2])) != NULL)
		return run_verb(v, 1, (char *[]){"--help"});
	if (wants_help(argv[1]) || strcmp(argv[1], "help") == 0)
		return print_help();
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return printf("waymark %s\n", WAYMARK_VERSION) < 0;
	return refuse(argv[1]);
}
