#!/usr/bin/env bash
# Scores with a bundle where there is no PyTorch: in an environment of its own that holds what
# inference/runner/requirements.txt names and nothing else (made once, about 1 GB; of a bundle for OpenVINO with what
# requirements-openvino.txt names). Prints events as JSON lines.
#
#     ./demo/runner_alone.sh BUNDLE REEL_OR_VIDEO...
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: ./demo/runner_alone.sh BUNDLE REEL_OR_VIDEO..." >&2; exit 2; }
ROOT=$(cd "$(dirname "$0")/.." && pwd)
needed=inference/runner/requirements.txt
if grep -q '"engine": "openvino"' "$1/bundle.json" 2>/dev/null; then needed+=" inference/runner/requirements-openvino.txt"; fi
PYTHON=$(
    cd "$ROOT"
    REQUIREMENTS=$needed VENV=${RUNNER_VENV:-.venv-runner}
    source demo/environment.sh >&2
    echo "$PYTHON"
)
if "$PYTHON" -c "import torch" 2>/dev/null; then
    echo "$PYTHON can import torch, so this is no environment of the runner alone; name another with RUNNER_VENV" >&2
    exit 1
fi
PYTHONPATH=$ROOT exec "$PYTHON" -m inference.runner "$@"
