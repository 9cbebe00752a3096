# Two commands matter: `make demo` and `make test`. Each sets up all it needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tollbridge needs Python 3.11 or later; $$($(PYTHON) --version) is at '$(PYTHON)'. Run make with PYTHON=python3.11, say."; exit 1; }
	@echo "Setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: help
help:  ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY)  ## Create the virtual environment from the lock file

.PHONY: demo
demo: $(READY)  ## Show the whole road with a made-up history (half a minute, nothing else needed)
	$(BIN)/tollbridge demo

.PHONY: up
up: $(READY)  ## Run everything on this machine, in one terminal, until Ctrl-C
	$(BIN)/tollbridge up

# Whole stacks on real servers mostly wait for timeouts, so more of them run at once than there are cores.
SLOW_TESTS := tests/integration tests/fault
QUICK_TESTS := tests/unit tests/property tests/contract tests/k8s

.PHONY: test
test: $(READY)  ## Run every test that this machine can run (under fifteen minutes on two cores)
	$(BIN)/pytest --numprocesses 2 $(QUICK_TESTS)
	$(BIN)/pytest --numprocesses 4 --dist worksteal $(SLOW_TESTS)

COUNT ?= 1000000
SOAK_SEED ?=
.PHONY: soak
soak: $(READY)  ## Deliver made-up histories in a million orders (COUNT=1000000 SOAK_SEED=...; all cores)
	$(BIN)/python -m tests.permuted_histories --count $(COUNT) $(if $(SOAK_SEED),--seed $(SOAK_SEED))

.PHONY: lint
lint: $(READY)  ## Check style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

ROUNDS ?= 3
EVENTS ?= 15000
.PHONY: bench
bench: $(READY)  ## Measure the road beside its references (ROUNDS=3 EVENTS=15000; five minutes)
	$(BIN)/python -m benchmarks --rounds $(ROUNDS) --events $(EVENTS)

.PHONY: format
format: $(READY)  ## Put the code into its one shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

LOCKED := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet
.PHONY: lock
lock: $(READY)  ## Write the lock files anew from pyproject.toml: for development, for the image and its build
	$(BIN)/uv pip compile pyproject.toml --all-extras $(LOCKED) --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --constraint requirements.lock $(LOCKED) --output-file requirements-runtime.lock
	echo 'setuptools>=80' | $(BIN)/uv pip compile - --constraint requirements.lock $(LOCKED) --output-file requirements-build.lock

.PHONY: clean
clean:  ## Remove what make and the tests left behind
	rm -rf $(VENV) .tollbridge .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
