"""Rice tiles decoded by us are those that astropy decodes; what is damaged or unusual is astropy's alone."""

import io
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.fits.hdu.compressed._codecs import Rice1
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core import config

from config import PrepConfig
from data.sources.base import Candidate, FrameError, RawFrame
from data.sources.fits import candidates_of, decode_bytes
from data.sources.fits_file import rice, rice_tiles
from data.sources.fits_file.layout import layout_of
from data.sources.fits_file.rice import NEEDED_BYTES, RiceError, decode
from data.sources.fits_file.rice_tiles import data_of, tiles_of
from tests.support.fits_files import broken_inside, counts, fits_bytes, header

ROOT = Path(__file__).parents[4]
DTYPES = (np.uint8, np.int16, np.int32)
NOISES = ("constant", "low", "high", "extremes", "spikes", "steps")


def noisy(kind: str, shape: tuple[int, ...], dtype, seed: int) -> np.ndarray:
    """Integers of a kind of noise, in all of their type's range."""
    rng, limits = np.random.default_rng(seed), np.iinfo(dtype)
    values = {
        "constant": lambda: np.full(shape, rng.integers(limits.min, limits.max, endpoint=True)),
        "low": lambda: rng.poisson(3, shape),
        "high": lambda: rng.integers(limits.min, limits.max, shape, endpoint=True),
        "extremes": lambda: rng.choice([limits.min, limits.max, 0], shape),
        "spikes": lambda: np.where(rng.random(shape) < 0.03, limits.max, rng.integers(0, 3, shape)),
        "steps": lambda: np.sort(rng.integers(limits.min, limits.max, shape), axis=-1),
    }[kind]()
    return values.astype(dtype)


def encoded(rows: list[np.ndarray], block_px: int) -> list[bytes]:
    return [bytes(Rice1(blocksize=block_px, bytepix=r.itemsize, tilesize=r.size).encode(signed(r))) for r in rows]


def signed(row: np.ndarray) -> np.ndarray:
    """As astropy's codec takes pixels."""
    return row.view(f"i{row.itemsize}")


def decoded(tiles: list[bytes], block_px: int, shape: tuple[int, int], dtype) -> np.ndarray:
    """Our decoding of tiles that lie one after the other."""
    stops = np.cumsum([len(tile) for tile in tiles])
    data = np.frombuffer(bytearray(b"".join(tiles) + b"\xa5" * NEEDED_BYTES), np.uint8)
    out = np.empty(shape, dtype)
    decode(data, stops - [len(tile) for tile in tiles], stops, block_px, shape[1], out)
    return out


def by_astropy(tile: bytes, block_px: int, n_px: int, dtype) -> np.ndarray:
    codec = Rice1(blocksize=block_px, bytepix=np.dtype(dtype).itemsize, tilesize=n_px)
    return codec.decode(np.frombuffer(tile, np.uint8)).view(dtype)


def plainly(tile: bytes, block_px: int, n_px: int, dtype) -> list[int] | None:
    """The pixels of a tile, bit by bit as the standard describes them; None where it is damaged."""
    bits = "".join(f"{byte:08b}" for byte in tile)
    size = 8 * np.dtype(dtype).itemsize
    code_bits, most_split = {8: (3, 6), 16: (4, 14), 32: (5, 25)}[size]
    found: list[int] = []
    at, last = size, int(bits[:size] or "0", 2)
    while len(found) < n_px:
        code, at = int(bits[at : at + code_bits] or "0", 2), at + code_bits
        if code > most_split + 1:
            return None
        for _ in range(min(block_px, n_px - len(found))):
            mapped = 0
            if code == most_split + 1:
                mapped, at = int(bits[at : at + size] or "0", 2), at + size
            elif code:
                one = bits.find("1", at)
                if one < 0:
                    return None
                mapped = (one - at) << (code - 1) | int(bits[one + 1 : one + code] or "0", 2)
                at = one + code
            last = (last + (-(mapped + 1) // 2 if mapped % 2 else mapped // 2)) % 2**size
            found.append(last)
        if at > len(bits):
            return None
    return found if len(bits) - at < 8 else None


@settings(max_examples=150)
@given(
    st.sampled_from(NOISES),
    st.sampled_from(DTYPES),
    st.tuples(st.integers(1, 4), st.integers(1, 150)),
    st.sampled_from((8, 16, 32, 64)),
    st.integers(0, 2**32 - 1),
)
def test_tiles_come_back_as_they_were_encoded(noise, dtype, shape, block_px, seed):
    image = noisy(noise, shape, dtype, seed)
    assert np.array_equal(decoded(encoded(list(image), block_px), block_px, shape, dtype), image)


def test_runs_of_zeros_of_any_length_are_followed():
    """Of one outlier among equal pixels, whose code is longer than a word; astropy's encoder splits it so."""
    for n_px in (1, 2, 31, 32, 33):
        row = np.zeros(n_px, np.int32)
        row[n_px // 2] = 2**9
        (tile,) = encoded([row], 32)
        assert np.array_equal(decoded([tile], 32, (1, n_px), np.int32)[0], row)
    # And of a code that no encoder would choose: first pixel 7, differences split at no bit, 300 zeros, a one.
    bits = f"{7:016b}" + "0001" + "0" * 300 + "1"
    tile = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    assert decoded([tile], 32, (1, 1), np.int16)[0].tolist() == [7 + 150] == plainly(tile, 32, 1, np.int16)
    assert by_astropy(tile, 32, 1, np.int16).tolist() == [7 + 150]


@settings(max_examples=300)
@given(
    st.sampled_from(NOISES),
    st.sampled_from(DTYPES),
    st.integers(1, 90),
    st.sampled_from((16, 32)),
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=4),
    st.floats(0, 1),
)
def test_a_damaged_tile_is_refused_or_decoded_as_astropy_does(noise, dtype, n_px, block_px, seed, flips, kept):
    """Bits are flipped and the end is cut off; the oracle says what there is to find."""
    (tile,) = encoded([noisy(noise, (n_px,), dtype, seed)], block_px)
    tile = bytearray(tile[: max(1, round(kept * len(tile)))])
    for place, mask in flips:
        tile[int(place * len(tile))] ^= mask
    expected = plainly(bytes(tile), block_px, n_px, dtype)
    if expected is None:
        with pytest.raises(RiceError, match="Rice tile 0 of 1 is damaged"):
            decoded([bytes(tile)], block_px, (1, n_px), dtype)
        return
    found = decoded([bytes(tile)], block_px, (1, n_px), dtype)[0]
    assert np.array_equal(found, np.array(expected, f"u{found.itemsize}").view(dtype))
    assert np.array_equal(found, by_astropy(bytes(tile), block_px, n_px, dtype))


@settings(max_examples=200)
@given(st.binary(min_size=1, max_size=300), st.sampled_from(DTYPES), st.integers(1, 200), st.integers(1, 64))
def test_garbage_is_refused_or_is_a_tile_by_chance(garbage, dtype, n_px, block_px):
    expected = plainly(garbage, block_px, n_px, dtype)
    try:
        found = decoded([garbage], block_px, (1, n_px), dtype)[0]
    except RiceError:
        assert expected is None
    else:
        assert expected == found.view(f"u{found.itemsize}").tolist()


@settings(max_examples=60)
@given(
    st.sampled_from(NOISES),
    st.sampled_from(DTYPES),
    st.tuples(st.integers(1, 13), st.integers(1, 13)),
    st.integers(1, 9),
    st.integers(0, 2**32 - 1),
)
def test_what_is_seen_in_passing_is_what_the_frame_holds(noise, dtype, shape, rows, seed):
    """Tiles of any number of rows; sides that blocks do not fill have no overview, nor have 32 bits."""
    image = noisy(noise, shape, dtype, seed)
    tiles = encoded([image[y : y + rows].reshape(-1) for y in range(0, len(image), rows)], 32)
    stops = np.cumsum([len(tile) for tile in tiles])
    data = np.frombuffer(bytearray(b"".join(tiles) + bytes(NEEDED_BYTES)), np.uint8)
    seen = decode(data, stops - [len(tile) for tile in tiles], stops, 32, rows * shape[1], np.empty(shape, dtype))
    if image.itemsize == 4 or shape[0] % 4 or shape[1] % 4:
        assert seen is None
        return
    assert seen is not None
    assert (seen.lowest, seen.highest) == (image.min(), image.max())
    means = image.reshape(shape[0] // 4, 4, shape[1] // 4, 4).mean(axis=(1, 3), dtype=np.float64)
    assert seen.means.dtype == np.float32
    assert np.array_equal(seen.means, means)


def test_what_can_not_be_asked_for_is_said():
    data, places = np.zeros(NEEDED_BYTES + 100, np.uint8), np.array([0])
    out = np.empty((1, 10), np.int16)
    with pytest.raises(ValueError, match="do not fill 10 px"):
        decode(data, places, places + 50, 32, 5, out)
    with pytest.raises(ValueError, match="in blocks of 65"):
        decode(data, places, places + 50, 65, 10, out)
    for start, stop in ((-1, 50), (60, 50), (0, 101)):
        with pytest.raises(RiceError, match="outside"):
            decode(data, np.array([start]), np.array([stop]), 32, 10, out)


# Whole files, by the source.


@pytest.fixture
def is_loaded(monkeypatch):
    """As after many tiles: the compiled decoder is used for all that is usual."""
    monkeypatch.setattr(rice_tiles._Met, "tiles", rice_tiles.WORTH_LOADING_TILES)


def outcome(payload: bytes) -> RawFrame | str:
    """What becomes of the image of a file."""
    candidate = Candidate(source="", path="", kind="fits", reel="", hdu=1)
    try:
        return decode_bytes(payload, candidate)
    except Exception as error:  # damaged files fail in many ways, and in the same ones
        return f"{type(error).__name__}: {error}"


@contextmanager
def having_met(tiles: int) -> Iterator[None]:
    """As after so many tiles, for tests that have no fixture for each example."""
    met, rice_tiles._Met.tiles = rice_tiles._Met.tiles, tiles
    try:
        yield
    finally:
        rice_tiles._Met.tiles = met


def assert_as_astropy(payload: bytes) -> RawFrame | str:
    with having_met(rice_tiles.WORTH_LOADING_TILES):
        ours = outcome(payload)
    with having_met(-(2**60)):
        astropys = outcome(payload)
    if isinstance(ours, str) or isinstance(astropys, str):
        assert ours == astropys
    else:
        assert (ours.blank, ours.sha256, ours.flags) == (astropys.blank, astropys.sha256, astropys.flags)
        assert ours.pixels.dtype == astropys.pixels.dtype
        np.testing.assert_array_equal(ours.pixels, astropys.pixels)
    return ours


def is_ours(payload: bytes) -> bool:
    stream = io.BytesIO(payload)
    image = next(i for i in layout_of(stream).images if i.hdu == 1)
    tiles = tiles_of(stream, image)
    return tiles is not None and rice_tiles.decoded(tiles, data_of(stream, image)) is not None


def compressed(pixels: np.ndarray, head: fits.Header | None = None, **settings) -> bytes:
    stream = io.BytesIO()
    hdu = fits.CompImageHDU(pixels, head or header(), **({"compression_type": "RICE_1"} | settings))
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(stream)
    return stream.getvalue()


def with_cards(payload: bytes, **cards) -> bytes:
    """The file with cards that `CompImageHDU` would not write."""
    with fits.open(io.BytesIO(payload), disable_image_compression=True) as hdus:
        hdus[1].header.update(cards)
        stream = io.BytesIO()
        hdus.writeto(stream)
    return stream.getvalue()


@settings(max_examples=30)
@given(
    st.sampled_from(NOISES),
    st.sampled_from(DTYPES),
    st.tuples(st.integers(2, 9), st.integers(2, 70)),
    st.integers(1, 9),
    st.integers(0, 2**32 - 1),
)
def test_files_of_the_usual_layout_are_read_by_us_and_alike(noise, dtype, shape, rows, seed):
    image = noisy(noise, shape, dtype, seed)
    head = header(BLANK=None)
    payload = compressed(image, head, tile_shape=(min(rows, shape[0]), shape[1]))
    with having_met(rice_tiles.WORTH_LOADING_TILES):
        assert is_ours(payload)
    raw = assert_as_astropy(payload)
    assert isinstance(raw, RawFrame)
    assert np.array_equal(raw.pixels, image)


def test_blank_and_scaled_pixels_are_as_ever(is_loaded):
    image = counts(1)
    image[3, 4:9] = -32768
    raw = assert_as_astropy(compressed(image))
    assert raw.blank == -32768
    assert raw.overview.lowest == -32768
    scaled = with_cards(compressed(image), BSCALE=0.5, BZERO=100.0)
    assert is_ours(scaled)
    assert assert_as_astropy(scaled).pixels.dtype == np.float32
    for changed in (scaled, compressed(image, header(CTYPE1=None, ROWORDER="TOP-DOWN"))):  # they were seen otherwise
        assert assert_as_astropy(changed).overview is None
    unsigned = compressed(image.astype(np.uint16) + np.uint16(40000), header(BLANK=None))
    assert is_ours(unsigned)
    assert assert_as_astropy(unsigned).pixels.max() > 40000


UNUSUAL = {
    "floats": lambda: compressed(counts(1).astype(np.float32), header(BLANK=None)),
    "dithered": lambda: compressed(counts(1).astype(np.float32), header(BLANK=None), quantize_method=2, dither_seed=7),
    "square tiles": lambda: compressed(counts(1), tile_shape=(8, 8)),
    "gzip": lambda: compressed(counts(1), compression_type="GZIP_1"),
    "hcompress": lambda: compressed(counts(1), compression_type="HCOMPRESS_1", tile_shape=(24, 32)),
    "blank beyond the type": lambda: compressed(counts(1), header(BLANK=2**20)),
    "unpadded": lambda: fits_bytes(counts(1))[:-100],
    "plain": lambda: fits_bytes(counts(1), layout="extension"),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_is_left_to_astropy(name, is_loaded):
    payload = UNUSUAL[name]()
    assert not is_ours(payload)
    assert_as_astropy(payload)


def test_a_damaged_file_has_the_reason_that_astropy_gives(is_loaded):
    payload = broken_inside(fits_bytes(counts(1, (64, 64))))
    assert not is_ours(payload)
    assert "decompress" in assert_as_astropy(payload)


CARDS = ("ZBITPIX", "ZNAXIS1", "ZNAXIS2", "ZTILE1", "ZTILE2", "ZVAL1", "ZVAL2", "NAXIS1", "NAXIS2", "PCOUNT", "BLANK")
VALUES = st.one_of(st.integers(-3, 70), st.sampled_from(["T", "'PB'", "1.5", "", "'", "32768"]))


@settings(max_examples=80)
@given(st.sampled_from((*CARDS, "TFORM1", "ZCMPTYPE", "ZNAME2", "TFIELDS", "GCOUNT", "ZIMAGE")), VALUES)
def test_a_header_that_was_changed_means_the_same_to_both(name, value):
    payload = compressed(counts(1))
    at = payload.index(f"{name:<8}=".encode(), 2880)
    assert_as_astropy(payload[:at] + f"{name:<8}= {value:>20}".ljust(80).encode() + payload[at + 80 :])


@settings(max_examples=60)
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_flipped_byte_in_a_file_means_the_same_to_both(place, mask):
    payload = bytearray(compressed(counts(1)))
    begin = payload.index(b"END" + b" " * 77, 2880) // 2880 * 2880
    at = begin + int(place * (len(payload) - begin))
    payload[at] ^= mask
    assert_as_astropy(bytes(payload))


def test_few_small_frames_do_not_load_the_compiler():
    """In a process of its own: a prep of a few small frames does not wait for numba."""
    program = """
import sys
from data.sources.base import Candidate
from config import PrepConfig
from data.sources.fits import candidates_of, decode_bytes
from tests.support.fits_files import counts, fits_bytes
payload = fits_bytes(counts(1))
candidate = Candidate(source="", path="", kind="fits", reel="", hdu=1)
for _ in range(20):
    decode_bytes(payload, candidate)
print("numba" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_headers_that_announce_many_tiles_load_it_from_the_first_frame_on(monkeypatch):
    monkeypatch.setattr(rice_tiles._Met, "tiles", 0)
    payload = fits_bytes(counts(1, (64, 8)))
    assert not is_ours(payload)
    base = {"source": "", "path": "", "kind": "fits", "home": "", "reel": ""}
    for _ in range(rice_tiles.WORTH_LOADING_TILES // 64):
        candidates_of(io.BytesIO(payload), base, PrepConfig())
    assert is_ours(payload)


def test_where_nothing_can_be_compiled_astropy_reads_all(monkeypatch, is_loaded):
    rice_tiles._decoder.cache_clear()
    monkeypatch.setattr(config, "DISABLE_JIT", 1)
    try:
        assert not is_ours(fits_bytes(counts(1)))
        assert isinstance(outcome(fits_bytes(counts(1))), RawFrame)
    finally:
        rice_tiles._decoder.cache_clear()


class Unreadable:
    """What numba makes of a file in its cache that is damaged."""

    py_func = staticmethod(rice._every_tile)

    def __call__(self, *arguments):
        raise pickle.UnpicklingError("pickle data was truncated")


def test_where_what_was_compiled_is_damaged_it_is_compiled_again(monkeypatch, is_loaded):
    assert is_ours(fits_bytes(counts(1)))
    monkeypatch.setattr(rice, "_decode_tiles", Unreadable())
    assert not is_ours(fits_bytes(counts(1)))  # of a kind of pixels that was not tried out
    rice_tiles._decoder.cache_clear()
    assert is_ours(fits_bytes(counts(1)))


def test_a_file_cut_while_it_is_read_is_truncated():
    payload = fits_bytes(counts(1))
    image = layout_of(io.BytesIO(payload)).images[0]
    with pytest.raises(FrameError, match="truncated"):
        data_of(io.BytesIO(payload[: image.data_start + 10]), image)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([np.uint8, np.int16]), st.integers(0, 3)), max_size=12))
def test_a_frame_keeps_its_pixels_while_anything_of_it_is_held(steps):
    """Memory serves again only once nobody has the array, a view of it or a memoryview."""
    held: list[tuple] = []
    for number, (is_let_go, dtype, way) in enumerate(steps):
        if is_let_go and held:
            held.pop(0)
        made = rice_tiles._lent((3, 4), dtype)
        made[:] = number
        ways = (made, made[1:], made.reshape(-1)[::2].view(dtype), memoryview(made))
        held.append((ways[way], number))
        del made, ways
        assert all((np.asarray(array) == value).all() for array, value in held)


def test_memory_of_a_frame_serves_the_one_after():
    payload = compressed(noisy("low", (40, 64), np.int16, 0))
    with having_met(rice_tiles.WORTH_LOADING_TILES):
        first = outcome(payload)
        place = first.pixels.ctypes.data
        del first
        kept = rice_tiles._rooms[-1]
        assert kept.ctypes.data == place
        assert np.shares_memory(outcome(payload).pixels, kept)
