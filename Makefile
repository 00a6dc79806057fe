# Waymark. `make` builds build/waymark; `make help` lists the rest.

BUILD   ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
VERSION := 0.1.0

FOLDERS := base conf zones geo board steer health dns balancer control app
SOURCES := $(foreach d,$(FOLDERS),$(wildcard $(d)/*.c))
MAIN    := app/main.c
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(filter-out $(BUILD)/$(MAIN:.c=.o),$(OBJECTS))

PACKAGES := ldns libevent_core libcurl yaml-0.1 jansson
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
CFLAGS   ?= -O2 -g
PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PACKAGE_LIBS   := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)
CPPFLAGS += -D_GNU_SOURCE -DWAYMARK_VERSION='"$(VERSION)"' -I. $(PACKAGE_CFLAGS)
ALL_CFLAGS = -std=c11 $(WARNINGS) -fstack-protector-strong -fno-strict-aliasing -fno-lto -pthread $(CFLAGS) $(SANITIZE)
LDLIBS   += $(PACKAGE_LIBS) -lm -pthread

TESTS      := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
TEST_BINS  := $(TESTS:%=$(BUILD)/unit/%)

.PHONY: all
all: $(BUILD)/waymark

# The way of a query is optimised as one unit when the server is linked, and inlined freely: a fifth fewer instructions
# (bench/instructions). These objects hold ordinary code as well, which everything else links. gcc only; not with flags of
# one's own or sanitizers.
QUERY_WAY := $(patsubst %,$(BUILD)/%.o,dns/udp dns/worker dns/respond dns/query dns/cookie dns/answer dns/steered dns/reply \
	dns/reply_names zones/name zones/zone zones/zoneset steer/pick steer/tier steer/weighted steer/round_robin geo/table base/addr base/hash)
IS_CLANG  := $(shell echo __clang__ | $(CC) -E -x c - 2>/dev/null | grep -c 1$$)
ifeq ($(origin CFLAGS)-$(SANITIZE)-$(IS_CLANG),file--0)
INLINE_FREELY := --param inline-unit-growth=400 --param max-inline-insns-auto=1000 --param max-inline-insns-single=1000 \
	--param large-function-growth=4000 --param large-stack-frame-growth=10000
$(QUERY_WAY): ALL_CFLAGS += -flto -ffat-lto-objects $(INLINE_FREELY)
LINK_FLAGS := -flto -flto-partition=one -Wno-error $(INLINE_FREELY)
endif

# Said once and first, instead of a compiler's complaint for each file.
.PHONY: packages
packages:
	@command -v $(lastword $(CC)) >/dev/null && command -v pkg-config >/dev/null && pkg-config --exists $(PACKAGES) || { \
		echo "The compiler ($(CC)), pkg-config or a library is missing: $(PACKAGES)."; \
		echo "On Debian this line installs them:"; echo; echo "    tools/setup build"; echo; exit 1; } >&2

# What is compiled anew when compiler or flags change: everything that depends on this file.
FLAGS := $(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LINK_FLAGS) $(LDFLAGS) $(LDLIBS)
$(BUILD)/flags: packages FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || echo '$(subst ','\'',$(FLAGS))' > $@

.PHONY: FORCE
FORCE:

$(BUILD)/waymark: $(OBJECTS)
	@echo "  LD  $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LINK_FLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libwaymark.a: $(LIBRARY)
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC  $@"
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libwaymark.a $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  LD  $@"
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libwaymark.a -lcmocka -lmaxminddb $(LDLIBS)

# programs of bench/: load for the servers, and what parts cost by themselves
BENCH_BINS := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*.c))

$(BUILD)/bench/%: bench/%.c $(BUILD)/libwaymark.a $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  LD  $@"
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libwaymark.a $(LDLIBS)

-include $(OBJECTS:.o=.d) $(TEST_BINS:=.d) $(BENCH_BINS:=.d)

# ---- tests -------------------------------------------------------------------------------------

PYTEST := /usr/bin/python3 -m pytest -q -n 4 -p no:cacheprovider

FUZZERS     := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAY_BINS := $(FUZZERS:%=$(BUILD)/replay/%)
FUZZ_BINS   := $(FUZZERS:%=build/fuzz/bin/%)
FUZZ_SHARED := $(filter-out tests/fuzz/fuzz_%.c tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c))
FUZZ_HEADERS := $(wildcard tests/fuzz/*.h)
FUZZ_SECONDS ?= 60

# a fuzzer's corpus replayed by an ordinary program: no fuzzing engine needed
$(BUILD)/replay/%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c $(FUZZ_SHARED) $(FUZZ_HEADERS) $(BUILD)/libwaymark.a $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  LD  $@"
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -o $@ $< tests/fuzz/replay.c $(FUZZ_SHARED) $(BUILD)/libwaymark.a $(LDLIBS)

.PHONY: tests
tests: $(BUILD)/waymark $(TEST_BINS) $(REPLAY_BINS) $(BUILD)/bench/dns_load $(BUILD)/bench/balancer_load

# Everything a stranger needs to see it pass: installs what is missing, builds, runs every test.
.PHONY: check
check:
	tools/setup check
	$(MAKE) tests
	WAYMARK_BUILD=$(BUILD) $(PYTEST) tests

# The same under AddressSanitizer and UBSan, less two tests that terabytes of shadow memory forbid: the search for secrets
# in the memory of processes, and the start with too little address space; then the tests in which threads meet under ThreadSanitizer.
TSAN_TESTS := test_qsbr $(filter test_board test_events test_dns_role test_dns_loader test_dns_loader_faults test_balancer_role test_control_role test_health_role test_watch test_steer_turns,$(TESTS))
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

.PHONY: sanitize
sanitize:
	tools/setup check
	$(MAKE) BUILD=build/asan CFLAGS="-O1 -g" SANITIZE="$(SANITIZERS)" tests
	WAYMARK_BUILD=build/asan $(PYTEST) --ignore tests/e2e/test_secrets.py \
		--deselect tests/e2e/test_bad_input.py::test_too_little_address_space_says_so tests
	$(MAKE) BUILD=build/tsan CFLAGS="-O1 -g" SANITIZE="-fsanitize=thread" $(TSAN_TESTS:%=build/tsan/unit/%)
	WAYMARK_BUILD=build/tsan WAYMARK_ONLY="$(TSAN_TESTS)" $(PYTEST) tests/test_unit.py::test_unit

# Each fuzzer for FUZZ_SECONDS under ASan and UBSan; what it finds stays in build/fuzz.
build/fuzz/bin/%: tests/fuzz/fuzz_%.c $(FUZZ_SHARED) $(FUZZ_HEADERS) build/fuzz/libwaymark.a build/fuzz/flags
	@mkdir -p $(@D)
	@echo "  LD  $@"
	$(Q)clang $(CPPFLAGS) $(ALL_CFLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_SHARED) build/fuzz/libwaymark.a $(LDLIBS)

.PHONY: fuzz fuzz-bins
fuzz-bins: $(FUZZ_BINS)
fuzz:
	tools/setup fuzz
	$(MAKE) BUILD=build/fuzz CC=clang CFLAGS="-O1 -g" SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" build/fuzz/libwaymark.a fuzz-bins
	@for f in $(FUZZERS); do \
		echo "== fuzz_$$f for $(FUZZ_SECONDS) s"; \
		mkdir -p build/fuzz/corpus/$$f build/fuzz/found && \
		build/fuzz/bin/$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
			-artifact_prefix=build/fuzz/found/$$f- build/fuzz/corpus/$$f tests/fuzz/corpus/$$f || exit 1; \
	done

# ---- quality -----------------------------------------------------------------------------------

LINT_FILES = $(wildcard $(FOLDERS:%=%/*.[ch]) tests/unit/*.[ch] tests/fuzz/*.[ch] bench/*.c examples/*/*.c)

.PHONY: lint format
lint:
	tools/setup lint
	@clang-format --dry-run -Werror $(LINT_FILES)
	/usr/bin/python3 tools/lint_rules.py
	@cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--suppressions-list=tools/cppcheck.suppress -D_GNU_SOURCE -DWAYMARK_VERSION='""' -I. $(FOLDERS)
	@printf '%s\n' $(SOURCES) | xargs -P 2 -I FILE clang-tidy --quiet -p none FILE -- -std=c11 $(CPPFLAGS)
	@echo "lint: clean"

format:
	clang-format -i $(LINT_FILES)

# ---- the main job, figures, installation -------------------------------------------------------

.PHONY: demo bench install uninstall clean help
demo:
	tools/setup demo
	$(MAKE) all
	examples/demo/run

bench:
	tools/setup bench
	$(MAKE) all $(BENCH_BINS)
	WAYMARK_BUILD=$(BUILD) bench/run

# The configuration is /etc/waymark/waymark.yaml whatever the PREFIX is, and nothing is written there.
PREFIX  ?= /usr/local
SBIN    := $(PREFIX)/sbin/waymark
UNIT    := $(PREFIX)/lib/systemd/system/waymark.service
SYSUSER := $(PREFIX)/lib/sysusers.d/waymark.conf
DOC     := $(PREFIX)/share/doc/waymark
SCHEMA  := $(PREFIX)/share/waymark/waymark.schema.json

install: all
	install -D -m 0755 $(BUILD)/waymark $(DESTDIR)$(SBIN)
	install -d $(DESTDIR)$(dir $(UNIT)) $(DESTDIR)$(DOC)/examples/zones
	sed 's|/usr/local|$(PREFIX)|g' dist/waymark.service > $(DESTDIR)$(UNIT)
	chmod 0644 $(DESTDIR)$(UNIT)
	install -D -m 0644 dist/sysusers.conf $(DESTDIR)$(SYSUSER)
	install -D -m 0644 docs/waymark.schema.json $(DESTDIR)$(SCHEMA)
	install -m 0644 docs/*.md README.md CHANGELOG.md LICENSE $(DESTDIR)$(DOC)
	install -m 0644 examples/quickstart/waymark.yaml $(DESTDIR)$(DOC)/examples
	install -m 0644 examples/quickstart/zones/* $(DESTDIR)$(DOC)/examples/zones

# What `make install` with the same PREFIX put there. Configuration, zones and state stay.
uninstall:
	rm -f $(DESTDIR)$(SBIN) $(DESTDIR)$(UNIT) $(DESTDIR)$(SYSUSER) $(DESTDIR)$(SCHEMA)
	rm -rf $(DESTDIR)$(DOC)
	-rmdir $(DESTDIR)$(dir $(SCHEMA))

clean:
	rm -rf build

help:
	@echo "make            build/waymark"
	@echo "make demo       set everything up and run the main job (DEMO=once stops it at the end)"
	@echo "make check      set everything up and run every test"
	@echo "make sanitize   the tests under ASan and UBSan, and TSan where threads meet"
	@echo "make fuzz       each fuzzer for FUZZ_SECONDS=$(FUZZ_SECONDS)"
	@echo "make lint       format, include direction, banned calls, static analysis"
	@echo "make bench      side by side with the peers; writes bench/RESULTS.md"
	@echo "make install    below PREFIX=$(PREFIX); make uninstall takes it away again"
