# Everything a person does with this repository. `make help` lists it.
# Needs: make, git and Python 3.11 or newer. What else is needed goes to .venv, from the lock files with their hashes.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

PY := .venv/bin/python
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes
PIP_SELF := -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
SEEDS ?= 100
SITE ?= var/compose
COMPOSE = docker compose --env-file $(SITE)/compose.env
# Much of a test's time is waiting for processes: four workers keep two cores busy. tests/conftest.py says what comes first.
PYTEST := $(PY) -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

.PHONY: help run up down test setup clients try-clients check lint format type gen gen-check gate sim bench lock clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.run ## Start everything on this machine (Ctrl-C stops it)
	@exec $(PY) -m services.everything

up: .venv/.run ## Start the site in containers (OPENCHAIR_PUBLIC_URL=https://...), with passwords and keys in var/compose
	@$(PY) -m scripts.deployment $(SITE)
	@$(COMPOSE) up --build --detach

down: ## Stop the containers; what they keep stays in var/compose
	@$(COMPOSE) down

test: .venv/.dev try-clients ## Run every test that can run here; says what was skipped and why
	@$(PYTEST)

setup: .venv/.dev ## Prepare .venv for development
	@echo "Ready: .venv ($$($(PY) --version))"

clients: .venv-clients/.ready ## Install the calendar clients that tests use, in an environment of their own

try-clients:
	@$(MAKE) --no-print-directory clients || echo "Without the calendar clients: tests that need them are skipped."

check: lint type gen-check test ## All that CI checks: lint, types, generated code, tests

lint: .venv/.dev ## Style, imports between modules, protos
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet . || { echo "Not formatted (make format):"; .venv/bin/ruff format --check .; exit 1; }
	@.venv/bin/lint-imports
	@.venv/bin/buf lint
	@.venv/bin/buf format --diff --exit-code

format: .venv/.dev ## Format the code and the protos
	@.venv/bin/ruff format .
	@.venv/bin/buf format --write

type: .venv/.dev ## Types, strictly
	@.venv/bin/mypy

gen: .venv/.dev ## Generate the stubs in gen/ from protos/
	@$(PY) scripts/gen.py

gen-check: .venv/.dev
	@$(PY) scripts/gen.py --check

gate: .venv/.dev try-clients ## The tests in their long forms, before a release
	@OPENCHAIR_GATE=1 $(PYTEST) --timeout=1800

sim: .venv/.dev ## Simulate a site while everything fails, with many seeds (SEEDS=100)
	@SEEDS=$(SEEDS) $(PY) -m pytest tests/sim --timeout=600

bench: .venv/.dev try-clients ## Measure against peers, print the ratios, keep them in tests/bench/results/
	@$(PY) -m tests.bench

lock: ## Write the lock files anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv (https://docs.astral.sh/uv/)"; exit 1; }
	@cd requirements && $(LOCK) run.in -o run.lock && $(LOCK) dev.in -o dev.lock && $(LOCK) clients.in -o clients.lock

clean: ## Remove the environments and caches (not var/, where data lives)
	@rm -rf .venv .venv-clients .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@rm -rf build ./*.egg-info gen/*.egg-info

# The files below say "done": they are newer than what they were made from, so a second call takes no time.

.venv/bin/pip:
	@scripts/venv.sh .venv

.venv/.run: requirements/run.lock pyproject.toml | .venv/bin/pip
	@echo "Installing what running needs (a minute, once) ..."
	@$(PY) $(PIP_INSTALL) -r requirements/run.lock
	@$(PY) $(PIP_SELF)
	@touch $@

.venv/.dev: requirements/dev.lock requirements/run.lock pyproject.toml | .venv/bin/pip
	@echo "Installing what development needs (a minute or two, once) ..."
	@$(PY) $(PIP_INSTALL) -r requirements/dev.lock
	@$(PY) $(PIP_SELF)
	@touch .venv/.run $@

.venv-clients/bin/pip:
	@scripts/venv.sh .venv-clients

.venv-clients/.ready: requirements/clients.lock | .venv-clients/bin/pip
	@echo "Installing calendar clients for the tests (once) ..."
	@.venv-clients/bin/python $(PIP_INSTALL) --retries 1 -r requirements/clients.lock
	@touch $@
