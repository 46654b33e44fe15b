"""Names of folders that come from file names, headers and addresses."""

import json

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from data.disk.files import NAME_BYTES, folder_name, unlike
from data.live.live_source import name_of
from data.reel.reel import Reel
from tests.support.reels import make_reel


def is_plain(name):
    is_part = name and name not in (".", "..") and not set(name) & set('/\\:*?"<>|') and not name.startswith(".")
    return is_part and name.isprintable() and len(name.encode()) <= NAME_BYTES


@given(st.text(max_size=200))
@example("../../etc")
@example("..")
@example("\x00\n\x1b[31m")
@example("太阳" * 100)
@example("\udc80")
def test_every_text_gives_a_plain_name(text):
    name = folder_name(text)
    assert is_plain(name)
    assert folder_name(name) == name


@given(st.text(st.sampled_from("abcXYZ019_-é太"), min_size=1, max_size=30))
def test_usual_names_stay_as_they_are(name):
    assert folder_name(name) == name


@given(st.lists(st.text(st.sampled_from("a/:._"), max_size=4), max_size=12))
def test_numbered_names_are_never_the_same(texts):
    names = []
    for text in texts:
        names.append(unlike(folder_name(text), names))
    assert len(set(names)) == len(texts)


@given(st.text(max_size=60), st.sampled_from(["rtsp://host:554/", "http://user:secret@[::1]/", ""]))
def test_addresses_give_plain_names(text, start):
    try:
        name = name_of(start + text)
    except ValueError:  # urllib refuses some addresses
        return
    assert is_plain(name)


def test_a_reel_that_names_itself_elsewhere_is_written_nowhere_else(tmp_path):
    reel = make_reel(tmp_path / "r", np.zeros((3, 1, 4, 4), np.float32))
    path = reel.path / "reel.json"
    path.write_text(json.dumps(reel.meta | {"name": "../../elsewhere"}))
    assert Reel(reel.path).name == "_.._elsewhere"
