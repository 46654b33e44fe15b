"""Raw frames become comparable ones: against slow loops, and for every step of the calibration."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from config import CropConfig, PrepConfig
from data.frames.grid.placement import Placed
from data.frames.grid.resample import area_mean
from data.frames.grid.to_grid import calibrate, steps, unit_of
from data.reel.mask_bits import INVALID, SATURATED
from data.sources.base import Candidate, FrameError, Overview, RawFrame
from tests.support.fits_files import BLANK, counts


def overlaps(n_from, n_to):
    """For each cell of a coarser axis: (index, length of overlap) of the pixels under it."""
    factor = n_from / n_to
    for cell in range(n_to):
        begin, end = cell * factor, (cell + 1) * factor
        span = range(math.floor(begin), min(math.ceil(end - 1e-9), n_from))
        yield [(i, min(i + 1, end) - max(i, begin)) for i in span]


def slow_area_mean(values, valid, grid):
    """Mean over each cell of the valid values, weighted by the area of the pixel under the cell, in plain loops."""
    mean, weight = np.zeros(grid), np.zeros(grid)
    columns = list(overlaps(values.shape[1], grid[1]))
    for (y, rows), (x, cols) in itertools.product(enumerate(overlaps(values.shape[0], grid[0])), enumerate(columns)):
        area = good = total = 0.0
        for (i, high), (j, wide) in itertools.product(rows, cols):
            area += high * wide
            if valid[i, j]:
                good += high * wide
                total += high * wide * float(values[i, j])
        mean[y, x], weight[y, x] = (total / good if good else 0.0), good / area
    return mean, weight


@pytest.mark.parametrize(
    ("shape", "grid"),
    [
        *[((24, 32), (6, 8)), ((25, 33), (6, 8)), ((30, 17), (7, 17)), ((9, 9), (9, 9)), ((37, 51), (11, 12))],
        *[((64, 96), (4, 3)), ((65, 97), (4, 3)), ((8, 8), (1, 1))],  # the first by whole blocks, the second not
    ],
)
def test_area_mean_equals_loops(shape, grid):
    values = counts(0, shape)
    mean, weight = area_mean(values, None, grid)
    assert weight is None
    np.testing.assert_allclose(mean, slow_area_mean(values, np.ones(shape, bool), grid)[0], rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_area_mean_of_valid_pixels_equals_loops(data):
    shape = data.draw(st.tuples(st.integers(2, 20), st.integers(2, 20)))
    grid = tuple(data.draw(st.integers(1, n)) for n in shape)
    values = data.draw(hnp.arrays(np.float32, shape, elements=st.floats(-1000, 1000, width=32)))
    valid = data.draw(hnp.arrays(bool, shape))
    holed = np.where(valid, values, np.float32(np.nan))
    mean, weight = area_mean(holed, valid, grid)
    expected_mean, expected_weight = slow_area_mean(values, valid, grid)
    np.testing.assert_allclose(weight, expected_weight, atol=1e-5)
    covered = expected_weight > 1e-3  # below, float32 leaves nothing of the quotient
    np.testing.assert_allclose(mean[covered], expected_mean[covered], rtol=1e-3, atol=0.2)
    assert np.isfinite(mean).all()
    assert np.all(mean[expected_weight == 0] == 0)


def first_rows(values, grid):
    """The first two rows of the slow area mean: enough of a large frame."""
    factors = [n / m for n, m in zip(values.shape, grid, strict=True)]
    rows = []
    for pixels in itertools.islice(overlaps(values.shape[0], grid[0]), 2):
        line = sum(high * values[i].astype(np.float64) for i, high in pixels) / factors[0]
        cells = overlaps(values.shape[1], grid[1])
        rows.append([sum(wide * line[j] for j, wide in cols) / factors[1] for cols in cells])
    return np.array(rows)


def test_a_full_frame_goes_through_block_means():
    """4096 -> 1024 -> 112: each step is the area mean; both together differ from one step by a part of the noise."""
    values = np.random.default_rng(0).integers(0, 100, (4096, 4096), dtype=np.int16)
    valid = np.ones(values.shape, bool)
    valid[20:60, 300:420] = False
    blocks = values.reshape(1024, 4, 1024, 4).mean((1, 3), dtype=np.float64)
    mean, _ = area_mean(values, None, (112, 112))
    np.testing.assert_allclose(mean[:2], first_rows(blocks, (112, 112)), rtol=1e-4)
    np.testing.assert_allclose(mean[:2], first_rows(values, (112, 112)), rtol=0.02)

    total = (values * valid).reshape(1024, 4, 1024, 4).mean((1, 3), dtype=np.float64)
    weight = first_rows(valid.reshape(1024, 4, 1024, 4).mean((1, 3)), (112, 112))
    some = weight > 0.01
    mean, fraction = area_mean(values, valid, (112, 112))
    np.testing.assert_allclose(fraction[:2], weight, atol=1e-5)
    np.testing.assert_allclose(mean[:2][some], (first_rows(total, (112, 112))[some] / weight[some]), rtol=1e-4)


@given(
    st.sampled_from((2, 3, 4, 6, 8, 12, 16)),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.sampled_from((np.int16, np.uint16, np.uint8)),
    st.integers(0, 2**32 - 1),
)
def test_means_by_halves_have_the_bits_of_those_in_one_step(factor, grid, dtype, seed):
    """All that 16 bits can hold; the sums over a block stay below 2^24, so that float32 holds them exactly."""
    limits, shape = np.iinfo(dtype), (grid[0] * factor, grid[1] * factor)
    values = np.random.default_rng(seed).integers(limits.min, limits.max, shape, dtype, endpoint=True)
    total = values.reshape(grid[0], factor, grid[1], factor).sum((1, 3), dtype=np.int64)
    mean, _ = area_mean(values, None, grid)
    if factor & (factor - 1) == 0:
        np.testing.assert_array_equal(mean, (total / factor**2).astype(np.float32))
    else:  # each step multiplies by a rounded number, and rounds: halves, then an odd number
        bound = 8 * np.finfo(np.float32).eps
        np.testing.assert_allclose(mean, total / factor**2, rtol=bound, atol=bound * limits.max)


TURN = (0.98, -0.17, 1.5, 0.17, 0.98, -1.0)


@settings(max_examples=60)
@given(
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.sampled_from((8, 12, 16, 32, 33)),
    st.sampled_from(((), TURN)),
    st.sampled_from((None, CropConfig(x=3, y=2, width=4, height=4))),
    st.sampled_from(("as it is", "blank", "saturated", "stand-in")),
    st.integers(0, 2**32 - 1),
)
def test_a_frame_that_was_looked_at_in_passing_is_the_same(grid, cell, turn, crop, holds, seed):
    """To the bit, whatever of it is missing, moved, cut or saturated."""
    shape = (4 * -(-grid[0] * cell // 4), 4 * -(-grid[1] * cell // 4))
    pixels = np.random.default_rng(seed).integers(0, 16000, shape, np.int16)
    pixels[1, 2] = {"as it is": 5, "blank": BLANK, "saturated": 16383, "stand-in": 5}[holds]
    if holds == "stand-in":
        pixels[:2, :2] = -9999
    means = pixels.reshape(shape[0] // 4, 4, shape[1] // 4, 4).mean((1, 3), dtype=np.float64).astype(np.float32)
    seen = RawFrame(pixels, BLANK, "", "", Overview(int(pixels.min()), int(pixels.max()), means))
    placed = replace(fits_candidate(shape=shape), to_source=turn)
    prep = PrepConfig(crop=crop, min_coverage=0.1)
    grid = (2, 2) if crop else grid
    expected, made = (calibrate(raw, placed, shape, grid, prep) for raw in (replace(seen, overview=None), seen))
    np.testing.assert_array_equal(made.values, expected.values)
    np.testing.assert_array_equal(made.bits, expected.bits)
    assert replace(made, values=0, bits=0) == replace(expected, values=0, bits=0)


def test_area_mean_onto_its_own_grid_changes_nothing():
    values = counts(0, (20, 30))
    mean, _ = area_mean(values, None, (20, 30))
    assert mean.dtype == np.float32
    np.testing.assert_array_equal(mean, values)


def test_one_missing_pixel_does_not_spread():
    values = np.full((40, 40), 100.0, np.float32)
    values[13, 13] = np.nan
    mean, weight = area_mean(values, np.isfinite(values), (10, 10))
    np.testing.assert_allclose(mean, 100, rtol=1e-6)
    assert weight[3, 3] == pytest.approx(15 / 16)


# calibrate


PICTURE = Placed.of(Candidate("a.png", "a.png", "image", "a"))


def fits_candidate(**facts):
    facts = {"exptime_s": 2.0, "shape": (24, 32), "is_counts": True, "saturation": 16383.0} | facts
    return Placed.of(Candidate("a.fits", "a.fits", "fits", "aia_171", "171", **facts))


def frame(pixels, prep=None, grid=(6, 8), shape=(24, 32), blank=BLANK, **facts):
    return calibrate(RawFrame(pixels, blank, ""), fits_candidate(**facts), shape, grid, PrepConfig(**prep or {}))


def test_counts_become_rates():
    pixels = counts()
    expected = slow_area_mean(pixels, np.ones(pixels.shape, bool), (6, 8))[0]
    np.testing.assert_allclose(frame(pixels).values, expected / 2.0, rtol=1e-5)
    np.testing.assert_allclose(frame(pixels, {"normalise_exposure": False}).values, expected, rtol=1e-5)


def test_pictures_are_not_divided_and_never_saturated():
    raw = RawFrame(np.full((24, 32), 255, np.uint8), None, "")
    small = calibrate(raw, PICTURE, (24, 32), (6, 8), PrepConfig(saturation_dn=100.0))
    assert np.all(small.values == 255)
    assert not small.bits.any()


def test_alternating_exposures_give_flat_rates():
    rate = counts(0, rate=800).astype(float)
    medians = []
    for i in range(8):
        exptime_s = (2.0, 0.4, 0.17, 1.2)[i % 4]
        raw = np.random.default_rng(i).poisson(rate * exptime_s).astype(np.int16)
        medians.append((np.median(raw), np.median(frame(raw, exptime_s=exptime_s).values)))
    raw_medians, medians = np.array(medians).T
    assert raw_medians.max() > 10 * raw_medians.min()
    assert medians.max() < 1.02 * medians.min()


@pytest.mark.parametrize("exptime_s", [0.1, 2.0])
def test_saturation_is_a_property_of_raw_counts(exptime_s):
    """Divided by a long exposure, a saturated pixel looks like any other."""
    pixels = np.full((24, 32), 1000, np.int16)
    pixels[5, 9] = 16383
    small = frame(pixels, exptime_s=exptime_s)
    assert np.argwhere(small.bits & SATURATED).tolist() == [[1, 2]]
    assert small.saturated_fraction == pytest.approx(1 / (24 * 32))
    assert not (small.bits & INVALID).any()


@pytest.mark.parametrize(
    ("pixels", "level", "found"),
    [
        (np.array([[16383, 16382]], np.int16), 16383.0, [True, False]),
        (np.array([[16383, 16382]], np.int16), 16382.5, [True, False]),
        (np.array([[255, 254]], np.uint8), 16383.0, [False, False]),  # eight bits can't reach the level
        (np.array([[16383.0, np.nan]], np.float32), 16383.0, [True, False]),
        (np.array([[40000, 65535]], np.uint16), 30000.0, [True, False]),  # 65535 marks missing pixels here
        (np.array([[16383, 16382]], np.int16), None, [False, False]),
    ],
)
def test_saturation_levels(pixels, level, found):
    small = frame(pixels, {"saturation_dn": level, "min_coverage": 0.1}, (1, 2), (1, 2), blank=65535)
    assert ((small.bits & SATURATED) > 0).tolist() == [found]


def test_missing_pixels_are_masked_and_weighted_out():
    pixels = counts()
    pixels[:4, :4] = BLANK  # the whole first cell
    pixels[4, 0] = BLANK  # one of sixteen pixels of the one below
    small = frame(pixels)
    expected = slow_area_mean(pixels, pixels != BLANK, (6, 8))[0] / 2
    assert np.argwhere(small.bits & INVALID).tolist() == [[0, 0]]
    assert small.values[0, 0] == 0
    np.testing.assert_allclose(small.values, expected, rtol=1e-5)
    assert small.coverage == pytest.approx(1 - 17 / (24 * 32))


def test_a_cell_is_valid_when_half_of_it_is():
    pixels = counts()
    pixels[0:4, 0:2] = BLANK  # 8 of 16 pixels
    pixels[0:4, 4:6], pixels[0, 6] = BLANK, BLANK  # 9 of 16
    small = frame(pixels)
    assert np.argwhere(small.bits & INVALID).tolist() == [[0, 1]]
    assert small.values[0, 1] == 0
    assert small.values[0, 0] == pytest.approx(pixels[0:4, 2:4].mean() / 2)


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(np.float64, (12, 16), elements=st.floats(allow_nan=True, allow_infinity=True)),
    st.floats(1e-6, 1e6),
    st.sampled_from(["float64", "float32", "float16"]),
)
def test_no_value_ever_leaves_as_nan_or_infinity(pixels, exptime_s, dtype):
    with np.errstate(over="ignore"):
        pixels = pixels.astype(dtype)
    arguments = pixels, {"min_coverage": 0.0}, (3, 4), (12, 16)
    if not np.isfinite(pixels).any():
        with pytest.raises(FrameError, match="no pixel is valid"):
            frame(*arguments, exptime_s=exptime_s)
        return
    small = frame(*arguments, exptime_s=exptime_s)
    assert np.isfinite(small.values).all()
    assert np.all(small.values[(small.bits & INVALID) > 0] == 0)


@pytest.mark.parametrize("pixels", [np.full((24, 32), np.nan, np.float32), np.full((24, 32), BLANK, np.int16)])
def test_a_frame_without_any_value_is_rejected(pixels):
    with pytest.raises(FrameError, match="no pixel is valid"):
        frame(pixels, {"min_coverage": 0.0})


def test_coverage_rule():
    pixels = counts()
    pixels[:8] = BLANK
    assert frame(pixels, {"min_coverage": 0.6}).coverage == pytest.approx(2 / 3)
    with pytest.raises(FrameError, match=r"coverage 0\.67 is below prep\.min_coverage 0\.7"):
        frame(pixels, {"min_coverage": 0.7})


def test_masked_rectangles_are_invalid_but_not_missing():
    small = frame(counts(), {"mask": ((0, 20, 16, 24),), "min_coverage": 1.0})
    assert small.coverage == 1.0
    invalid = np.zeros((6, 8), bool)
    invalid[5, :4] = True
    np.testing.assert_array_equal((small.bits & INVALID) > 0, invalid)
    np.testing.assert_array_equal(small.values[~invalid], frame(counts()).values[~invalid])


def test_coverage_counts_the_pixels_outside_the_mask():
    prep = {"mask": ((0, 0, 32, 12), (0, 6, 32, 18)), "min_coverage": 0.5}  # the rectangles overlap: 18 of 24 rows
    pixels = counts()
    pixels[:18] = BLANK  # all of it under the mask
    assert frame(pixels, prep).coverage == 1.0
    pixels[18:21] = BLANK  # half of the rest
    assert frame(pixels, prep).coverage == pytest.approx(0.5)
    pixels[21, 0] = BLANK
    with pytest.raises(FrameError, match=r"prep\.min_coverage"):
        frame(pixels, prep)


def test_a_mask_over_everything_is_an_error_not_an_empty_frame():
    with pytest.raises(FrameError, match=r"prep\.mask covers the whole frame"):
        frame(counts(), {"mask": ((0, 0, 99, 99),)})


def test_masked_pixels_do_not_bleed_into_their_neighbours():
    """A grid cell half under burned-in text shows the other half only."""
    pixels = np.full((24, 32), 100, np.int16)
    pixels[:2] = 5000
    small = frame(pixels, {"mask": ((0, 0, 32, 2),)})
    np.testing.assert_allclose(small.values, 50, rtol=1e-6)
    assert not small.bits.any()


@pytest.mark.parametrize(("shape", "lost"), [((23, 32), 32), ((24, 31), 24), ((25, 33), 0), ((22, 34), 64)])
def test_nearly_right_shapes_are_fitted(shape, lost):
    pixels = counts(0, shape)
    small = frame(pixels)
    assert small.flags == f"shape {shape[0]}x{shape[1]} fitted"
    assert small.coverage == pytest.approx(1 - lost / (24 * 32))
    padded = np.full((24, 32), BLANK, np.int16)
    height, width = min(24, shape[0]), min(32, shape[1])
    padded[:height, :width] = pixels[:height, :width]
    expected, weight = slow_area_mean(padded, padded != BLANK, (6, 8))
    np.testing.assert_allclose(small.values, np.where(weight >= 0.5, expected / 2, 0), rtol=1e-5)


@pytest.mark.parametrize("shape", [(21, 32), (24, 35), (1, 1)])
def test_other_shapes_are_rejected(shape):
    with pytest.raises(FrameError, match=f"shape {shape[0]}x{shape[1]} differs from 24x32 by more than"):
        frame(counts(0, shape))


def test_flags_are_those_of_the_pixels_and_of_the_header():
    raw = RawFrame(counts(), BLANK, "", flags="FITS: odd card")
    small = calibrate(raw, fits_candidate(flags="QUALITY bit 2"), (24, 32), (6, 8), PrepConfig())
    assert small.flags == "FITS: odd card; QUALITY bit 2"


@pytest.mark.parametrize(("unit", "is_exposed", "expected"), [("DN", True, 0.5), ("DN/s", False, 1), ("G", False, 1)])
def test_only_counts_are_divided_by_their_exposure(unit, is_exposed, expected):
    pixels = np.full((24, 32), 100, np.int16)
    made = fits_candidate(unit=unit, is_exposed=is_exposed, exptime_s=2.0)
    small = calibrate(RawFrame(pixels, None, ""), made, (24, 32), (6, 8), PrepConfig())
    np.testing.assert_allclose(small.values, 100 * expected)
    assert unit_of(made, PrepConfig()) == ("DN/s" if is_exposed else unit)
    assert ("divided by EXPTIME (DN/s)" in steps(PrepConfig(), [made])) == is_exposed


def test_steps_tell_what_was_done():
    done = steps(PrepConfig(mask=((0, 0, 4, 4),)), [fits_candidate()])
    assert done == [
        "missing pixels masked",
        "saturation noted at 16383 DN",
        "divided by EXPTIME (DN/s)",
        "rectangles masked: [[0, 0, 4, 4]]",
        "valid-weighted area mean",
    ]
    assert steps(PrepConfig(resize=None), [PICTURE]) == ["missing pixels masked", "native grid"]
