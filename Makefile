# Miyagi's municipal cloud. `make help` lists the targets.
SHELL := /bin/bash
PY := .venv/bin/python
UV := $(shell command -v uv 2>/dev/null || echo .bootstrap/bin/uv)
STAMP := .venv/.complete

.PHONY: help setup tools tools-cluster demo cluster-demo up down test test-cloud test-rooms test-cluster check bench bench-registry lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(STAMP) ## Python environment with everything locked
$(STAMP): requirements.lock pyproject.toml
	@command -v uv >/dev/null || test -x .bootstrap/bin/uv || { echo "setup: fetching uv" >&2; \
	  python3 -m venv .bootstrap || { test $$(id -u) = 0 && apt-get install -qq -y python3-venv && python3 -m venv .bootstrap; }; \
	  .bootstrap/bin/pip install -q 'uv==0.13.9'; }
	@echo "setup: installing the Python environment" >&2
	@test -x $(PY) || $(UV) venv -q --python 3.11 .venv || $(UV) venv -q .venv
	@VIRTUAL_ENV=.venv $(UV) pip sync -q --require-hashes requirements.lock
	@VIRTUAL_ENV=.venv $(UV) pip install -q --no-deps --no-build-isolation --reinstall -e .
	@touch $(STAMP)

tools: setup ## build or fetch restic, rest-server and Keycloak; install fonts (cached by version)
	@$(PY) -m tools ensure

tools-cluster: setup ## build Pulumi and Kubernetes too (ten minutes the first time, cached by version)
	@$(PY) -m tools ensure --cluster

demo: setup ## from a clean machine to a drilled prefecture
	@$(PY) -m tools.demo

cluster-demo: tools-cluster ## the same story on two real Kubernetes sites (root, Linux)
	@MCLOUD_HOME=$${MCLOUD_HOME:-var/cluster} $(PY) -m tools.demo.cluster

up: tools ## start the cloud on this machine
	@.venv/bin/mcloud up

down: setup ## stop it
	@.venv/bin/mcloud down

check: setup ## ruff, mypy --strict, import-linter, house rules: under a minute
	@.venv/bin/ruff format --check -q .
	@.venv/bin/ruff check -q .
	@.venv/bin/mypy --no-error-summary
	@.venv/bin/lint-imports --no-cache >.lint-imports.log || { cat .lint-imports.log; exit 1; }
	@$(PY) -m pytest tests/house

# those that ride on one cloud of many processes, and beside them, on the other core, all that need a database at most
test: check tools ## everything, installing what it needs
	@$(PY) -m tools browser
	@$(MAKE) --no-print-directory -k -j2 test-cloud test-rooms

test-cloud: setup ## the part of the tests that raises a cloud
	@$(PY) -m pytest tests --ignore=tests/cluster --cloud=only

test-rooms: setup ## the part that does not
	@$(PY) -m pytest tests --ignore=tests/cluster --cloud=none

test-cluster: tools-cluster ## on two real Kubernetes sites (root, Linux)
	@$(PY) -m pytest tests/cluster

bench: tools ## measure; prints ratios against a floor and a peer, R4 and JP-5 of the register too (twenty minutes)
	@$(PY) -m bench

ROWS ?= 1100000
bench-registry: tools ## R1, R2, R3, R5, D5: the register at ROWS residents (1.1 million), search, import, export (a quarter of an hour)
	@$(PY) -m bench.registry $(ROWS)
	@$(PY) -m bench.exchange $(ROWS)

lock: ## renew requirements.lock
	@$(UV) pip compile -q pyproject.toml --group dev --group bench --universal --generate-hashes --no-annotate --no-header -o requirements.lock

clean: ## remove the environment (not var/)
	@rm -rf .venv .bootstrap .mypy_cache .ruff_cache
