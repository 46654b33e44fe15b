#!/usr/bin/env bash
# Sets up .venv from requirements.txt and runs the tests; arguments go to pytest, e.g. ./tests/run.sh tests/data/frames/test_plan.py
set -euo pipefail
cd "$(dirname "$0")/.."
source demo/environment.sh
# One thread a process: tests also run several processes, which would wait for one another.
export OMP_NUM_THREADS=1
# One module a process at a time, because the tests of a module share what it has set up.
exec "$PYTHON" -m pytest -n auto --dist loadfile "$@"
