# `make` lists what there is. Everything works from a clean clone, as root or not, and asks nothing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# What cargo installs where it is missing; another version that is there is taken as it is.
NEXTEST_VERSION := 0.9.143
DENY_VERSION := 0.20.2
MOTO_VERSION := 5.2.5
AZURITE_VERSION := 3.37.0

TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup-redis ## Show a queue at work, against a fake Gamma and a private Redis
	@echo "Building the release binary; the first time this takes some minutes."
	cargo build --release --package gammaq --bin gammaq
	$(TARGET)/release/gammaq demo

# A panic says where it was; backtraces would only push it out of sight.
.PHONY: test
test: setup-redis setup-chromium setup-strace setup-s3 setup-receiver setup-nextest ## Run all tests, the end-to-end ones on the real binary included
	cargo build --package gammaq --bin gammaq
	cargo test --doc --workspace
	$(MAKE) test-traces
	RUST_BACKTRACE=0 GAMMAQ_TEST_SERVERS=$$(.ci/servers others) cargo nextest run --workspace

# The binary with the feature otel gets a name of its own, and the one without is there again afterwards. The tests are built
# with the features of the whole workspace, so that what was built for `make test` will do.
.PHONY: test-traces
test-traces: setup-redis setup-nextest ## Test the traces of a build with the feature otel
	cargo build --package gammaq --bin gammaq --features otel
	cp --force $(TARGET)/debug/gammaq $(TARGET)/debug/gammaq-otel
	cargo build --package gammaq --bin gammaq
	RUST_BACKTRACE=0 GAMMAQ_BIN=$(abspath $(TARGET))/debug/gammaq-otel \
		cargo nextest run --workspace --features gammaq-tests/otel --test traces

# Some hundred megabytes of Node's packages, which is too much for every `make test`.
.PHONY: test-azure
test-azure: setup-redis setup-azure setup-nextest ## Test copies in a container of Azure, against a server that speaks it
	cargo build --package gammaq --bin gammaq
	RUST_BACKTRACE=0 cargo nextest run --workspace --test e2e --run-ignored only azure::

.PHONY: test-servers
test-servers: setup-redis setup-nextest ## Run the tests that depend on the server on each that is found
	cargo build --package gammaq --bin gammaq
	.ci/servers test

.PHONY: servers
servers: setup-redis ## Fetch other servers to test with, into target/servers alone
	.ci/servers fetch

# The release build, since that is what runs. WRITE=1 puts the figures into the document.
MINUTES ?= 30
SEED ?= 1
.PHONY: torture
torture: setup-redis ## Break everything at random for MINUTES=30 with SEED=1; WRITE=1 notes the figures
	cargo build --release --package gammaq --bin gammaq --package gammaq-tests --bin torture
	$(TARGET)/release/torture --minutes $(MINUTES) --seed $(SEED) $(if $(WRITE),--write docs/RELIABILITY.md)

# Some gigabytes of memory for a million jobs.
JOBS ?= 1000000
.PHONY: bench-reading
bench-reading: setup-redis ## Measure the reading commands with JOBS=1000000 finished jobs; WRITE=1 notes the figures
	cargo build --release --package gammaq --bin gammaq --package gammaq-tests --bin bench-reading
	$(TARGET)/release/bench-reading --jobs $(JOBS) $(if $(WRITE),--write docs/READING.md)

# A quarter of an hour a round, on a machine that does nothing else; some gigabytes of memory. ONLY=lifecycle,cycles for some of
# it, MOST=20000 without the largest, SCALE=0.01 to see that it works.
ROUNDS ?= 3
BENCH = $(TARGET)/release/bench --rounds $(ROUNDS) $(if $(SCALE),--scale $(SCALE)) $(if $(MOST),--most $(MOST)) $(if $(AOF),--aof $(AOF))
.PHONY: bench
bench: setup-redis ## Measure what gammaq costs, ROUNDS=3, ONLY=lifecycle,…; WRITE=1 notes the figures
	cargo build --release --package gammaq --bin gammaq --package gammaq-bench --bin bench
	$(BENCH) $(if $(ONLY),--only $(ONLY)) --json $(TARGET)/bench/bench.json $(if $(WRITE),--write docs/PERFORMANCE.md)

# The other queues are built, and kept, in target/peers alone.
.PHONY: bench-peers
bench-peers: setup-redis ## Measure the same lifecycle on gammaq and on other queues, in turns; WRITE=1 notes the figures
	@command -v npm >/dev/null || { echo "Please install Node.js 20 or newer first: https://nodejs.org" >&2; exit 69; }
	cargo build --release --package gammaq --bin gammaq --package gammaq-bench --bin bench
	CARGO_TARGET_DIR=$(abspath $(TARGET))/peers/rust cargo build --release --locked --manifest-path crates/bench/peers/rust/Cargo.toml
	mkdir -p $(TARGET)/peers/bullmq
	cp crates/bench/peers/bullmq/* $(TARGET)/peers/bullmq/
	cd $(TARGET)/peers/bullmq && npm ci --ignore-scripts --no-audit --no-fund
	$(BENCH) --json $(TARGET)/bench/peers.json $(if $(WRITE),--write docs/PERFORMANCE.md) peers --programs $(TARGET)/peers \
		$(if $(PEERS),--peers $(PEERS))

KEEP ?= 1000
.PHONY: bench-sweep
bench-sweep: setup-redis ## Measure what a sweep of JOBS=1000000 finished jobs down to KEEP=1000 costs others; WRITE=1 notes the figures
	cargo build --release --package gammaq --bin gammaq --package gammaq-tests --bin bench-sweep
	$(TARGET)/release/bench-sweep --jobs $(JOBS) --keep $(KEEP) $(if $(WRITE),--write docs/RETENTION.md)

.PHONY: screenshots
screenshots: setup-redis setup-chromium ## Take the pictures of the dashboard in docs/dashboard anew
	cargo build --package gammaq --bin gammaq
	cargo run --package gammaq-tests --bin screenshots -- --into docs/dashboard

SEEDS ?= 2000
FROM ?= 0
.PHONY: simulate
simulate: setup-cargo ## Run SEEDS=2000 whole queues on virtual time, from seed FROM=0 on
	cargo run --package gammaq-sim -- --seeds $(SEEDS) --from $(FROM)

.PHONY: lint
lint: setup-cargo setup-deny ## Check format, lints, documentation, licences and who depends on whom
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace
	cargo deny --workspace --features gammaq/otel,gammaq-tests/otel check --hide-inclusion-graph bans licenses sources
	.ci/check-advisories

# In megabytes of a million bytes, stripped. What an image pulls and a page cache holds.
SIZE_MAX := 20
.PHONY: check-size
check-size: setup-cargo ## Build the release binary and check that it stays below 20 MB
	cargo build --release --package gammaq --bin gammaq
	@size=$$(stat --format %s $(TARGET)/release/gammaq); echo "release binary: $$size bytes"; \
		test $$size -lt $$(($(SIZE_MAX) * 1000000)) || { echo "it is larger than $(SIZE_MAX) MB" >&2; exit 1; }

.PHONY: check-deploy
check-deploy: ## Check what is in deploy/ with promtool, systemd-analyze and schemas
	.ci/check-deploy

.PHONY: check
check: setup-cargo ## Compile everything, tests too, and run nothing
	cargo check --workspace --all-targets

.PHONY: fmt
fmt: setup-cargo ## Format the sources
	cargo fmt --all

.PHONY: clean
clean: setup-cargo ## Remove what was built
	cargo clean

.PHONY: setup
setup: setup-redis setup-chromium setup-strace setup-s3 setup-receiver setup-nextest setup-deny ## Install what is missing of the tools

# Servers for the tests and the demo only: each starts its own on a free port, none as a service of the machine.
.PHONY: setup-redis
setup-redis: setup-cargo
	@{ command -v redis-server && command -v redis-cli; } >/dev/null || .ci/install-packages redis-server

# The dashboard is tried out in it, headless and with a profile of the test's own.
.PHONY: setup-chromium
setup-chromium:
	@command -v chromium >/dev/null || .ci/install-packages chromium

# What a worker asks of the kernel for its files, which no process that is killed can show.
.PHONY: setup-strace
setup-strace:
	@command -v strace >/dev/null || .ci/install-packages strace

# A server that speaks S3, for copies of files in buckets: in an environment of its own, and nothing else of the machine.
.PHONY: setup-s3
setup-s3:
	@test -x $(TARGET)/s3/bin/moto_server || .ci/s3-server $(TARGET)/s3 $(MOTO_VERSION)

# The same for Azure.
.PHONY: setup-azure
setup-azure:
	@test -d $(TARGET)/azure/node_modules/azurite || .ci/azure-server $(TARGET)/azure $(AZURITE_VERSION)

# Callbacks are received by a Python that verifies them with the published library, in a directory of its own.
STANDARDWEBHOOKS_VERSION := 1.1.0
.PHONY: setup-receiver
setup-receiver: ## Make the receiver of callbacks that tests call, in target/receiver alone
	@$(TARGET)/receiver/bin/python -c 'import standardwebhooks' 2>/dev/null || .ci/receiver $(TARGET)/receiver $(STANDARDWEBHOOKS_VERSION)

.PHONY: setup-nextest
setup-nextest: setup-cargo
	@cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest --version $(NEXTEST_VERSION)

.PHONY: setup-deny
setup-deny: setup-cargo
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny --version $(DENY_VERSION)

# Cargo itself can't be installed without a say in where to; a C compiler is needed for TLS, and to link.
.PHONY: setup-cargo
setup-cargo:
	@command -v cargo >/dev/null || { echo "Please install Rust first: https://rustup.rs" >&2; exit 69; }
	@command -v cc >/dev/null || .ci/install-packages build-essential
