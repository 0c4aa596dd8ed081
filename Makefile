# Everything runs from here: `make help`. Needs Rust, Python 3.11+ and make; the rest is installed into .venv/ and target/.

SHELL := /bin/sh
.SHELLFLAGS := -ec
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# The first interpreter that is new enough; `make PYTHON=…` takes another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$name && break; done)
CARGO ?= cargo
VENV := .venv
BIN := $(abspath $(VENV))/bin
SAY := printf '\033[1m→ %s\033[0m\n'
PIP := $(BIN)/python -m pip --disable-pip-version-check
PARITY := $(CARGO) run --release --quiet -p interlingua-parity --
PACKAGE := bindings-python/python/interlingua

# The private corpus is optional: with it the property tests run over real streams as well.
LOCAL_CORPUS := $(wildcard ../shared/corpus/open.jsonl.gz)
ifneq ($(LOCAL_CORPUS),)
export INTERLINGUA_CORPUS ?= $(abspath $(LOCAL_CORPUS))
endif

RUST_SOURCES := $(shell find core/src bindings-python/src parity-tests/src -name '*.rs') \
	Cargo.toml Cargo.lock core/Cargo.toml bindings-python/Cargo.toml parity-tests/Cargo.toml

.PHONY: help demo serve build wheel test docs docs-check lint lint-rust lint-python test-rust test-python parity parity-mutate gate gate-check \
	record litellm-names test-litellm test-migration test-ui ui-pictures bench bench-full bench-growth bench-peers bench-budget bench-budget-write fuzz oracle clean need-python need-rust

help: ## this list
	@echo 'make TARGET, where TARGET is'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ── environment ──────────────────────────────────────────────────────────────────────────────────────────────────────

need-python:
	@test -n '$(PYTHON)' && '$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.11 …' >&2; exit 1; }

need-rust:
	@command -v $(CARGO) >/dev/null || { echo 'Rust is needed: https://rustup.rs' >&2; exit 1; }

$(VENV)/.created: | need-python
	@$(SAY) 'creating $(VENV)'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: requirements-dev.txt bindings-python/pyproject.toml $(VENV)/.created
	@$(SAY) 'installing the development requirements into $(VENV)'
	@$(PIP) install --progress-bar off -r requirements-dev.txt
	@touch $@

$(VENV)/.built: $(RUST_SOURCES) bindings-python/pyproject.toml $(VENV)/.installed | need-rust
	@$(SAY) 'building the Rust core and installing the package into $(VENV) (release build: a minute or two the first time)'
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --extras uvicorn -m bindings-python/Cargo.toml
	@touch $@

build: $(VENV)/.built ## create .venv, build the core, install the package

oracle: $(VENV)/.created ## create the locked LiteLLM environments under target/oracle (large; only corpora, records and benches need them)
	@cd parity-tests && $(BIN)/python -m recorder.environments

# ── use ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

demo: build ## the official SDKs through the gateway, without keys or network
	@$(SAY) 'demo'
	@$(BIN)/python -m interlingua demo

serve: build ## keep the gateway and the replay upstream running, and print curl lines (PORT=4000)
	@$(BIN)/python -m interlingua demo --serve --port $(or $(PORT),4000)

# ── checks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

test: lint test-rust test-python test-ui test-migration parity gate-check parity-mutate bench-budget ## everything that CI runs
	@$(SAY) 'all checks passed'

lint: lint-rust lint-python docs-check ## formatting, clippy, ruff, mypy, stubtest, tables in docs/

lint-rust: need-rust
	@$(SAY) 'cargo fmt --check'
	@$(CARGO) fmt --all -- --check
	@$(SAY) 'cargo clippy'
	@$(CARGO) clippy --workspace --all-targets -- -D warnings

lint-python: build
	@$(SAY) 'ruff'
	@$(BIN)/ruff check bindings-python
	@$(BIN)/ruff check parity-tests/recorder
	@$(BIN)/ruff check --config bindings-python/pyproject.toml bench scripts
	@$(BIN)/ruff format --check bindings-python
	@$(BIN)/ruff format --check --config bindings-python/pyproject.toml bench scripts
	@$(SAY) 'mypy --strict'
	@cd bindings-python && $(BIN)/mypy python/interlingua
	@cd parity-tests && $(BIN)/mypy recorder
	@$(BIN)/mypy --config-file bindings-python/pyproject.toml bench scripts
	@$(SAY) 'stubtest'
	@$(BIN)/python -m mypy.stubtest interlingua._native

docs-check: build need-rust
	@$(SAY) 'tables in docs/'
	@$(BIN)/python scripts/doc_tables.py --check
	@$(PARITY) ledger | diff docs/ledger.md - >/dev/null || { echo "docs/ledger.md is out of date; run make docs" >&2; exit 1; }

test-rust: need-rust
	@$(SAY) 'cargo test'
	@$(CARGO) test --workspace

test-python: build
	@$(SAY) 'pytest: package and gateway'
	@$(BIN)/python -m pytest -q bindings-python/tests
	@$(SAY) 'pytest: recorder'
	@cd parity-tests && $(BIN)/python -m pytest -q recorder/tests
	@$(SAY) 'pytest: benchmarks'
	@$(BIN)/python -m pytest -q bench

ifeq ($(CORPUS),)
parity: need-rust ## replay the fixtures, or CORPUS=FILE.jsonl.gz, and account for every difference to LiteLLM
	@$(SAY) 'parity: the fixtures'
	@$(PARITY) run
else
parity: need-rust oracle
	@$(SAY) 'parity: $(CORPUS)'
	@PATH="$(BIN):$$PATH" $(PARITY) run --corpus '$(CORPUS)'
endif

parity-mutate: need-rust ## does the comparer see? one changed leaf per case
	@$(SAY) 'parity: mutations'
	@$(PARITY) mutate

gate-check: need-rust
	@$(SAY) 'gate.json is what the fixtures prove'
	@$(PARITY) gate --check

wheel: $(VENV)/.installed | need-rust ## build a wheel with everything in it under dist/
	@$(SAY) 'building the wheel'
	@$(BIN)/python scripts/pack_fixtures.py
	@$(BIN)/maturin build --release -o dist -m bindings-python/Cargo.toml; $(BIN)/python scripts/pack_fixtures.py --remove
	@ls -l dist

# ── for maintainers ──────────────────────────────────────────────────────────────────────────────────────────────────

gate: need-rust ## write gate.json from the fixtures
	@$(PARITY) gate --write

docs: build ## bring the tables in docs/ up to date with the code
	@$(BIN)/python scripts/doc_tables.py
	@$(PARITY) ledger > target/ledger.md && mv target/ledger.md docs/ledger.md

record: oracle ## ask the oracle again for every fixture case (CASES=DIR … for some)
	@cd parity-tests && $(BIN)/python -m recorder.record $(abspath $(CASES))

litellm-names: oracle ## write what LiteLLM knows, config keys, providers and paths, from the oracle
	@cd parity-tests && $(abspath target/oracle/1.109.1/bin/python) -m recorder.config_names
	@cd parity-tests && $(abspath target/oracle/1.109.1/bin/python) -m recorder.surface

test-litellm: build oracle ## the tests that need a real LiteLLM: as the child process, and loading the configs of the tests
	@INTERLINGUA_LITELLM_PYTHON=$(abspath target/oracle/1.109.1/bin/python) $(BIN)/python -m pytest -q bindings-python/tests -k real_litellm

$(VENV)/.test-ui: requirements-test-ui.txt $(VENV)/.installed
	@$(SAY) 'installing what the tests of the page need into $(VENV)'
	@$(PIP) install --progress-bar off -r requirements-test-ui.txt
	@touch $@

test-ui: build $(VENV)/.test-ui ## the page at /ui in the system's chromium (CHROMIUM=… takes another); skipped without one
	@$(SAY) 'pytest: the page'
	@$(BIN)/python -m pytest -q bindings-python/tests/ui

ui-pictures: build $(VENV)/.test-ui ## take the pictures of docs/ui.md again (needs chromium and pngquant)
	@cd bindings-python/tests/ui && $(BIN)/python pictures.py $(abspath docs/ui)

test-migration: build ## the migration guide, executed: a real LiteLLM, clients that never stop asking, a core that fails on the way
	@$(SAY) 'pytest: the migration'
	@cd parity-tests && $(BIN)/python -m recorder.environments 1.109.1
	@INTERLINGUA_LITELLM_PYTHON=$(abspath target/oracle/1.109.1/bin/python) $(BIN)/python -m pytest -q bindings-python/tests/migration

$(VENV)/.bench: bench/requirements.txt $(VENV)/.installed
	@$(SAY) 'installing what benchmarks need into $(VENV), and peers into target/peers'
	@$(PIP) install --progress-bar off -r bench/requirements.txt
	@$(BIN)/python -m bench.peers
	@touch $@

bench: build oracle wheel $(VENV)/.bench ## measure the core, the gateway and peers; writes docs/benchmarks.md (minutes)
	@$(BIN)/python -m bench.run

bench-full: bench ## the same, and how cost grows: curves and a soak of BENCH_SOAK_SECONDS=600
	@$(BIN)/python -m bench.run --growth

bench-growth: build $(VENV)/.bench ## only how cost grows
	@$(BIN)/python -m bench.run --growth

bench-peers: $(VENV)/.bench need-rust ## build the Rust peers as well, which takes ten minutes
	@$(BIN)/python -m bench.peers --rust

bench-budget: $(VENV)/.installed need-rust ## instruction counts of the core: more than 3 % above bench/instructions.json fails
	@$(SAY) 'the instruction budget'
	@$(BIN)/python -m bench.budget

bench-budget-write: $(VENV)/.installed need-rust ## record the instruction counts
	@$(BIN)/python -m bench.budget --write

fuzz: need-rust ## fuzz every target for FUZZ_SECONDS=60 each (needs cargo-fuzz and a nightly toolchain)
	@command -v cargo-fuzz >/dev/null || { echo 'cargo-fuzz is missing: cargo install cargo-fuzz' >&2; exit 1; }
	@rustup toolchain list 2>/dev/null | grep -q nightly || { \
		echo 'a nightly toolchain is missing: rustup toolchain install nightly --profile minimal' >&2; exit 1; }
	@for target in $$($(CARGO) +nightly fuzz list); do $(SAY) "fuzz $$target"; \
		mkdir -p fuzz/corpus/$$target; \
		$(CARGO) +nightly fuzz run $$target fuzz/corpus/$$target fixtures -- -max_total_time=$(or $(FUZZ_SECONDS),60); done

clean: ## remove .venv and target
	@rm -rf $(VENV) target fuzz/target $(PACKAGE)/_native*.so
