/* A reply for people, as dig shows it, and for programs, as JSON. */
#ifndef APP_ASK_PRINT_H
#define APP_ASK_PRINT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* To standard output. -1 with `e` when the reply cannot be read, which would be our own mistake. */
int ask_print_text(const uint8_t *reply, size_t length, struct err *e);
int ask_print_json(const uint8_t *reply, size_t length, struct err *e);

#endif
