/* The verbs that live in this program itself; the others talk to a running server
 * (control/client.h). argv[0..argc) is what follows the verb; the result is the exit code: 0, 1
 * refused or failed, 2 wrong usage. */
#ifndef APP_VERBS_H
#define APP_VERBS_H

#define EXIT_USAGE 2

/* Say what is wrong (`why`, and `what` when not NULL) and how the verb is used. Returns EXIT_USAGE. */
int verb_usage(const char *verb, const char *why, const char *what);

int verb_run(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_ask(int argc, char **argv);

#endif
