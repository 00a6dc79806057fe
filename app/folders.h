/*
 * Folders that roles need but could not reach any more by path once they are somebody else:
 * zones, state, databases.
 *
 * The state folder is control's (state.json). Below it "zones" is dns's (last good copies): a
 * role writes only into a folder of its own.
 */
#ifndef APP_FOLDERS_H
#define APP_FOLDERS_H

#include "app/privileges.h"
#include "board/generation.h"

struct folders {
	struct start_folder zones, state, database[CONF_DATABASES_MAX];
	size_t database_count;
	char *text; /* paths made here, owned */
};

/* None open: folders_close() is fine on it. */
void folders_init(struct folders *f);
/*
 * Open them all. A missing zones folder or an unusable state folder is an error (-1); a
 * database's folder is left at -1 for dns to report. The state folder is made when missing, its
 * parent is not.
 */
int folders_open(
	struct folders *f, const struct conf *c, const struct accounts *a, struct report *report);
void folders_close(struct folders *f);

/* For `check`: would the state folder, if one is configured, do? Changes nothing. */
int folders_check_state(const struct conf *c, const struct accounts *a, struct err *e);

/* Does a configured path lead elsewhere than when it was opened (the folder was replaced, a
 * symlink swapped)? Its path then; else NULL. A path that leads nowhere has not moved. */
const char *folders_moved(const struct folders *f);

#endif
