#!/usr/bin/env bash
# Sets up .venv and runs the tests; arguments go to pytest, e.g. ./tests/run.sh tests/data/frames/test_plan.py
# Another Python beside it: PYTHON_BASE=python3.11 VENV=.venv-3.11 ./tests/run.sh
set -euo pipefail
cd "$(dirname "$0")/.."
REQUIREMENTS="requirements.txt tests/requirements.txt"
source demo/environment.sh
# One thread a process: tests also run several processes, which would wait for one another. OpenCV has a setting of its own.
export OMP_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1
# What is compiled is kept, in folders that git ignores: tests start some hundred processes, each of which would do it.
unset PYTHONDONTWRITEBYTECODE
# One module a process at a time, because the tests of a module share what it has set up.
exec "$PYTHON" -m pytest -n auto --dist loadfile --no-loadscope-reorder "$@"
