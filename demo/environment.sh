# Sourced by demo/run.sh and tests/run.sh: makes an environment and sets PYTHON to its interpreter.
# REQUIREMENTS names the files to install (requirements.txt), VENV the folder of the environment (.venv) and PYTHON_BASE
# the interpreter to start from; without it the newest supported Python on the PATH is taken.

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

install_once() {
    local stamp="$VENV/installed-${1//\//-}"
    if cmp -s "$1" "$stamp"; then return; fi
    if ! "$PYTHON" -c 'import pip' 2>/dev/null; then
        local base
        base=$(find_python)
        echo "making $VENV with $base"
        "$base" -m venv "$VENV"
    fi
    echo "installing $1 into $VENV (a few minutes; PyTorch alone, where it is among it, takes several GB)"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check -r "$1"
    cp "$1" "$stamp"  # last, so an interrupted installation is done again
}

VENV=${VENV:-.venv}
PYTHON="$PWD/$VENV/bin/python"
for file in ${REQUIREMENTS:-requirements.txt}; do
    install_once "$file"
done
