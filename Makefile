# The commands of Berth. `make` lists them; CONTRIBUTING.md says when to use which.

.DEFAULT_GOAL := help
SHELL := /bin/sh
.SHELLFLAGS := -eu -c

PYTHON := .venv/bin/python
PYTEST := .venv/bin/pytest

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run everything on this machine: portal, login, worker, a real cluster; Ctrl-C stops it
	@sh scripts/environment.sh demo
	@exec $(PYTHON) manage.py dev --end-with-parent

demo-reset: ## forget the demonstration's data
	@sh scripts/environment.sh demo
	@exec $(PYTHON) manage.py dev --reset

demo-shell: ## a shell with kubectl for the demonstration's cluster; AS=ana chooses who logs in
	@sh scripts/environment.sh demo
# AS is also the name of the assembler, for make and in some environments: only `make demo-shell AS=...` counts.
	@exec $(PYTHON) manage.py demo_shell -- $(if $(filter command,$(origin AS)),"$$AS")

test: ## run all tests, on SQLite and on PostgreSQL, the last ones in a real Chromium
	@sh scripts/system_packages.sh
	@sh scripts/environment.sh dev
	@$(PYTHON) -m localcluster build
	@$(PYTEST) --db sqlite -n 2 --dist loadfile --ignore tests/e2e
	@$(PYTEST) --db postgres -m database -n 2 --dist loadfile --ignore tests/e2e
# In a browser one at a time: beside each Chromium runs a whole portal.
	@$(PYTEST) --db sqlite tests/e2e

lint: ## check format, types, templates, layers, migrations, settings
	@sh scripts/environment.sh dev
	@sh scripts/lint.sh

bench: ## measure speed and size: a table, and build/bench.json
	@sh scripts/system_packages.sh
	@sh scripts/environment.sh dev
	@$(PYTHON) -m localcluster build
	@$(PYTHON) -m tests.benchmarks

pictures: ## take a picture of every page for every kind of person, in build/pictures
	@sh scripts/system_packages.sh
	@sh scripts/environment.sh dev
	@$(PYTHON) -m localcluster build
	@$(PYTEST) tests/e2e/pictures.py

soak: ## random histories of people, hands and faults for MINUTES (30): in memory, and on a real API server
	@sh scripts/environment.sh dev
	@$(PYTHON) -m localcluster build
	@$(PYTHON) -m tests.model --on both --minutes $(or $(MINUTES),30) --processes 2 --seed $(or $(SEED),1)

hostile: ## hostile REQUESTS (100000) from everybody at every address: no error, no stored script, no change by reading
	@sh scripts/environment.sh dev
	@$(PYTHON) -m tests.hostile --requests $(or $(REQUESTS),100000) --processes 2 --seed $(or $(SEED),1)

mutants: ## break what carries the promise on purpose, SAMPLE (400; 0: all) times, and see whether the tests see it
	@sh scripts/environment.sh dev
	@$(PYTHON) -m tests.mutation --sample $(or $(SAMPLE),400) --seed $(or $(SEED),1)

lock: ## resolve the dependencies anew into requirements/
	@sh scripts/environment.sh dev
	@sh scripts/lock.sh

.PHONY: help demo demo-reset demo-shell test lint bench pictures soak hostile mutants lock
