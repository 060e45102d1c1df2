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

.PHONY: help run reference showers report images test test-gpu test-slurm bench-kernels lint clean

help: ## list the commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: $(INSTALLED) ## make the default production on this machine
	snakemake --profile workflow/profiles/local

reference: $(INSTALLED) ## make the reference production: all theories, ten times the background
	snakemake --profile workflow/profiles/local --configfile config/reference.yaml

showers: $(INSTALLED) ## make the fast simulation of photons, electrons and pions at full size
	snakemake --profile workflow/profiles/local fastsim --keep-going --configfile config/showers.yaml || made=$$?; \
	  cat results/showers/fastsim/study.txt; exit $${made:-0}

report: $(INSTALLED) ## make the HTML report of the default production again
	snakemake --report results/collider/report.html

images: $(INSTALLED) ## take the README's pictures from both finished productions (needs graphviz)
	snakemake --rulegraph | gvpr -c 'N[label=="all" || label=="settings" || label=="times"]{delete($$G, $$)}' | tred \
	  | dot -Grankdir=LR -Gnodesep=0.15 -Granksep=0.35 -Tsvg > workflow/images/stages.svg
	cp results/reference/hyperclass/improvement/methods.svg workflow/images
	cp results/reference/hyperclass/scaling/scaling.svg workflow/images
	cp results/reference/hyperclass/coverage/coverage.svg workflow/images
	cp results/collider/fastsim/photon/figures/showers_photon.svg workflow/images
	cp results/collider/train/regression/figures/rotation.svg workflow/images

test: $(INSTALLED) ## what must pass before every commit
	python -m pytest --numprocesses 2 --dist loadfile
	NUMBA_ENABLE_CUDASIM=1 NUMBA_DISABLE_JIT=1 python -m pytest --numprocesses 2 tests/cuda

test-gpu: $(INSTALLED) ## the CUDA kernels on this machine's GPU
	python -m pytest -m gpu tests/cuda

test-slurm: $(INSTALLED) ## the tiny production through a real Slurm, started for it and stopped
	tests/slurm/with_slurm.sh python -m pytest -m slurm

PEERS ?= $(VENV)-peers
bench-kernels: ## time the kernels beside their peers, in an environment of its own
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --constraint envs/constraints.txt --requirement envs/peers.txt --editable .
	$(PEERS)/bin/hyperhex bench kernels

lint: $(INSTALLED) ## style, types, spelling and layers
	ruff check
	ruff format --check
	mypy
	snakefmt --check Snakefile workflow/rules
	snakemake --lint
	codespell
	lint-imports

clean: ## remove the environment and every cache, never results
	rm -rf $(VENV) $(PEERS) .snakemake .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -prune -exec rm -rf {} +
