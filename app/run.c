#include "app/verbs.h"

#include "app/supervisor.h"

#include <stdio.h>
#include <string.h>

int verb_run(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[0], "-c") == 0)
		return supervisor_run(argv[1]);
	(void)fprintf(stderr, "Usage: waymark run -c FILE\n");
	return EXIT_USAGE;
}
