/* The balancer role's whole life: load, READY, GO, serve, STOP, STOPPED. */
#ifndef BALANCER_ROLE_H
#define BALANCER_ROLE_H

#include "board/generation.h"

/* Runs in its own process; returns the exit code. */
int balancer_role(const struct role_start *start);

#endif
