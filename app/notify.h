/* Telling systemd what we are doing (sd_notify(3)), without its library. */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdint.h>

/* Send `state` ("READY=1", lines separated by newlines) to $NOTIFY_SOCKET; nothing when it is not
 * set. A manager that cannot be reached is no reason to stop: errors are ignored. */
void notify_send(const char *state);
/* RELOADING=1 with the clock that systemd asks for; READY=1 ends it. */
void notify_reloading(uint64_t now_us);

#endif
