/* The health role's whole life: load, READY, GO, serve, STOP, STOPPED. */
#ifndef HEALTH_ROLE_H
#define HEALTH_ROLE_H

#include "board/generation.h"

/* Runs in its own process; returns the exit code. */
int health_role(const struct role_start *start);

#endif
