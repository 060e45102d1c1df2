# Everything that a newcomer, a developer and CI do; `make help` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
# the environment is complete when this file is newer than what it was made from
INSTALLED := $(VENV)/.installed
export PATH := $(abspath $(VENV))/bin:$(PATH)

$(INSTALLED): pyproject.toml envs/constraints.txt
	$(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --constraint envs/constraints.txt pip
	python -m pip install --quiet --constraint envs/constraints.txt --editable . --group dev
	touch $@

.PHONY: help run report test test-slow test-gpu test-slurm lint clean

help: ## list the commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: $(INSTALLED) ## make the default production on this machine
	snakemake --profile workflow/profiles/local

report: $(INSTALLED) ## make its HTML report again
	snakemake --report results/collider/report.html

test: $(INSTALLED) ## what must pass before every commit
	python -m pytest

test-slow: $(INSTALLED) ## what takes minutes more
	python -m pytest -m slow

test-gpu: $(INSTALLED) ## what needs a CUDA device
	python -m pytest -m gpu

test-slurm: $(INSTALLED) ## the tiny production through a real Slurm, started for it and stopped
	tests/slurm/with_slurm.sh python -m pytest -m slurm

lint: $(INSTALLED) ## style, types, spelling and layers
	ruff check
	ruff format --check
	mypy
	snakefmt --check Snakefile workflow/rules
	snakemake --lint
	codespell
	lint-imports

clean: ## remove the environment and every cache, never results
	rm -rf $(VENV) .snakemake .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -prune -exec rm -rf {} +
