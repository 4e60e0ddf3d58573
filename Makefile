# make demo needs Go, git and make. make check installs what else it needs
# where it may, with apt-get as root. make help lists the rest.

GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -s -w -X github.com/gonbd/gonbd/internal/cli.version=$(VERSION)

# Where make install puts things, below DESTDIR.
PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR     ?= $(PREFIX)/bin
DATADIR    ?= $(PREFIX)/share
MANDIR     ?= $(DATADIR)/man
BASHDIR    ?= $(DATADIR)/bash-completion/completions
ZSHDIR     ?= $(DATADIR)/zsh/site-functions
FISHDIR    ?= $(DATADIR)/fish/vendor_completions.d

.PHONY: help build demo check test cover fuzz bench bench-tools cross generate peers manual capi install clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: ## put static tools into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

demo: build ## tell the story: serve a disk, describe it, copy it, prove the copy
	@$(GO) run ./internal/demo

check: ## run all tests, with what they need installed where that may be
	@scripts/check

test: ## run the Go tests with what is there
	$(GO) test ./...

cover: ## hold the engine's coverage by its own tests above 90 %
	@scripts/cover ./internal/engine 90

fuzz: ## run each fuzz target for FUZZTIME, a minute by default
	@scripts/fuzz

bench: ## print reads, writes, latencies and allocations of the client
	$(GO) test -run '^$$' -bench . -benchmem ./nbd ./nbdserver ./internal/engine
	$(GO) run ./internal/bench reads

bench-tools: ## compare the tools with the C tools of make peers
	@$(GO) run ./internal/bench tools
	$(GO) test -run '^$$' -bench Mount -benchtime 1x ./internal/nbdfuse

cross: ## build for the other systems
	@scripts/cross

generate: ## make the generated code anew
	$(GO) generate ./...

peers: ## fetch the newest NBD programs to test against, into the user's cache
	@scripts/peers

manual: ## write manual pages and completions for shells into build/share/
	@rm -rf build/share
	@$(GO) run ./internal/gen/man build/share

capi: manual ## build the C library, libnbd.so.0, into build/capi/
	@PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' INCLUDEDIR='$(INCLUDEDIR)' GO='$(GO)' capi/build.sh build/capi
	@rm -rf build/capi/man
	@cp -R build/share/man build/capi/

install: build manual capi ## install the tools and the C library below DESTDIR and PREFIX
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)/man1' '$(DESTDIR)$(MANDIR)/man3'
	install -m 755 bin/* '$(DESTDIR)$(BINDIR)'
	install -m 644 build/share/man/man1/*.1 '$(DESTDIR)$(MANDIR)/man1'
	install -m 644 build/share/man/man3/*.3 '$(DESTDIR)$(MANDIR)/man3'
	install -d '$(DESTDIR)$(BASHDIR)' '$(DESTDIR)$(ZSHDIR)' '$(DESTDIR)$(FISHDIR)'
	install -m 644 build/share/bash-completion/completions/* '$(DESTDIR)$(BASHDIR)'
	install -m 644 build/share/zsh/site-functions/* '$(DESTDIR)$(ZSHDIR)'
	install -m 644 build/share/fish/vendor_completions.d/* '$(DESTDIR)$(FISHDIR)'
	install -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)'
	install -m 755 build/capi/libnbd.so.0.0.0 build/capi/libnbd-go.so '$(DESTDIR)$(LIBDIR)'
	cp -P build/capi/libnbd.so build/capi/libnbd.so.0 '$(DESTDIR)$(LIBDIR)'
	install -m 644 build/capi/libnbd.a '$(DESTDIR)$(LIBDIR)'
	install -m 644 build/capi/libnbd.h '$(DESTDIR)$(INCLUDEDIR)'
	install -m 644 build/capi/libnbd.pc '$(DESTDIR)$(LIBDIR)/pkgconfig'

clean: ## remove what build has made
	rm -rf bin build
