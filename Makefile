# Everything a person does here. Each target installs what it needs; `make` alone tells what there is.

VENV := .venv
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3,$(shell command -v $(name))))
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FAILED := $(VENV)/.failed
CORES := $(shell nproc 2>/dev/null || echo 2)
# Groups of tests that share a cluster come first, as tests/conftest.py orders them; one worker more than cores, as they wait much.
SPREAD := --dist loadgroup --no-loadscope-reorder -n

export PATH := $(CURDIR)/$(BIN):$(PATH)
# Where it is set, each of the tests' hundreds of Python processes compiles our modules anew, and pytest all tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup images docs demo rooted down test again unit check format bench release requirements clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

demo: rooted setup ## Start a real Kubernetes with Moorage on this machine and show a labelled pod getting its data
	@$(BIN)/python -m demo

# Looked at before anything is installed, which takes a minute.
rooted:
	@test "$$(uname -s)" = Linux || { echo "make: the demo runs real Kubernetes nodes, which need Linux" >&2; exit 2; }
	@test "$$(id -u)" = 0 || { echo "make: the demo runs real Kubernetes nodes, which need root: run it as root, or make a cluster without nodes: make setup && .venv/bin/moorage dev up --sites eu-1=0,us-1=0 --fake-nodes 6" >&2; exit 2; }

down: setup ## Remove the demo's clusters and everything that belongs to them
	@for site in us-1 eu-1; do $(BIN)/moorage dev down --name $${MOORAGE_DEMO_NAME:-demo}-$$site; done
	@$(BIN)/moorage dev down --name $${MOORAGE_DEMO_NAME:-demo}

test: setup ## Run all tests, including those on real nodes (ARGS="tests/cli -k plan" to choose)
	@rm -f $(FAILED)
	$(BIN)/pytest $(SPREAD) $$(($(CORES) + 1)) $(ARGS) || { code=$$?; ! { test $$code = 1 && grep -q :: .pytest_cache/v/cache/lastfailed; } || touch $(FAILED); exit $$code; }

# Only after a run that came to its end (pytest's exit code 1) with failed tests: what never ran has not failed.
again: setup ## Run the tests that failed last time again, one at a time
	@test -f $(FAILED) || { echo "make: there is no run of the tests that came to its end with failures: run make test" >&2; exit 2; }
	$(BIN)/pytest --last-failed --last-failed-no-failures none --maxfail 10 $(ARGS)

unit: setup ## Run the tests that need no root, no cluster and no network (ARGS=... to choose)
	$(BIN)/pytest $(SPREAD) $(CORES) -m "not real and not plane" $(ARGS)

check: setup ## Check lint, types, import contracts, links of all pages, and the table of the chart's values
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q --no-header tests/docs/test_pages.py tests/release/test_stamping.py

format: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

images: setup ## Build all images without Docker; REGISTRY=host/folder pushes them, LOAD=kind|k3d|minikube|docker|podman|dev CLUSTER=name loads them
	@$(BIN)/python -m devcluster.images $(if $(REGISTRY),--push $(REGISTRY)) $(if $(LOAD),--load $(LOAD)) $(if $(CLUSTER),--cluster $(CLUSTER))

docs: setup ## Build the documentation's site in build/docs
	@$(BIN)/sphinx-build -q -W --keep-going -c docs -d build/docs-read . build/docs
	@echo "Open build/docs/index.html, or serve it: $(BIN)/python -m http.server -d build/docs"

bench: setup ## Run the benchmarks and print the table of docs/performance.md
	@$(BIN)/python -m bench

release: setup ## Build the files of a release in build/release; URL=https://github.com/OWNER/moorage
	@$(BIN)/python -m release --url "$(URL)"

requirements: setup ## Pin every dependency again, by hash (ARGS=--upgrade for the newest versions)
	requirements/compile $(ARGS)

setup: $(READY) ## Install what the other targets need into .venv

$(READY): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no python3 on PATH: install Python 3.11 or newer, or give PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is too old: Python 3.11 or newer is needed; give PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "Installing the pinned dependencies into $(VENV): some minutes, once ..."
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get -qq update && apt-get -qq install -y --no-install-recommends python3-venv >/dev/null && $(PYTHON) -m venv --clear $(VENV); } || { echo "make: $(PYTHON) can't make a virtual environment: install python3-venv" >&2; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --use-pep517 --no-build-isolation -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --config-settings editable_mode=compat -e .
	@touch $@

clean: ## Remove the virtual environments and the tools' caches
	rm -rf $(VENV) .venv-skypilot .venv-vineyard .venv-airflow .venv-frameworks-tests .venv-iceberg-tests .venv-torch-tests build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
