# `make` lists what there is. Everything works from a clean clone, as root or not, and asks nothing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# What cargo installs where it is missing; another version that is there is taken as it is.
NEXTEST_VERSION := 0.9.143
DENY_VERSION := 0.20.2

TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup-redis ## Show a queue at work, against a fake Gamma and a private Redis
	@echo "Building the release binary; the first time this takes some minutes."
	cargo build --release --package gammaq --bin gammaq
	$(TARGET)/release/gammaq demo

.PHONY: test
test: setup-redis setup-nextest ## Run all tests, the end-to-end ones on the real binary included
	cargo build --package gammaq --bin gammaq
	cargo test --doc --workspace
	cargo nextest run --workspace

.PHONY: lint
lint: setup-cargo setup-deny ## Check format, lints, documentation, licences and who depends on whom
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace
	cargo deny check --hide-inclusion-graph bans licenses sources
	.ci/check-advisories

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
setup: setup-redis setup-nextest setup-deny ## Install what is missing of the tools

# Servers for the tests and the demo only: each starts its own on a free port, none as a service of the machine.
.PHONY: setup-redis
setup-redis: setup-cargo
	@{ command -v redis-server && command -v redis-cli; } >/dev/null || .ci/install-packages redis-server

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
