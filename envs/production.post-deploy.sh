#!/bin/bash
# the package itself, from the repository whose Snakefile is run (workflow/rules/common.smk names it)
set -euo pipefail
python -m pip install --no-deps --editable "$HYPERHEX_SOURCE"
