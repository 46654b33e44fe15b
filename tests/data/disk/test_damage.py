"""Files of a reel that are not what prep wrote: found when they are opened, in one line with the file and a way out."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
import pytest

from data.disk.damage import Damaged, arrays_of, read_array, read_json
from data.disk.digests import check_sealed, sealed, with_digest
from data.disk.files import write_csv, write_json, write_meta
from data.disk.places import refuse_links_out
from data.disk.sealing import write_arrays, write_with_digest
from data.reel.reel import Reel
from data.reel.windows import read_windows
from data.review.page.clips import Clips
from tests.support.reels import drifting_blobs, make_reel


@pytest.fixture
def reel(tmp_path):
    """A reel with digests, as prep leaves it."""
    made = make_reel(tmp_path / "r", drifting_blobs(24, 8, 8), clip_length=4)
    np.save(made.path / "missing.npy", np.zeros((24, 1), bool))
    write_meta(made.path, made.meta)
    return Reel(made.path)


def looked_at(path):
    reel = Reel(path)
    reel.read(0, len(reel))
    return reel.table, reel.missing


FILES = ("reel.json", "frames.csv", "frames.npy", "masks.npy", "missing.npy")


def flips(path, count, seed=0):
    """Write the file so often, each time with one bit of it flipped."""
    content, rng = path.read_bytes(), random.Random(seed)
    for _ in range(count):
        found = bytearray(content)
        found[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(found)
        yield


@pytest.mark.parametrize("name", FILES)
def test_every_flipped_bit_is_found(reel, name):
    passed = []
    for _ in flips(reel.path / name, 30):
        try:
            looked_at(reel.path)
        except Damaged as error:
            passed.append(None if name in str(error) and "\n" not in str(error) else str(error))
        else:  # nothing but the name of the digest's entry may hold it
            passed.append(None if name == "reel.json" and "sha256" not in Reel(reel.path).meta else "not found")
    assert passed == [None] * 30


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("what", ["truncated", "empty", "folder", "gone"])
def test_what_is_no_file_of_the_reel_is_told_with_its_name(reel, name, what):
    path = reel.path / name
    content = path.read_bytes()
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what != "gone":
        path.write_bytes(content[: len(content) // 2] if what == "truncated" else b"")
    with pytest.raises((ValueError, OSError), match=name):
        looked_at(reel.path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("shape", value) for value in (None, [24, 1, 8], [24, 1, 8, -8], [24, 1, 8, "8"], [10**30, 1, 8, 8], "24")],
        *[("cadence_s", value) for value in (0, -1, "12", None, 10**400, [12])],
        *[("channels", value) for value in ([], ["a", "b"], [1], "a", {})],
        *[("stretch", value) for value in ([], [{}], [{"kind": "linear", "x0": 0, "vmax": 1}], [None], 5)],
        *[("identity", value) for value in ("../../../tmp/x", "", 5)],
        *[("name", value) for value in (None, "", 5, ["a"])],
        ("gap_threshold", "3"),
        ("origin", "middle"),
        ("to_source", [[1, 0], [0, 1]]),
        ("files", {"frames.npy": 5}),
    ],
)
def test_an_entry_of_another_kind_is_named(tmp_path, key, value):
    reel = make_reel(tmp_path / "r", drifting_blobs(24, 8, 8))
    (reel.path / "reel.json").write_text(json.dumps(reel.meta | {key: value}))
    with pytest.raises(Damaged, match=r"reel\.json is damaged .*; move the reel away and run prep again"):
        Reel(reel.path)


def test_a_reel_from_before_there_were_digests_is_read(tmp_path):
    reel = make_reel(tmp_path / "r", drifting_blobs(24, 8, 8))
    assert "files" not in reel.meta
    looked_at(reel.path)


def test_deep_nesting_and_numbers_that_are_none_are_no_json(tmp_path):
    for text in ("[" * 100_000, '{"a": NaN}', "[]", "", "\xff", '{"a": ' + "9" * 10_000 + "}"):
        (tmp_path / "x.json").write_text(text, encoding="latin-1")
        with pytest.raises(Damaged, match=r"x\.json is damaged .*; so mend it"):
            read_json(tmp_path / "x.json", "so mend it")


def test_a_digest_in_json_follows_its_content_and_not_its_order(tmp_path):
    value = with_digest({"a": 1.5, "b": [None, "é"]})
    write_json(tmp_path / "x.json", dict(reversed(value.items())))
    assert read_json(tmp_path / "x.json", "") == value
    write_json(tmp_path / "x.json", value | {"a": 1.6})
    with pytest.raises(Damaged, match="SHA-256"):
        read_json(tmp_path / "x.json", "")


def test_arrays_are_read_back_and_no_flipped_bit_passes(tmp_path):
    path = tmp_path / "x.npz"
    write_arrays(path, a=np.arange(50.0), b=np.array(3))
    with arrays_of(path, "") as saved:
        assert saved["a"].tolist() == list(range(50))
    for _ in flips(path, 50):
        with pytest.raises(Damaged, match=r"x\.npz is damaged"), arrays_of(path, ""):
            pass


def test_arrays_from_before_there_were_digests_are_read_but_not_as_a_bomb(tmp_path):
    np.savez(tmp_path / "old.npz", a=np.arange(3))
    with arrays_of(tmp_path / "old.npz", "") as saved:
        assert saved["a"].tolist() == [0, 1, 2]
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(10**6))
    with pytest.raises(Damaged, match="unpack"), arrays_of(tmp_path / "bomb.npz", ""):
        pass
    content = (tmp_path / "old.npz").read_bytes()
    assert not check_sealed(content)
    assert check_sealed(sealed(content))


def test_an_entry_that_readers_miss_is_told_of_the_file(tmp_path):
    write_arrays(tmp_path / "x.npz", a=np.arange(3))
    fault = r"x\.npz is damaged \(lacks 'b'\); make it anew"
    with pytest.raises(Damaged, match=fault), arrays_of(tmp_path / "x.npz", "make it anew") as saved:
        saved["b"]


def test_a_digest_beside_a_file_goes_with_it(tmp_path):
    for text in ("one", "two"):
        write_with_digest(tmp_path / "x.csv", lambda path, text=text: path.write_text(text))
    digest, name = (tmp_path / "x.csv.sha256").read_text().split()
    assert (len(digest), name) == (64, "x.csv")


CSV = "window,start,length,stretch,time_utc,mean,std,p99,change,coverage,verdict,reason,by,at\n"


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("0,x,4,0,,,,,,,,,,\n", "row 1, start 'x'"),
        ("0,0,4,0,,,,,,,,,,\n1,2.5,4,0,,,,,,,,,,\n", "row 2, start '2.5': no whole number"),
        ("0,22,4,0,,,,,,,,,,\n", "row 1: start and length reach beyond"),
        ("0,0,0,0,,,,,,,,,,\n", "row 1, length '0'"),
        ("0,-1,4,0,,,,,,,,,,\n", "row 1, start '-1'"),
        ("0,0,4,0,,,,,,,,,,\n0,4,4,0,,,,,,,,,,\n", "row 2: a window that is there before"),
        ("0,0,4,0,,,,,,,maybe,,,\n", "row 1: the verdict is none of keep, reject"),
        ("0,0,4,0,,inf,,,,,,,,\n", "row 1, mean 'inf'"),
        ("0,0,4,0,,a,,,,,,,,\n", "row 1, mean 'a'"),
        ("0,0,1e30,0,,,,,,,,,,\n", "row 1, length '1e[+]30'"),
        ("0,0\n0,0,4,0,,,,,,,,,,,,,,,,,,\n", r"windows\.csv is damaged"),
    ],
)
def test_a_window_that_can_not_be_is_told_with_its_row(reel, rows, fault):
    (reel.path / "windows.csv").write_text(CSV + rows)
    with pytest.raises(Damaged, match=fault) as told:
        read_windows(reel)
    assert "windows.csv" in str(told.value)
    assert "\n" not in str(told.value)


def test_windows_that_a_spreadsheet_saved_are_read(reel):
    (reel.path / "windows.csv").write_text(
        CSV.replace("at\n", "at,note\n") + "1.0,4.0,4.0,0.0,,,,,,,reject,,me,,why not\n"
    )
    table = read_windows(reel)
    assert table[["window", "start", "length"]].to_numpy().tolist() == [[1, 4, 4]]
    assert table["start"].dtype == np.int64


def test_frames_that_do_not_belong_together_are_told(tmp_path):
    reel = make_reel(tmp_path / "r", drifting_blobs(24, 8, 8))
    table = reel.candidates
    wrong = {
        "index": table.assign(index=table["index"] + 1),
        "time_s": table.assign(time_s=-table["time_s"]),
        "accepted": table.assign(accepted="perhaps"),
        "label": table.drop(columns="label"),
        "time_utc": table.assign(time_utc="yesterday"),
    }
    for fault, changed in wrong.items():
        write_csv(reel.path / "frames.csv", changed)
        with pytest.raises(Damaged, match=rf"frames\.csv is damaged .*{fault if fault != 'time_utc' else 'yesterday'}"):
            _ = Reel(reel.path).candidates


def test_no_folder_may_be_a_link_to_another_place(tmp_path):
    inside, outside = tmp_path / "run", tmp_path / "elsewhere"
    (inside / "kept").mkdir(parents=True)
    outside.mkdir()
    (inside / "to_kept").symlink_to(inside / "kept", target_is_directory=True)
    (inside / "large.pt").symlink_to(outside / "annexed.pt")
    refuse_links_out(inside)
    (inside / "kept" / "eval").symlink_to(outside, target_is_directory=True)
    with pytest.raises(OSError, match=r"eval is a link out of .*; put the folder there"):
        refuse_links_out(inside)


def test_clips_lie_in_the_reel_and_take_nothing_else_away(reel, tmp_path):
    (reel.path / "review_clips").mkdir()
    (reel.path / "review_clips" / "holiday.mp4").write_bytes(bytes(1000))
    path = Clips(reel, cache_bytes=1).path(0, 4)
    assert path.parent == reel.path / "review_clips"
    assert (reel.path / "review_clips" / "holiday.mp4").exists()
    linked = make_reel(tmp_path / "other", drifting_blobs(24, 8, 8))
    (linked.path / "review_clips").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(OSError, match="is a link out of"):
        Clips(linked)


def test_a_reel_is_written_in_place_of_links_and_not_through_them(reel, tmp_path):
    victim = tmp_path / "victim.csv"
    victim.write_text("mine")
    (reel.path / "windows.csv").unlink()
    (reel.path / "windows.csv").symlink_to(victim)
    write_csv(reel.path / "windows.csv", Reel(reel.path).candidates)
    assert victim.read_text() == "mine"


def test_threads_read_the_heads_of_arrays_one_at_a_time(reel, tmp_path, monkeypatch):
    """Else a sound file may be told as damaged, see heads.py."""
    write_arrays(tmp_path / "a.npz", x=np.arange(3), y=np.ones(2))
    at_work, own = Lock(), np.load

    def load(*words, **named):
        assert at_work.acquire(blocking=False), "two at once"
        time.sleep(0.002)
        try:
            return own(*words, **named)
        finally:
            at_work.release()

    def read(number: int) -> None:
        if number % 3 == 0:
            assert len(Reel(reel.path).frames) == 24
        elif number % 3 == 1:
            assert read_array(reel.path / "missing.npy", "").shape == (24, 1)
        else:
            with arrays_of(tmp_path / "a.npz", "") as arrays:
                assert [*arrays] == ["x", "y"]

    monkeypatch.setattr(np, "load", load)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(read, range(30)))
