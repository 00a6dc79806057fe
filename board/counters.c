#include "board/counters.h"

#define INFO(id, name, help) {name, help},

const struct counter_info dns_counters[DNS_COUNTER_COUNT] = {DNS_COUNTERS(INFO)};
const struct counter_info balancer_counters[BALANCER_COUNTER_COUNT] = {BALANCER_COUNTERS(INFO)};
const struct counter_info control_counters[CONTROL_COUNTER_COUNT] = {CONTROL_COUNTERS(INFO)};
const struct counter_info health_counters[HEALTH_COUNTER_COUNT] = {HEALTH_COUNTERS(INFO)};

/* Rows on the board have a fixed width. */
_Static_assert(DNS_COUNTER_COUNT <= DNS_COUNTER_MAX, "a dns counter without a column");
_Static_assert(
	BALANCER_COUNTER_COUNT <= BALANCER_COUNTER_MAX, "a balancer counter without a column");
_Static_assert(CONTROL_COUNTER_COUNT <= CONTROL_COUNTER_MAX, "a control counter without a column");
_Static_assert(HEALTH_COUNTER_COUNT <= HEALTH_COUNTER_MAX, "a health counter without a column");
