/* The control role's whole life: load, READY, GO, serve, STOP, STOPPED. */
#ifndef CONTROL_ROLE_H
#define CONTROL_ROLE_H

#include "board/generation.h"

/* Runs in its own process; returns the exit code. */
int control_role(const struct role_start *start);

#endif
