# Everything a newcomer needs: `make demo` and `make test` do all the set-up by themselves.

.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/ready
VIEW := build/view
# Where a shell forbids it, each of the hundreds of processes that tests start compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test proof check lint types browser lock peers pictures clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(READY) ## set up .venv from the hashed lock, and compile the loops once

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v == (3, 11) else f"Leadlight needs Python 3.11, this is {v[0]}.{v[1]}: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	$(BIN)/python -c 'from leadlight.features import warm as f; from leadlight.treeshap import warm as t; f.warm(); t.warm()'
	@touch $(READY)

demo: $(READY) ## simulate a company, train, promote, score, print the ranking, serve on 127.0.0.1:8000 (Ctrl-C ends it)
	$(BIN)/leadlight demo --dir demo

# By file: some files tell one story from test to test, and since pytest 9.2 xdist's groups are silently void (its #1386).
# One process more than two cores have: a third of the time a test waits for a process, a disk or a clock.
test: $(READY) ## run all tests (what was skipped, and why, is printed at the end)
	$(BIN)/pytest -n 3 --dist loadfile -m 'not proof'

proof: $(READY) ## run the long proofs: large sizes, long loads
	$(BIN)/pytest -m proof

check: lint types ## lint, import directions and types

lint: $(READY)
	$(BIN)/ruff check --output-format concise .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/check_house.py

types: $(READY) $(VIEW)
	MYPYPATH=$(VIEW) $(BIN)/mypy -p leadlight

$(VIEW): # type checkers can't follow the package map, so they get links
	mkdir -p $(VIEW)/leadlight
	for room in treeshap core agreement features training serving cli; do ln -sfn ../../../$$room $(VIEW)/leadlight/$$room; done

browser: ## install Debian's Chromium where there is none (needs root and apt)
	@command -v chromium chromium-browser google-chrome >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "make browser needs root and apt; install Chromium by hand"; exit 1; }; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; }

lock: $(READY) ## resolve the dependencies anew, with hashes and without any address
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --quiet --upgrade -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev -c requirements.lock --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --quiet --upgrade -o requirements-dev.lock
	$(BIN)/uv pip compile benchmarks/peers.in --universal --python-version 3.12 --generate-hashes \
	  --no-annotate --no-header --quiet --upgrade -o benchmarks/peers.lock

PEERS_PYTHON ?= 3.12
peers: $(READY) ## set up build/peers with the rivals that benchmarks/explain compares with (needs Python 3.12)
	@$(BIN)/uv venv --quiet --clear --no-python-downloads --python $(PEERS_PYTHON) build/peers || \
	  { echo "The peers need Python 3.12: make peers PEERS_PYTHON=/path/to/python3.12"; exit 1; }
	$(BIN)/uv pip install --quiet --python build/peers/bin/python --require-hashes -r benchmarks/peers.lock

pictures: $(READY) ## make README's pictures anew from the running pages
	$(BIN)/python scripts/pictures.py

clean: ## remove what was built, compiled loops included (not your data)
	find treeshap features -name '*.nb[ic]' -delete
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
