# Waymark. `make` builds build/waymark; `make help` lists the rest.

BUILD   ?= build
CC      ?= gcc
VERSION := 0.1.0

FOLDERS := base conf zones geo board steer health dns balancer control app
SOURCES := $(foreach d,$(FOLDERS),$(wildcard $(d)/*.c))
MAIN    := app/main.c
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(filter-out $(BUILD)/$(MAIN:.c=.o),$(OBJECTS))

PACKAGES := libldns libevent_core libevent_pthreads libmaxminddb libcurl yaml-0.1 jansson
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
CFLAGS   ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -DWAYMARK_VERSION='"$(VERSION)"' -I. $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
ALL_CFLAGS = -std=c11 $(WARNINGS) -fstack-protector-strong -fno-strict-aliasing -pthread $(CFLAGS) $(SANITIZE)
LDLIBS   += $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lm -pthread

TESTS      := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
TEST_BINS  := $(TESTS:%=$(BUILD)/unit/%)

.PHONY: all
all: $(BUILD)/waymark

$(BUILD)/waymark: $(OBJECTS)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libwaymark.a: $(LIBRARY)
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libwaymark.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libwaymark.a -lcmocka $(LDLIBS)

-include $(OBJECTS:.o=.d) $(TEST_BINS:=.d)
