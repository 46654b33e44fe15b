"""Where the project lies, and the real data beside it that some tests need and skip without."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
