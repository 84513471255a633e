# Two commands do everything on a fresh machine: `make run` and `make test`. Needs git, make and Python 3.11.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.8
UV := .uv/bin/uv
BIN := .venv/bin
READY := .venv/.ready
CONFIG ?= configs/quickstart.yaml
# A file stays in one process, for its fixtures; tests/order.py has put the long ones first.
PARALLEL := --dist loadfile --no-loadscope-reorder --numprocesses

export UV_PYTHON_DOWNLOADS := never
# Containers often forbid bytecode; then every process of the tests compiles, and pytest rewrites, all that it imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup run test check lint infra-check transcript dashboard lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(READY) ## Create .venv from requirements.lock (make run and make test do it for you)

$(UV):
	@$(PYTHON) -m venv .uv
	@.uv/bin/python -m pip install --quiet uv==$(UV_VERSION)

# The lock file pins every package by hash; the project itself is installed in place.
# TORCH=cpu takes a smaller PyTorch without CUDA, at the versions of pyproject.toml instead of the lock file's (not tested here).
$(READY): $(UV) requirements.lock pyproject.toml
	@echo "Setting up .venv ..."
	@test -x $(BIN)/python || $(UV) venv --quiet --python 3.11 .venv
ifeq ($(TORCH),cpu)
	@VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --torch-backend cpu --group dev --requirements pyproject.toml
else
	@VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip sync --quiet --require-hashes requirements.lock
endif
	@VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --no-deps --editable .
	@touch $(READY)

run: $(READY) ## Run the main job: CONFIG=configs/quickstart.yaml on the embedded digits
	@$(BIN)/podium data restore
	@$(BIN)/podium run $(CONFIG)

# Workers share the cores; threads that wait for work would spin on them. Slow tests wait half of their time, for
# processes that they start and stop: twice as many workers as there are usually cores.
test: export OMP_NUM_THREADS := 1
test: $(READY) lint ## Every test
	@$(BIN)/python -m pytest $(PARALLEL) 4 --durations 100

check: export OMP_NUM_THREADS := 1
check: $(READY) lint ## The fast part: lint, types, import contract, quick tests
	@$(BIN)/python -m pytest $(PARALLEL) 2 -m "not slow" --quiet

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

transcript: $(READY) ## Run the commands of docs/slurm.md on the tests' Slurm cluster, and write the page anew
	@PODIUM_REWRITE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet tests/cluster/test_main_job.py

infra-check: $(READY) ## Check what lies in infra: manifests, images, ZenML's pods, the team server
	@$(BIN)/python -m infra.checks

dashboard: $(READY) ## Open ZenML's dashboard on the runs of this checkout
	@$(BIN)/podium dashboard

lock: $(UV) ## Resolve requirements.lock anew from pyproject.toml
	@$(UV) pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --group dev pyproject.toml \
		--custom-compile-command "make lock" --output-file requirements.lock

clean: ## Remove the environment; data and results stay
	@rm -rf .venv .uv
