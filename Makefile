# The commands of this repository; `make help` lists them. Everything runs inside .venv.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := domain storage schema resolvers redirect subscriptions delivery app tests bench

.DEFAULT_GOAL := help
.PHONY: help install run test check format schema bench lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

install: .venv/dev ## .venv with everything, from the hashed locks

run: .venv/run ## start everything on embedded engines and print where to click
	@exec $(BIN)/python -m app serve

test: .venv/dev ## run every test on real engines, two at a time, and alone what needs the machine for itself
	@$(BIN)/python -m pytest -m "not alone" -n 2 --dist loadfile
	@$(BIN)/python -m pytest -m alone

check: .venv/dev ## what CI runs: format, lint, types, import contracts, SDL, tests
	@$(BIN)/ruff format --check --quiet $(SOURCES)
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m app schema | diff - schema/schema.graphql || { echo "schema/schema.graphql is stale: run 'make schema'"; exit 1; }
	@$(MAKE) --no-print-directory test

format: .venv/dev ## put the sources into their form
	@$(BIN)/ruff format --quiet $(SOURCES)
	@$(BIN)/ruff check --fix --quiet $(SOURCES)

schema: .venv/dev ## print the graph into schema/schema.graphql
	@$(BIN)/python -m app schema > schema/schema.graphql

bench: .venv/dev ## measure every figure that the README quotes
	@failed=0; for figure in redirect rules latency feeds viewers bulk bulk_beside ledger analytics referrals; do \
	  echo "== $$figure"; $(BIN)/python -m bench.$$figure || failed=1; \
	done; exit $$failed

lock: ## resolve the locks again (needs uv on PATH)
	uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 -q -o requirements/production.txt
	uv pip compile pyproject.toml --extra embedded --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 -q -c requirements/production.txt -o requirements/run.txt
	uv pip compile pyproject.toml --extra embedded --extra dev --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 -q -c requirements/run.txt -o requirements/dev.txt

clean: ## remove what these commands made, data included
	rm -rf .venv .cache .linkgraph

.venv/run: requirements/run.txt
	@test -e .venv/dev || $(MAKE) --no-print-directory environment LOCK=$<
	@touch $@

.venv/dev: requirements/dev.txt
	@$(MAKE) --no-print-directory environment LOCK=$<
	@touch $@ .venv/run

.PHONY: environment
environment:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Linkgraph needs Python 3.11 or newer as '$(PYTHON)' (or say: make $(MAKECMDGOALS) PYTHON=/path/to/python3)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Linkgraph needs Python's venv module: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing the packages of $(LOCK) into .venv" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
