/* The dns role's whole life: load, READY, GO, serve, STOP, STOPPED. */
#ifndef DNS_ROLE_H
#define DNS_ROLE_H

#include "board/generation.h"

/* Runs in its own process; returns the exit code. */
int dns_role(const struct role_start *start);

#endif
