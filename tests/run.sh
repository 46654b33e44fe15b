#!/usr/bin/env bash
# Sets up .venv from requirements.txt and runs the tests; arguments go to pytest, e.g. ./tests/run.sh tests/test_plan.py
set -euo pipefail
cd "$(dirname "$0")/.."
source demo/environment.sh
exec "$PYTHON" -m pytest "$@"
