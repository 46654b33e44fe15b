"""What happens to a file: each way takes its bytes and a generator of random numbers, and gives others."""

import csv
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Way = Callable[[bytes, random.Random], bytes]
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e308, 10**30, -(10**400), 1e-320, "", "x", "../../x", "/etc/x", "\x00", "a" * 5000),
    *([], {}, [[[]]], {"a": {"b": None}}, "NaN", "2012-13-45T99:99:99", "１２", "-0", "1e999", "=1+1", "太阳\ud800"),
)
OTHERS = (b"9", b"0", b"-", b"e9", b"9" * 20, b".", b"nan")  # for a digit


def truncated(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(max(1, len(content)))]


def flipped(content: bytes, rng: random.Random) -> bytes:
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 8)) if found else 0):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def replaced(content: bytes, rng: random.Random) -> bytes:
    begin, length = rng.randrange(max(1, len(content))), rng.choice((1, 2, 4, 16, 200))
    new = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))
    return content[:begin] + new + content[begin + length :]


def cut_out(content: bytes, rng: random.Random) -> bytes:
    begin = rng.randrange(max(1, len(content)))
    return content[:begin] + content[begin + rng.choice((1, 4, 64, 1000)) :]


def put_in(content: bytes, rng: random.Random) -> bytes:
    begin, junk = (
        rng.randrange(max(1, len(content))),
        rng.choice((b"\0", b"\n", b'"', rng.randbytes(40), content[:200])),
    )
    return content[:begin] + junk + content[begin:]


def emptied(content: bytes, rng: random.Random) -> bytes:
    return rng.choice((b"", b"\n", b"\0" * 512, rng.randbytes(300), b"\xef\xbb\xbf", b"PK\x03\x04", b"null", b"[]"))


def other_digits(content: bytes, rng: random.Random) -> bytes:
    """One of the digits in it is another one: what a text still is after a flipped bit."""
    places = [i for i, byte in enumerate(content) if 48 <= byte <= 57]
    if not places:
        return flipped(content, rng)
    i = rng.choice(places)
    return (
        content[:i] + rng.choice(("9", "0", "-", "e9", "99999999999999999999", ".", "nan")).encode() + content[i + 1 :]
    )


def other_entry(content: bytes, rng: random.Random) -> bytes:
    """An entry of a JSON text that is of another kind, or gone, or nested deeply."""
    try:
        value = json.loads(content)
    except ValueError:  # one object a line
        lines = content.splitlines(keepends=True)
        i = rng.randrange(len(lines))
        return b"".join([*lines[:i], other_entry(lines[i], rng).replace(b"\n", b" ") + b"\n", *lines[i + 1 :]])
    holder = value
    while isinstance(holder, dict | list) and holder:
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        if isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.6:
            holder = holder[key]
        elif rng.random() < 0.2:
            del holder[key]
            break
        else:
            holder[key] = rng.choice(VALUES)
            break
    text = json.dumps(value)
    return (text if rng.random() < 0.9 else text.replace("null", "[" * 100_000, 1)).encode()


def other_cell(content: bytes, rng: random.Random) -> bytes:
    """A CSV with another cell, name, row or column than it had."""
    rows = list(csv.reader(io.StringIO(content.decode(errors="replace"))))
    if not rows:
        return b"a,b\n1,2\n"
    row, column = rng.randrange(len(rows)), rng.randrange(max(1, len(rows[0])))
    how = rng.randrange(6)
    if how == 0:
        rows = [r[:column] + r[column + 1 :] for r in rows]
    elif how == 1:
        rows = [[*r, *r[: column + 1]] for r in rows]
    elif how == 2:
        rows[row] = rows[row] + ["x"] * rng.randrange(1, 4)
    elif how == 3:
        del rows[row]
    elif how == 4:
        rows.insert(row, rows[rng.randrange(len(rows))])
    elif rows[row]:
        rows[row][min(column, len(rows[row]) - 1)] = str(rng.choice(VALUES)).encode("utf-8", "replace").decode()
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8", "replace")


def other_array(content: bytes, rng: random.Random) -> bytes:
    """An .npy of another type, shape or content."""
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return flipped(content, rng)
    made = rng.choice(
        (
            lambda: array.astype(rng.choice(("f8", "i4", "U3", "c8", ">f4", "M8[s]", "V7"))),
            lambda: array.astype(object),
            lambda: array[..., None],
            lambda: array[: len(array) // 2],
            lambda: np.asfortranarray(array),
            lambda: np.full(array.shape, np.nan, "f4"),
            lambda: np.array(5),
        )
    )
    stream = io.BytesIO()
    np.save(stream, made(), allow_pickle=True)
    return stream.getvalue()


ALWAYS: tuple[Way, ...] = (truncated, flipped, flipped, replaced, cut_out, put_in, emptied)
BY_SUFFIX: dict[str, tuple[Way, ...]] = {
    ".json": (other_entry, other_entry, other_digits),
    ".jsonl": (other_entry, other_entry, other_digits),
    ".csv": (other_cell, other_cell, other_digits),
    ".npy": (other_array, other_array),
    ".yaml": (other_digits,),
}


def mutated(path: Path, rng: random.Random) -> tuple[str, bytes]:
    """A way that fits a file, by name, and what it makes of its content."""
    content = path.read_bytes()
    way = rng.choice(ALWAYS + BY_SUFFIX.get(path.suffix, ()))
    return way.__name__, way(content, rng)
