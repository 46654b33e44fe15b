"""In which order modules and their tests run."""

from collections.abc import Sequence

# Those that take half a minute or more of the processor, the longest first, and long ones that would be the last.
LONGEST = ("test_benchmarks.py", "test_methods.py", "test_objects.py", "test_onnx_file.py", "test_moved_run.py",
           "test_crowds.py", "test_zero_shot.py", "test_distributed.py")  # fmt: skip


def in_turn(items: Sequence, backwards: bool = False) -> list:
    """Tests (with `path`) as they run: the longest modules first, or one process would be busy with them long after the
    others have ended. backwards: else in reverse, so that a test meets what those behind it leave to it.
    """
    places = {name: place for place, name in enumerate(LONGEST)}
    return sorted(reversed(items) if backwards else items, key=lambda item: places.get(item.path.name, len(LONGEST)))
