"""A script of the user's that processes would run again as a whole."""

import os
import sys

import pytest

from data.frames.workers.pool import make_executor

GUARDED = 'import config\n\nif __name__ == "__main__":\n    print(config)\n'


@pytest.mark.parametrize(
    ("script", "count"), [("import config\nprint(config)\n", 1), (GUARDED, 2), (None, 2), ("\xff", 2)]
)
def test_a_script_without_a_guard_is_told_and_needs_no_process(script, count, tmp_path, monkeypatch, caplog):
    path = tmp_path / "mine.py"
    if script:
        path.write_text(script, "latin-1")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(path), raising=False)
    with caplog.at_level("WARNING", "reelwatch"), make_executor(2) as workers:
        assert workers.count() == count
        if count == 1:
            assert workers.submit(os.getpid).result() == os.getpid()
    assert (str(path) in caplog.text) == (count == 1)
