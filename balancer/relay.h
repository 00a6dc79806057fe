/*
 * Move data both ways between two connected sockets until both sides have ended.
 *
 * Small things are copied through the worker's one buffer with recv() and send(): no pipe, no
 * allocation, no memory of its own while nothing is held up. A flow that fills the buffer is bulk and
 * is spliced through a pipe from the worker's pool; one that goes on for RELAY_LARGE octets gets a
 * large pipe. A pipe is always emptied before it is filled again, so EAGAIN of a splice into it can
 * only mean that the socket is empty.
 *
 * Events are edge-triggered: a flow reads until the socket is empty, or until its turn is over and it
 * has put itself in the queue again. It never reads while the receiver has not taken what it holds. A
 * recv() that does not fill the buffer has emptied the socket, and when the poller has told of an end
 * of file it has found that, too; no further recv() has to say so. Only urgent data makes a read stop
 * short, at its mark.
 *
 * End of file on one side is passed on as a half-close once everything before it was delivered. A
 * reset is passed on as a reset, after what had come before it.
 *
 * A server may answer and close while the client still sends: sending to it fails with EPIPE, but its
 * answer was whole. Closing with the client's data unread would destroy that answer on its way, so
 * the flow to the server is "cut": what the client sends is thrown away until it ends, for at most
 * RELAY_LINGER_MS after the answer.
 *
 * Tried and dropped: splice for everything (a pipe and 4 more system calls for a short connection);
 * SPLICE_F_MORE (holds back the last segment for up to 200 ms when the sender pauses).
 */
#ifndef BALANCER_RELAY_H
#define BALANCER_RELAY_H

#include "balancer/connection.h"

#define RELAY_TURN      (1u << 20) /* octets of one flow in one callback */
#define RELAY_LARGE     (1u << 20) /* octets of a flow after which it gets a large pipe */
#define RELAY_LINGER_MS 2000u

/* Both sides are connected: attach the client's and move what is there. `events`: what an edge told
 * of the endpoint's socket, 0 when it is yet to come. May end the connection, as may the next two. */
void relay_start(struct connection *c, uint32_t events);
void relay_event(struct connection *c, enum side_id side, uint32_t events);
/* Keep what an edge says of the flow that reads from there, for good: also of the client's before
 * relay_start(), if it was watched. */
void relay_note(struct connection *c, enum side_id side, uint32_t events);
/* A deadline of the data phase has passed. */
void relay_timeout(struct connection *c);
/* Give back pipes and memory. */
void relay_release(struct connection *c);

#endif
