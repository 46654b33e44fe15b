# Sourced by demo/run.sh and tests/run.sh: makes .venv from requirements.txt, once, and sets PYTHON to its interpreter.
# PYTHON_BASE names the interpreter to start from; without it the first Python 3.11 or newer on the PATH is taken.

find_python() {
    for candidate in ${PYTHON_BASE:-python3.13 python3.12 python3.11 python3 python}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "Python 3.11 or newer is needed, and none was found; install one or set PYTHON_BASE to it" >&2
    return 1
}

PYTHON="$PWD/.venv/bin/python"
# The stamp is written last, so an interrupted installation is done again.
if ! cmp -s requirements.txt .venv/installed-requirements.txt; then
    base=$(find_python)
    echo "installing requirements.txt into .venv with $base (several GB with PyTorch, a few minutes)"
    "$base" -m venv .venv
    "$PYTHON" -m pip install --quiet --disable-pip-version-check -r requirements.txt
    cp requirements.txt .venv/installed-requirements.txt
fi
