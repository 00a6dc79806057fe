/* `waymark watch`: events as they come, over replaced controls and reloads. */
#ifndef CONTROL_CLIENT_WATCH_H
#define CONTROL_CLIENT_WATCH_H

#include "control/client.h"

#include <stdbool.h>

/* Print events until the server has stopped or refuses. `request` is changed as the stream goes on. */
enum client_exit client_watch(const char *path, json_t *request, bool json);

#endif
