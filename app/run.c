#include "app/verbs.h"

#include "app/supervisor.h"
#include "conf/conf.h"

#include <string.h>
#include <unistd.h>

int verb_run(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[0], "-c") == 0)
		return supervisor_run(argv[1]);
	if (argc == 0 && access(CONF_FILE_DEFAULT, F_OK) == 0)
		return supervisor_run(CONF_FILE_DEFAULT);
	return verb_usage(
		"run", argc == 0 ? "no " CONF_FILE_DEFAULT " here, and no -c FILE" : NULL, NULL);
}
