# make demo needs Go, git and make. make check installs what else it needs
# where it may, with apt-get as root. make help lists the rest.

GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -s -w -X github.com/gonbd/gonbd/internal/cli.version=$(VERSION)

.PHONY: help build demo check test cover fuzz bench cross generate peers clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

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
	$(GO) run ./internal/bench
	$(GO) run ./internal/bench tls

cross: ## build for the other systems
	@scripts/cross

generate: ## make the generated code anew
	$(GO) generate ./...

peers: ## fetch the newest NBD programs to test against, into the user's cache
	@scripts/peers

clean: ## remove what build has made
	rm -rf bin build
