# lockfs: files that are locks.
#
#   make               builds build/lockfs and build/lockctl (V=1 shows each command)
#   make run           installs missing packages, builds, mounts ./locks and prints a tour
#   make check-fast    builds, and runs the tests of locks in memory: less than a minute, to be run first
#   make check         runs every test on real mounts, with Redis servers of its own (TESTS='flock waiting': those files)
#   make check-faults  injects faults and judges the recorded history; needs root (SECONDS=60, SEED= repeats a run)
#   make coverage      runs every test and prints which lines of fs/ and backend/ were run
#   make memcheck      runs tests of locks in memory under valgrind (TESTS='acquire flock': those files)
#   make fuzz          feeds random bytes to the parsers and random calls to mounts (SECONDS=30 each, SEED= repeats a run)
#   make bench         measures beside other lock programs (PART='cycle idle', LOCKS=1000000; more in tests/bench/run)
#   make lint          warnings and analyzers of gcc and clang, cppcheck, shellcheck, mandoc, codespell, layering
#   make deb           builds a Debian package in build/
#   make install       DESTDIR= PREFIX=/usr/local; make uninstall removes what it installed
#   make clean

SOURCE     ?= memory:
MOUNTPOINT ?= ./locks
SECONDS    ?= 60
SEED       ?=
TESTS      ?=
PREFIX     ?= /usr/local
DESTDIR    ?=
BUILD      ?= build

# Directories of `make install`. mount(8) looks for its helpers in /sbin only, so they
# go there, unless PREFIX is a private directory.
BINDIR     ?= $(PREFIX)/bin
HELPERDIR  ?= $(if $(filter /usr /usr/local,$(PREFIX)),/sbin,$(PREFIX)/sbin)
MANDIR     ?= $(PREFIX)/share/man
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
FISHDIR    ?= $(PREFIX)/share/fish/vendor_completions.d
UNITDIR    ?= $(PREFIX)/lib/systemd/system
EXAMPLEDIR ?= $(PREFIX)/share/doc/lockfs/examples
EXAMPLES   := $(wildcard scripts/examples/*)

CC         ?= cc
CFLAGS     ?= -O2 -g
WARNINGS   ?= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla \
              -Wformat -Wformat-security
PKG_CONFIG ?= pkg-config
# One short line a file that is made; V=1 shows the commands, and `make -s` nothing.
V          ?=
SILENT     := $(if $(V),,$(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS)))))
QUIET       = $(if $(V),,@$(if $(SILENT),,printf '%-3s %s\n' $(1) $(2);))

VERSION    := $(shell sed -n 's/^## \([0-9][0-9.]*\).*/\1/p' CHANGELOG.md | head -n 1)

LIBRARIES  := fuse3 libuv hiredis
LOCKCTL_LIBRARIES := smartcols
# Recursive variables: pkg-config is called only by compiling, so `make run` can install it first.
LIB_CFLAGS  = $(shell $(PKG_CONFIG) --cflags $(LIBRARIES))
LIB_LIBS    = $(shell $(PKG_CONFIG) --libs $(LIBRARIES) $(TLS_LIBRARIES))
# rediss:// needs hiredis with TLS, which is 1.0 or newer.
TLS_LIBRARIES = $(shell $(PKG_CONFIG) --exists hiredis_ssl openssl 2>/dev/null && echo hiredis_ssl openssl)
LOCKCTL_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(LOCKCTL_LIBRARIES))
LOCKCTL_LIBS   = $(shell $(PKG_CONFIG) --libs $(LOCKCTL_LIBRARIES))
TLS_CFLAGS    = $(if $(TLS_LIBRARIES),-DLOCKFS_TLS)

# Flags that make a memory error harder to exploit, as far as the compiler accepts them.
# HARDENING= and HARDENING_LINK= switch them off; CFLAGS and LDFLAGS come later and override them.
# The first compilation asks the compiler, once.
HARDENING_WANTED := -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection -mbranch-protection=standard
accepted          = $(shell $(CC) -Werror $(1) -fsyntax-only -x c /dev/null 2>/dev/null && echo '$(1)')
HARDENING         = $(eval HARDENING := $(foreach flag,$(HARDENING_WANTED),$(call accepted,$(flag))))$(HARDENING)
HARDENING_LINK    = -pie -Wl,-z,relro,-z,now,-z,noexecstack
# _FORTIFY_SOURCE needs an optimizer, and hides errors from sanitizers.
FORTIFY           = $(if $(filter -O1 -O2 -O3 -Os -Og,$(lastword $(filter -O%,$(CFLAGS)))), \
                    $(if $(findstring -fsanitize,$(CFLAGS))$(findstring _FORTIFY_SOURCE,$(CFLAGS)),, \
                    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))

ALL_CFLAGS  = -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DFUSE_USE_VERSION=312 -DLOCKFS_VERSION='"$(VERSION)"' \
              -Iinclude -I. -I$(BUILD) $(WARNINGS) $(LIB_CFLAGS) $(LOCKCTL_CFLAGS) $(TLS_CFLAGS) $(HARDENING) $(FORTIFY) $(CFLAGS)
ALL_LDFLAGS = $(HARDENING_LINK) $(LDFLAGS)

BACKEND_SOURCES := $(wildcard backend/*.c backend/*/*.c backend/*/*/*.c)
FS_SOURCES      := $(wildcard fs/*.c fs/*/*.c fs/*/*/*.c)
LOCKCTL_SOURCES := $(wildcard scripts/lockctl/*.c)
# What lockctl shares with the daemon: durations, numbers, and what must not reach a terminal.
LOCKCTL_SHARED  := backend/util/text/duration.c backend/util/text/number.c backend/util/text_copy.c fs/util/line_text.c fs/util/printable.c
COMPLETIONS     := $(BUILD)/lockctl.bash $(BUILD)/_lockctl $(BUILD)/lockctl.fish
TEST_SOURCES    := tests/contract/contract.c $(wildcard tests/parsers/*.c)
BENCH_SOURCES   := $(wildcard tests/bench/*.c)

objects          = $(patsubst %.c,$(BUILD)/%.o,$(1))
BACKEND_OBJECTS := $(call objects,$(BACKEND_SOURCES))
FS_OBJECTS      := $(call objects,$(FS_SOURCES))
LOCKCTL_OBJECTS := $(call objects,$(LOCKCTL_SOURCES) $(LOCKCTL_SHARED))
# All objects of fs/ except the one with main(), for tests that call functions of fs/.
FS_PARTS        := $(filter-out $(BUILD)/fs/start/main.o,$(FS_OBJECTS))
TEST_PROGRAMS   := $(patsubst %.c,$(BUILD)/%,$(TEST_SOURCES))
BENCH_PROGRAMS  := $(patsubst %.c,$(BUILD)/%,$(BENCH_SOURCES))

# One program for each fuzz target. Linked with replay/main.c it runs the cases of tests/fuzz/corpus/;
# `make fuzz` links it with libFuzzer instead, which needs clang.
FUZZ_SOURCES    := $(wildcard tests/fuzz/*.c)
FUZZ_PROGRAMS   := $(patsubst %.c,$(BUILD)/%,$(FUZZ_SOURCES))
FUZZ_MAIN       ?= $(BUILD)/tests/fuzz/replay/main.o
FUZZ_CFLAGS     := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

FAULTS_PROGRAMS := $(BUILD)/tests/faults/cable $(BUILD)/tests/faults/clock.so

.PHONY: all run check check-fast check-faults coverage memcheck bench install uninstall deb lint flags clean fast-programs test-programs bench-programs faults-programs fuzz fuzz-programs
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/lockfs $(BUILD)/lockctl $(COMPLETIONS)

$(BUILD)/lockfs: $(FS_OBJECTS) $(BACKEND_OBJECTS)
	$(call QUIET,LD,$@) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(BUILD)/lockctl: $(LOCKCTL_OBJECTS)
	$(call QUIET,LD,$@) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Wl,--as-needed -o $@ $^ $(LOCKCTL_LIBS)

# The completions have the tables of commands and options that the program itself has.
complete = $(call QUIET,GEN,$@) $(BUILD)/lockctl completion $(1) > $@.table && sed -e '/@TABLE@/ { r $@.table' -e 'd }' $< > $@

$(BUILD)/lockctl.bash: scripts/lockctl.bash $(BUILD)/lockctl
	$(call complete,bash)

$(BUILD)/_lockctl: scripts/_lockctl $(BUILD)/lockctl
	$(call complete,zsh)

$(BUILD)/lockctl.fish: scripts/lockctl.fish $(BUILD)/lockctl
	$(call complete,fish)

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call QUIET,CC,$<) $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# backend/redis/lua/scripts.c includes each script of the server as a C string with the script's name. The
# expander replaces the `include` lines of the script by the named files.
LUA_STRINGS  := $(patsubst %.lua,$(BUILD)/%.lua.h,$(wildcard backend/redis/lua/*.lua))
LUA_EXPANDER := backend/redis/lua/expand.awk

$(BUILD)/%.lua.h: %.lua $(wildcard backend/redis/lua/include/*.lua) $(LUA_EXPANDER) Makefile
	@mkdir -p $(@D)
	$(call QUIET,LUA,$<) awk -v name=$(notdir $*)_lua -v dir=$(<D) -f $(LUA_EXPANDER) $< > $@

$(BUILD)/backend/redis/lua/scripts.o: $(LUA_STRINGS)

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(BACKEND_OBJECTS)
	$(call QUIET,LD,$@) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(BUILD)/tests/faults/%: $(BUILD)/tests/faults/%.o
	$(call QUIET,LD,$@) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^

# The Redis server preloads this, and a sanitizer would not work there: so it is built without CFLAGS.
$(BUILD)/tests/faults/clock.so: tests/faults/clock.c
	@mkdir -p $(@D)
	$(call QUIET,LD,$@) $(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -O2 -shared -fPIC -o $@ $<

# An archive, because a fuzz target may define a function of its own in place of one in it.
$(BUILD)/tests/fuzz/parts.a: $(sort $(FS_PARTS) $(BACKEND_OBJECTS) $(filter-out %/main.o,$(LOCKCTL_OBJECTS)))
	@rm -f $@
	$(call QUIET,AR,$@) $(AR) rcs $@ $^

$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/parts.a $(filter %.o,$(FUZZ_MAIN))
	$(call QUIET,LD,$@) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(FUZZ_MAIN) $(BUILD)/tests/fuzz/parts.a $(LIB_LIBS) -lm

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(FS_PARTS) $(BACKEND_OBJECTS)
	$(call QUIET,LD,$@) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) $(shell $(PKG_CONFIG) --libs cmocka)

fast-programs: all $(TEST_PROGRAMS)
test-programs: $(TEST_PROGRAMS) $(FUZZ_PROGRAMS)
fuzz-programs: $(FUZZ_PROGRAMS)
bench-programs: $(BENCH_PROGRAMS)
faults-programs: $(FAULTS_PROGRAMS)

# Half a minute of a hundred short lines would hide the tour, so one line stands for all of them.
run:
	@scripts/setup build
	@$(if $(V),,$(MAKE) -q --no-print-directory all || echo 'building $(BUILD)/lockfs and $(BUILD)/lockctl from $(words $(FS_SOURCES) $(BACKEND_SOURCES) $(LOCKCTL_SOURCES)) files')
	@$(MAKE) $(if $(V),,-s) --no-print-directory all
	@scripts/run '$(SOURCE)' '$(MOUNTPOINT)' '$(BUILD)/lockfs'

check:
	@scripts/setup check
	@$(MAKE) --no-print-directory all test-programs
	@tests/run '$(BUILD)' $(TESTS)

# Files of tests/bats and programs that need no Redis server and do not wait for long leases.
FAST_TESTS := acquire attributes contract descriptors directories duration errors event_line release shells

check-fast:
	@scripts/setup fast
	@$(MAKE) --no-print-directory fast-programs
	@LOCKFS_TEST_SOURCE=memory: tests/run '$(BUILD)' $(FAST_TESTS)

check-faults:
	@scripts/setup check
	@$(MAKE) --no-print-directory all faults-programs
	@SECONDS_OF_FAULTS='$(SECONDS)' SEED='$(SEED)' tests/faults/run '$(BUILD)'

coverage:
	@scripts/setup check
	@tests/coverage

memcheck:
	@scripts/setup check
	@$(MAKE) --no-print-directory all test-programs
	@tests/memcheck '$(BUILD)' $(TESTS)

# Findings and the enlarged corpus stay in the build directory.
fuzz: SECONDS = 30
fuzz:
	@scripts/setup check
	@$(MAKE) --no-print-directory BUILD='$(BUILD)/fuzz' CC=clang FUZZ_MAIN=-fsanitize=fuzzer CFLAGS='$(FUZZ_CFLAGS)' all fuzz-programs
	@SECONDS_OF_FUZZING='$(SECONDS)' SEED='$(SEED)' tests/fuzz/run '$(BUILD)/fuzz'

bench:
	@scripts/setup bench
	@$(MAKE) --no-print-directory all bench-programs
	@HOSTILE_SECONDS='$(SECONDS)' tests/bench/run '$(BUILD)' $(PART)

# Prints the compiler flags as words of a shell, for tests/lint.
flags:
	@printf '%s\n' '$(subst ','\'',$(ALL_CFLAGS))'

lint:
	@scripts/setup check
	@tests/lint

# mount.lockfs and the systemd unit call lockfs by its installed path.
naming_bindir = sed 's:@BINDIR@:$(BINDIR):' $(1) > '$(2)' && chmod $(3) '$(2)'

install: all
	install -D -m 755 $(BUILD)/lockfs '$(DESTDIR)$(BINDIR)/lockfs'
	install -D -m 755 $(BUILD)/lockctl '$(DESTDIR)$(BINDIR)/lockctl'
	install -D -m 644 fs/lockfs.1 '$(DESTDIR)$(MANDIR)/man1/lockfs.1'
	install -D -m 644 fs/lockfs.5 '$(DESTDIR)$(MANDIR)/man5/lockfs.5'
	install -D -m 644 fs/lockfs-recipes.7 '$(DESTDIR)$(MANDIR)/man7/lockfs-recipes.7'
	install -D -m 644 scripts/lockctl.1 '$(DESTDIR)$(MANDIR)/man1/lockctl.1'
	install -D -m 644 $(BUILD)/lockctl.bash '$(DESTDIR)$(BASHDIR)/lockctl'
	install -D -m 644 $(BUILD)/_lockctl '$(DESTDIR)$(ZSHDIR)/_lockctl'
	install -D -m 644 $(BUILD)/lockctl.fish '$(DESTDIR)$(FISHDIR)/lockctl.fish'
	install -d '$(DESTDIR)$(EXAMPLEDIR)' '$(DESTDIR)$(HELPERDIR)' '$(DESTDIR)$(UNITDIR)'
	for file in $(EXAMPLES); do \
		if [ -x "$$file" ]; then mode=755; else mode=644; fi; \
		install -m "$$mode" "$$file" '$(DESTDIR)$(EXAMPLEDIR)' || exit 1; \
	done
	$(call naming_bindir,scripts/mount.lockfs,$(DESTDIR)$(HELPERDIR)/mount.lockfs,755)
	ln -sf mount.lockfs '$(DESTDIR)$(HELPERDIR)/mount.fuse.lockfs'
	$(call naming_bindir,scripts/lockfs@.service,$(DESTDIR)$(UNITDIR)/lockfs@.service,644)

uninstall:
	rm -f '$(DESTDIR)$(BINDIR)/lockfs' '$(DESTDIR)$(BINDIR)/lockctl'
	rm -f '$(DESTDIR)$(MANDIR)/man1/lockfs.1' '$(DESTDIR)$(MANDIR)/man5/lockfs.5' '$(DESTDIR)$(MANDIR)/man1/lockctl.1'
	rm -f '$(DESTDIR)$(MANDIR)/man7/lockfs-recipes.7'
	rm -f '$(DESTDIR)$(BASHDIR)/lockctl' '$(DESTDIR)$(ZSHDIR)/_lockctl' '$(DESTDIR)$(FISHDIR)/lockctl.fish'
	rm -f '$(DESTDIR)$(HELPERDIR)/mount.lockfs' '$(DESTDIR)$(HELPERDIR)/mount.fuse.lockfs'
	rm -f '$(DESTDIR)$(UNITDIR)/lockfs@.service'
	for file in $(notdir $(EXAMPLES)); do rm -f '$(DESTDIR)$(EXAMPLEDIR)'/"$$file"; done
	for dir in '$(DESTDIR)$(EXAMPLEDIR)' '$(DESTDIR)$(dir $(EXAMPLEDIR))'; do rmdir "$$dir" 2>/dev/null || true; done

deb:
	@scripts/setup package
	@$(MAKE) --no-print-directory all
	@scripts/deb '$(BUILD)' '$(VERSION)'

clean:
	rm -rf $(BUILD)

-include $(patsubst %.o,%.d,$(BACKEND_OBJECTS) $(FS_OBJECTS) $(LOCKCTL_OBJECTS) $(call objects,$(TEST_SOURCES) $(BENCH_SOURCES) $(FUZZ_SOURCES) tests/fuzz/replay/main.c tests/faults/cable.c))
