# Every task of this repository. CI runs the same commands; `make` lists them.

GO       ?= go
BIN      := $(CURDIR)/.bin
CACHE    := $(CURDIR)/.cache
ROLLCALL := $(BIN)/rollcall
LINT     := $(BIN)/golangci-lint

# make test RACE=1 adds the race detector (it needs a C compiler).
RACE     ?= 0
# PKG narrows test, fuzz and cover: make test PKG=./pkg/directory/...
PKG      ?= work
RUN      ?= .
COUNT    ?= 5
BENCH    ?= .
FUZZTIME ?= 30s
FUZZJOBS ?= 2
TARGET   ?= .*
SOAKFUZZ ?= 10m
SOAK     ?= 30m
TIMEOUT  ?= 10m
ARGS     ?=

RACEFLAG := $(if $(filter 1 true yes,$(RACE)),-race)
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
SHIPPED  := ./events/...,./pkg/...,./services/...
MODULES  := events pkg services test
TOOLS    := test/tools test/tools/buf test/tools/lint
ARCH     := github.com/rollcallhq/rollcall/test/arch

# Nothing here downloads another Go: the version on the machine is the one used.
export GOTOOLCHAIN ?= local

SHELL         := /bin/bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

##@ Use

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## Build the static binary .bin/rollcall
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w -X main.version=$(VERSION)' -o $(ROLLCALL) ./services/cmd/rollcall

.PHONY: run
run: build ## Run everything in one process; ARGS="--listen 127.0.0.1:9000" adds flags
	$(ROLLCALL) serve $(ARGS)

.PHONY: demo
demo: build ## Start a server of its own, provision it as identity providers do, verify the webhooks
	ROLLCALL=$(ROLLCALL) deployments/demo/run.sh $(ARGS)

.PHONY: image
image: build ## Build the container image rollcall:local from scratch and the binary
	mkdir -p $(BIN)/image/data && cp $(ROLLCALL) $(BIN)/image/rollcall
	docker build -f deployments/container/Dockerfile -t rollcall:local $(BIN)/image

##@ Test

.PHONY: test
test: ## Run every test; RACE=1, PKG=./pkg/scim/... and RUN=TestName narrow or widen it
	@pkgs=$$($(GO) list -e $(PKG) | grep -vx $(ARCH)); \
	echo '$(GO) test $(RACEFLAG)' $$(wc -w <<<"$$pkgs") packages; \
	$(GO) test $(RACEFLAG) -timeout $(TIMEOUT) -run '$(RUN)' $$pkgs
	$(if $(filter work,$(PKG)),$(GO) test -count=1 -run '$(RUN)' $(ARCH))

.PHONY: arch
arch: ## Check imports, package comments, licences, module files and document links
	$(GO) test -count=1 $(ARCH)

.PHONY: e2e
e2e: ## Run the binary as an operator would and test it from outside
	$(GO) test -count=1 -timeout $(TIMEOUT) ./test/e2e/...

.PHONY: container
container: ## Run the images under a container engine; fails if there is none
	REQUIRE_DOCKER=1 $(GO) test -count=1 -timeout $(TIMEOUT) ./test/container/...

.PHONY: browser
browser: ## Use portal and console in Chromium; fails if there is none
	REQUIRE_BROWSER=1 $(GO) test -count=1 -timeout $(TIMEOUT) ./test/browser/...

.PHONY: soak
soak: ## Kill processes under load for SOAK=30m, check 50 histories, fuzz each target for SOAKFUZZ=10m
	ROLLCALL_SOAK=$(SOAK) $(GO) test -count=1 -v -timeout 0 -run '^TestSoak' ./test/soak/...
	ROLLCALL_SOAK=$(SOAK) $(GO) test -count=1 -v -timeout 0 -run '^TestLinearizable$$' ./test/linearizability/...
	$(MAKE) fuzz FUZZTIME=$(SOAKFUZZ)

.PHONY: bench
bench: $(BIN)/benchstat ## Measure COUNT=5 times and summarise; BENCH=Name picks
	@mkdir -p $(CACHE)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -timeout 0 ./test/bench/... | tee $(CACHE)/bench.txt
	@$(BIN)/benchstat $(CACHE)/bench.txt

.PHONY: fuzz
fuzz: ## Fuzz each target for FUZZTIME=30s, FUZZJOBS=2 at a time; TARGET=FuzzParse picks
	@for dir in $$($(GO) list -f '{{.Dir}}' $(PKG)); do \
	  { cat "$$dir"/*_test.go 2>/dev/null || true; } | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' | sed "s|^|$$dir |"; \
	done | { grep -E ' ($(TARGET))$$' || true; } | FUZZTIME=$(FUZZTIME) xargs -r -P $(FUZZJOBS) -L 1 .ci/fuzz

.PHONY: cover
cover: ## Measure which lines the tests reach, across packages
	@mkdir -p $(CACHE)
	$(GO) test -timeout $(TIMEOUT) -coverpkg=$(SHIPPED) -coverprofile=$(CACHE)/cover.out $(PKG)
	@$(GO) tool cover -html=$(CACHE)/cover.out -o $(CACHE)/cover.html
	@$(GO) tool cover -func=$(CACHE)/cover.out | tail -1
	@echo "lines: $(CACHE)/cover.html"

##@ Change

.PHONY: check
check: lint vet generated ## Everything a change must pass: lint, vet, generated code, race tests, borders
	$(MAKE) test RACE=1

.PHONY: lint
lint: $(LINT) ## Lint and check the format; the first run builds the linter (3 minutes)
	$(LINT) run $(MODULES:%=./%/...)
	@test -z "$$($(LINT) fmt --diff $(MODULES) | tee /dev/stderr)"

.PHONY: vet
vet: ## Run go vet
	$(GO) vet work

.PHONY: fmt
fmt: $(LINT) ## Format the code and order its imports
	$(LINT) fmt $(MODULES)

.PHONY: generate
generate: tools ## Regenerate code from its sources
	PATH="$(BIN):$$PATH" $(GO) generate work

.PHONY: generated
generated: tools ## Fail if regenerating changes any file
	@sums() { git ls-files -co --exclude-standard | sort | while read -r f; do test ! -f "$$f" || sha256sum "$$f"; done; }; \
	before=$$(sums); $(MAKE) --no-print-directory generate; \
	diff <(echo "$$before") <(sums) | sed -n 's/^> [0-9a-f]*  /out of date: /p' | (! grep .) \
	  || { echo "commit what make generate writes"; exit 1; }

.PHONY: docs
docs: ## Check that every link in the documents leads somewhere
	$(GO) test -count=1 -run '^TestDocs' $(ARCH)

.PHONY: vuln
vuln: $(BIN)/govulncheck ## Look up known vulnerabilities; VULNDB=file:///mirror works without a network
	@for m in events pkg services; do \
	  echo "$$m:"; $(BIN)/govulncheck $(if $(VULNDB),-db $(VULNDB)) -C $$m ./... || code=$$?; \
	done; exit $${code:-0}

.PHONY: tidy
tidy: ## Tidy every go.mod
	@for m in $(MODULES) $(TOOLS); do echo "tidy $$m"; GOWORK=off $(GO) -C $$m mod tidy; done
	$(GO) work sync

.PHONY: tools
tools: $(BIN)/buf $(BIN)/benchstat ## Build the pinned generators and small tools into .bin/

.PHONY: tools-lint
tools-lint: $(LINT) ## Build the pinned linter into .bin/

.PHONY: clean
clean: ## Remove what the targets above wrote
	rm -rf $(BIN) $(CACHE)

# The tools live outside the workspace, each group in a module of its own
# (test/tools/README.md says why). One go command builds a whole group, and
# benchstat stands for the first.
$(BIN)/benchstat: test/tools/go.mod test/tools/go.sum $(wildcard test/tools/openapi/*.go)
	GOWORK=off $(GO) build -C test/tools -o $(BIN)/ tool
	@touch $@

$(BIN)/govulncheck: $(BIN)/benchstat ;

$(BIN)/buf: test/tools/buf/go.mod test/tools/buf/go.sum
	GOWORK=off $(GO) build -C test/tools/buf -o $(BIN)/ tool
	@touch $@

$(LINT): test/tools/lint/go.mod test/tools/lint/go.sum
	GOWORK=off $(GO) build -C test/tools/lint -o $(BIN)/ tool
	@touch $@
