# Paydoor: two commands on a fresh machine are `make demo` and `make test`.
# Each step leaves a stamp in .venv or node_modules, so a second run starts at once.

PYTHON ?= python3
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install
PROCESSES ?= 2
# The terminal of a person shows a bar; a log gets plain lines.
PIP_PROGRESS := $(if $(CI),off,on)

OWN_STATIC := $(shell find portal/static -type f -not -path '*/vendor/*' -not -path '*/built/*' -not -name 'manifest.json*' 2>/dev/null)
CATALOGS := $(wildcard portal/translations/*/LC_MESSAGES/*.po)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-reset test check bench crash machine install install-dev build chromium format clean-install

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install build ## Run everything on this desk, with links to open; Ctrl-C stops it, a second start keeps the data
	@exec $(PY) -m demo

demo-reset: install ## Throw the demo's data away: the next `make demo` starts afresh
	@$(PY) -m demo --reset

test: install-dev build chromium ## Everything that must be green: SQLite, PostgreSQL, Valkey, Chromium, a fixed-seed part of the crash rig
	@CHROMIUM_PATH="$$(cat .venv/chromium-path)" $(PY) -m pytest -n $(PROCESSES) $(PYTEST_OPTIONS)

check: install-dev build ## Style, types, the import contracts, complete translations
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-logo
	$(PY) -m frontend.catalogs check

bench: install-dev build chromium ## Measure the pages against a bare route of the same weight, in one run
	@CHROMIUM_PATH="$$(cat .venv/chromium-path)" $(PY) -m bench $(BENCH)

crash: install-dev build ## Thousands of histories with kills and faults, and everything killed at once: doubles, lost, phantom, stuck
	$(PY) -m tests.crash $(CRASH)

MACHINE_EXAMPLES ?= 60
MACHINE_SEED ?= $(shell date +%s)
machine: install-dev build ## Many more steps of customers, staff, workers, gateway and banks in any order: MACHINE_EXAMPLES=60, MACHINE_SEED=
	@echo "MACHINE_SEED=$(MACHINE_SEED) plays these again"
	@MACHINE_EXAMPLES=$(MACHINE_EXAMPLES) MACHINE_SEED=$(MACHINE_SEED) MACHINE_TIMEOUT=14400 $(PY) -m pytest tests/property/test_schedule_machine.py -n 2

format: install-dev ## Let ruff lay the code out
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

# --- steps the ones above share -----------------------------------------------------------------------------------------------

install: .venv/installed
install-dev: .venv/installed-dev
build: portal/static/manifest.json .venv/catalogs
chromium: .venv/chromium-path

.venv/pyvenv.cfg:
	@PYTHON=$(PYTHON) setup/venv.sh

.venv/installed: requirements.txt | .venv/pyvenv.cfg
	@echo "Installing requirements.txt ..."
	@$(PIP) --progress-bar $(PIP_PROGRESS) -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo "Installing requirements-dev.txt ..."
	@$(PIP) --progress-bar $(PIP_PROGRESS) -r requirements-dev.txt
	@touch $@

node_modules/installed: package-lock.json package.json .npmrc | .venv/installed
	@setup/node_modules.sh
	@touch $@

portal/static/manifest.json: node_modules/installed frontend/build.py $(OWN_STATIC)
	@$(PY) -m frontend.build

.venv/catalogs: $(CATALOGS) frontend/catalogs.py | .venv/installed
	@$(PY) -m frontend.catalogs compile
	@touch $@

.venv/chromium-path: | .venv/installed-dev
	@path="$$(setup/chromium.sh)" && echo "$$path" > $@

clean-install: ## Forget what was installed and built
	rm -rf .venv node_modules portal/static/vendor portal/static/built portal/static/manifest.json
