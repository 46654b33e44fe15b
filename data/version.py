"""Which program this is: its version, and the commit it was checked out at."""

import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def program_version() -> str:
    """The version that pyproject.toml gives, with the commit where there is one, e.g. "0.1.0 (2f6c...-dirty)"."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    commit = git_commit()
    return f"{version} ({commit})" if commit else version


def git_commit() -> str | None:
    """The commit of the checkout this program runs from, with "-dirty" when it was changed; None outside of git."""
    described = _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    top = _git("rev-parse", "--show-toplevel")
    # A checkout around ours says nothing about our code.
    return described if top and Path(top) == ROOT else None


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
