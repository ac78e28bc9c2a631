# What can be done in this repository, one target a line: `make` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
ARGS ?=
SECONDS ?= 60
SEEDS ?= 100000
GRAPH ?= $(shell echo $$(( $(SEEDS) / 20 )))
FIRST ?= 0
LOCK ?=
SHIPPED := runbooks remit/sample/runbooks

COMPILE := cd requirements && $(CURDIR)/$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(LOCK)

.PHONY: help setup demo test crash prove check format coverage fuzz mutants simulate bench docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything pinned, and remit in it

# uv installs the set in seconds; where it cannot (no wheel for this platform, an index that only pip
# knows of), pip installs the same files by the same hashes.
$(READY): requirements/dev.txt requirements/uv.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "setup: no python3.11 or python3 found; nothing was made. Install Python 3.11." >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "setup: $(PYTHON) is older than 3.11; nothing was made. Say which to use: make setup PYTHON=..." >&2; exit 2; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); \
		echo "setup: $(PYTHON) cannot make virtual environments. On Debian: apt-get install python3-venv" >&2; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt || \
		echo "setup: no uv for this machine; pip does the work, which takes longer" >&2
	@{ test -x $(BIN)/uv && VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements/dev.txt; } || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "setup: ready. Next: make demo"

demo: $(READY) ## three acts on a real service manager: a retry, a kill, an escalation
	@$(BIN)/remit demo $(ARGS)

test: $(READY) ## the tests, all but the long crash storm
	@$(BIN)/pytest -m "not crash" -n $(WORKERS) $(ARGS)

crash: $(READY) ## the tests that kill real processes
	@$(BIN)/pytest -m crash --timeout 1500 -o faulthandler_timeout=1600 $(ARGS)

prove: $(READY) ## prove every shipped runbook on every path
	@$(BIN)/remit runbook prove $(SHIPPED) $(ARGS)

check: $(READY) ## format, lint, types and import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(READY) ## write the format and the fixes that are safe
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

fuzz: $(READY) ## try every parser with spoilt files for SECONDS (60); ARGS=--guided by coverage, with atheris
	@$(BIN)/python -m evals.fuzz --seconds $(SECONDS) $(ARGS)

coverage: $(READY) ## branch coverage of the core; fails under 95 %
	@$(BIN)/pytest -m "not crash" -n $(WORKERS) --cov --cov-report=term-missing:skip-covered $(ARGS)

mutants: $(READY) ## take out each row of the tables and each guard: a test must fail
	@$(BIN)/python -m evals.mutants $(ARGS)

simulate: $(READY) ## SEEDS (100000) worlds, GRAPH of them (a 20th) through LangGraph; goes on from its log
	@$(BIN)/python -m evals.simulation --seeds $(SEEDS) --graph $(GRAPH) --first $(FIRST) --processes $(WORKERS) $(ARGS)

bench: $(READY) ## what a step costs beside a bare loop and a checkpointed graph
	@$(BIN)/python -m evals.bench $(ARGS)

docs: $(READY) ## write the pages that are made from tables anew
	@$(BIN)/python -m evals.docs $(ARGS)

lock: $(READY) ## write requirements/*.txt anew (LOCK=--upgrade raises versions)
	@$(COMPILE) ../pyproject.toml run.in --output-file run.txt
	@$(COMPILE) ../pyproject.toml run.in dev.in --constraint run.txt --output-file dev.txt
	@$(COMPILE) uv.in --output-file uv.txt

clean: ## remove caches and builds; .venv and .remit stay
	@rm -rf build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf
