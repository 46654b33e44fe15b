"""Frames from the VSO: sunpy's own client on answers recorded by hand, files from a real server on loopback."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from sunpy.net import attrs as a
from sunpy.net.dataretriever import QueryResponse
from sunpy.util.exceptions import SunpyUserWarning

import main as program
from config import ConfigError, from_dict, load
from data.download.http import Patience
from data.download.manifest import DOWNLOADED, FAILED, NO_OBSERVATION, wanted_times
from data.download.vso import _Record, fetch, nearest
from data.prepare_data import prep
from data.reel.reel import Reel
from data.sources.times.utc import iso_ms
from tests.support.fits_files import counts, fits_bytes, header
from tests.support.http_server import fine, refused, serving
from tests.support.paths import ROOT
from tests.support.vso_answers import MS, START, RecordedVso, config, manifest, record

QUICK = Patience(retries=1, timeout_sec=60, connections=4, pause_sec=0.01, longest_sec=0.1)


@pytest.fixture
def archive():
    """Ten records 12 s apart behind a server that has all their files."""
    with serving() as (base, answers):
        vso = RecordedVso([record(12 * i) for i in range(10)], base)
        for i in range(10):
            answers[f"/{1121758235 + 12 * i}/image.fits"] = fine(fits_bytes(counts(i), header(12.0 * i)))
        vso.answers = answers
        yield vso


def search_of(vso):
    return lambda *query: [vso.search(*query)]


def test_every_wanted_time_is_downloaded_and_recorded(archive, tmp_path):
    c = config(tmp_path)
    assert fetch(c, search_of(archive), QUICK) == ""
    table = manifest(c)
    assert list(table.status) == [DOWNLOADED] * 10
    assert list(table.wanted_utc) == list(table.record_utc) == [iso_ms(START + 12_000 * i * MS) for i in range(10)]
    assert table.file.nunique() == 10  # although every address ends in image.fits
    for row in table.itertuples():
        payload = (tmp_path / "raw" / "aia_171" / row.file).read_bytes()
        assert len(payload) == int(row.bytes)
    assert set(archive.answers.asked.values()) == {1}


def test_the_query_says_what_is_wanted(archive, tmp_path):
    fetch(config(tmp_path, provider="JSOC"), search_of(archive), QUICK)
    (block,) = archive.queries
    assert block["instrument"] == "aia"
    assert block["provider"] == "JSOC"
    assert block["sample"] == 12.0
    assert block["wave"] == {"wavemin": 171.0, "wavemax": 171.0, "waveunit": "Angstrom"}
    assert block["time"]["start"] == "20120719073001"
    assert block["time"]["end"] == "20120719073155"  # half a cadence after the last


def test_one_query_a_day_and_wavelength(tmp_path):
    vso = RecordedVso([record(0)])
    vso.without_address.add("aia__lev1:171:1121758235")
    c = config(tmp_path, end_sec=2.5 * 86400, cadence_sec=6 * 3600.0, wavelengths=(171, 193))
    with pytest.raises(OSError, match="no address for it"):
        fetch(c, search_of(vso), QUICK)
    days = [(b["wave"]["wavemin"], b["time"]["start"][:8]) for b in vso.queries if b["sample"]]
    assert days == [(w, f"201207{d}") for w in (171.0, 193.0) for d in (19, 20, 21)]


def test_wanted_times_are_on_disk_before_anything_is_asked(tmp_path):
    c, seen = config(tmp_path), []

    def search(*query):
        seen.append(manifest(c))
        raise ConnectionError("down")

    with pytest.raises(OSError, match=r"10 of 10 wanted times .*had:\n.*ConnectionError: down\nrun the same"):
        fetch(c, search, QUICK)
    assert list(seen[0].status) == ["wanted"] * 10
    assert len(seen) == 2  # one retry
    assert list(manifest(c).status) == [FAILED] * 10


def test_no_observation_is_told_apart_from_a_failure(archive, tmp_path):
    del archive.records[7], archive.records[3]
    archive.answers["/1121758295/image.fits"] = refused(403)  # the sixth
    c = config(tmp_path)
    message = fetch(c, search_of(archive), QUICK)
    assert "1 of 10 wanted times could not be had" in message
    assert "HTTP 403 Forbidden (attempts: 1)" in message
    assert "--allow-partial" in message
    table = manifest(c)
    expected = [DOWNLOADED] * 10
    expected[3] = expected[7] = NO_OBSERVATION
    expected[5] = FAILED
    assert list(table.status) == expected
    assert list(table.reason[table.status != FAILED].unique()) == [""]
    assert table.reason[5] == "HTTP 403 Forbidden (attempts: 1)"
    assert fetch(replace_vso(c, allow_partial=True), search_of(archive), QUICK) == ""


def replace_vso(c, **settings):
    return replace(c, prep=replace(c.prep, vso=replace(c.prep.vso, **settings)))


def test_running_again_fetches_only_what_is_missing(archive, tmp_path):
    good = archive.answers.actions["/1121758295/image.fits"]
    archive.answers["/1121758295/image.fits"] = refused(500)
    del archive.records[2]
    c = config(tmp_path)
    assert fetch(c, search_of(archive), QUICK)
    table = manifest(c)
    (tmp_path / "raw" / "aia_171" / table.file[0]).unlink()  # lost since
    (tmp_path / "raw" / "aia_171" / table.file[9]).write_bytes(b"SIMPLE  = damaged since")
    archive.answers["/1121758295/image.fits"] = good
    archive.answers.asked.clear()
    archive.requests.clear()
    assert fetch(c, search_of(archive), QUICK) == ""
    assert sorted(archive.answers.asked) == [f"/{1121758235 + 12 * i}/image.fits" for i in (0, 5, 9)]
    assert archive.requests == [[f"aia__lev1:171:{1121758235 + 12 * i}" for i in (0, 5, 9)]]
    assert list(manifest(c).status) == [DOWNLOADED] * 2 + [NO_OBSERVATION] + [DOWNLOADED] * 7
    archive.queries.clear()
    assert fetch(c, search_of(archive), QUICK) == ""
    assert not archive.queries  # all is known: a prepared data set needs no network


def test_files_that_a_killed_run_finished_are_not_fetched_again(archive, tmp_path):
    c = config(tmp_path)
    fetch(c, search_of(archive), QUICK)
    before = manifest(c)
    text = before.assign(status="wanted", bytes="", sha256="").to_csv(index=False)
    (tmp_path / "raw" / "aia_171" / "manifest.csv").write_text(text)  # as written before the downloads
    archive.answers.asked.clear()
    fetch(c, search_of(archive), QUICK)
    assert not archive.answers.asked
    assert manifest(c).equals(before)


def test_a_query_that_fails_once_is_asked_again(archive, tmp_path):
    archive.faults = 1
    assert fetch(config(tmp_path), search_of(archive), QUICK) == ""
    assert len(archive.queries) == 2


def test_an_error_that_comes_with_an_empty_answer_is_no_missing_observation(tmp_path):
    vso = RecordedVso([record(0)], faults=99)
    with pytest.raises(OSError, match=r"could not be asked \(attempts: 2\): ConnectionError: no route to the VSO"):
        fetch(config(tmp_path), search_of(vso), QUICK)
    vso = RecordedVso([], error="VSO-C500 :soap:Server : ERROR: relation does not exist")
    with pytest.raises(OSError, match="the archive answered: VSO-C500"):
        fetch(config(tmp_path), search_of(vso), QUICK)
    with pytest.warns(SunpyUserWarning, match="VSO-C500"):  # which sunpy only warns of
        vso.search(a.Time("2012-07-19", "2012-07-20"), a.Wavelength(171 * u.angstrom))


def test_an_archive_that_becomes_silent_leaves_what_came_before(archive, tmp_path):
    c = config(tmp_path, end_sec=2 * 86400.0, cadence_sec=86400.0)
    answered, asked = search_of(archive), []

    def search(*query):
        asked.append(query)
        if query[0].start.strftime("%d") != "19":
            raise ConnectionError("gone")
        return answered(*query)

    message = fetch(c, search, QUICK)
    assert "2 of 3 wanted times could not be had" in message
    assert "the archive could not be asked (attempts: 2): ConnectionError: gone" in message
    assert len(asked) == 3  # and not for the third day
    assert list(manifest(c).status) == [DOWNLOADED, FAILED, FAILED]


def test_nothing_observed_is_an_error_that_names_the_settings(tmp_path):
    with pytest.raises(ValueError, match=r"observed nothing .* change prep\.vso or prep\.wavelengths"):
        fetch(config(tmp_path), search_of(RecordedVso([])), QUICK)
    with pytest.raises(ValueError, match="observed nothing"):  # and stays one when it is read from the manifest
        fetch(config(tmp_path), search_of(RecordedVso([])), QUICK)


def test_where_sampling_leaves_a_time_out_all_records_are_asked_for(archive, tmp_path):
    archive.records = [record(t) for t in (0, 10, 24, 36, 48)]  # slots from 0 on: 10 s is in the first one's
    for t in (0, 10, 24, 36, 48):
        archive.answers[f"/{1121758235 + t}/image.fits"] = fine(fits_bytes(counts(t), header(float(t))))
    c = config(tmp_path, end_sec=48.0)
    fetch(c, search_of(archive), QUICK)
    assert list(manifest(c).record_utc) == [iso_ms(START + 1000 * t * MS) for t in (0, 10, 24, 36, 48)]
    assert [block["sample"] for block in archive.queries] == [12.0, None]


def test_one_record_for_two_wanted_times_is_one_file(archive, tmp_path):
    c = config(tmp_path, end_sec=12.0, cadence_sec=4.0)
    archive.records = [record(2)]
    archive.answers["/1121758237/image.fits"] = fine(fits_bytes(counts(0), header(2.0)))
    fetch(c, search_of(archive), QUICK)
    assert list(manifest(c).status) == [DOWNLOADED] * 2 + [NO_OBSERVATION] * 2
    assert archive.answers.asked == {"/1121758237/image.fits": 1}


def test_the_synoptic_level_is_taken_by_its_own_addresses(archive, tmp_path):
    queries = []

    def search(*query):
        queries.append(query)
        rows = [
            {
                "Start Time": Time(str(START + 12_000 * i * MS)),
                "End Time": Time(str(START + (12_000 * i + 1000) * MS)),
                "Instrument": "AIA",
                "Level": "1.5S",
                "Wavelength": 171,
                "url": f"{archive.base}/{1121758235 + 12 * i}/image.fits",
            }
            for i in range(10)
        ]
        return [QueryResponse(rows, client=None), QueryResponse([], client=None)]

    c = config(tmp_path, level="1.5s")
    assert fetch(c, search, QUICK) == ""
    assert list(manifest(c).status) == [DOWNLOADED] * 10
    (query,) = queries
    assert a.Level("1.5s") in query
    assert not any(isinstance(attr, a.Sample) for attr in query)
    with pytest.raises(ValueError, match=r"holds frames of level 1\.5s; choose another --data-raw"):
        fetch(config(tmp_path), search, QUICK)


def test_a_stranger_in_the_manifests_place_is_refused(tmp_path):
    path = tmp_path / "raw" / "aia_171" / "manifest.csv"
    path.parent.mkdir(parents=True)
    path.write_text("some,thing\n1,2\n")
    with pytest.raises(ValueError, match=r"manifest\.csv is no manifest of downloads .* move it away"):
        fetch(config(tmp_path), None, QUICK)
    assert path.read_text() == "some,thing\n1,2\n"


@pytest.fixture
def fido(monkeypatch, archive):
    """The recorded archive where sunpy, and so `Fido`, connects to the VSO."""
    monkeypatch.setattr("sunpy.net.vso.vso.build_client", lambda *_, **__: archive.api)
    return archive


def test_errors_that_fido_loses_are_found(fido, tmp_path):
    fido.faults = 2  # of Fido, which drops the empty table that holds the error, and of the VSO asked again
    c = config(tmp_path)
    with pytest.raises(OSError, match=r"could not be asked \(attempts: 1\): ConnectionError: no route to the VSO"):
        fetch(c, patience=replace(QUICK, retries=0))
    assert len(fido.queries) == 2
    assert fetch(c, patience=replace(QUICK, retries=0)) == ""


def test_prep_downloads_and_makes_a_reel(fido, tmp_path):
    (path,) = prep(config(tmp_path))
    assert len(Reel(path)) == 10
    assert len(fido.queries) == 1


def test_prep_prepares_what_is_there_and_then_fails(fido, tmp_path):
    fido.answers["/1121758343/image.fits"] = refused(404)  # the last
    c = config(tmp_path)
    with pytest.raises(OSError, match=r"1 reels are made .*1 of 10 wanted times(.|\n)*HTTP 404"):
        prep(c)
    assert len(Reel(tmp_path / "out" / "aia_171")) == 9
    (path,) = prep(replace_vso(c, allow_partial=True))
    assert len(Reel(path)) == 9


def test_the_command_line_accepts_partial_downloads():
    arguments = program.parser().parse_args(["-m", "prep", "--allow-partial"])
    assert program.overrides(arguments) == {"prep.vso.allow_partial": True}
    assert program.overrides(program.parser().parse_args(["-m", "prep"])) == {}


def test_the_mothers_day_recipe_wants_a_frame_a_minute_for_two_days():
    vso = load(ROOT / "demo" / "mothers_day_2024.yaml").prep.vso
    times = wanted_times(vso.start, vso.end, vso.cadence_sec)
    assert len(times) == 2 * 24 * 60 + 1
    assert (iso_ms(times[0]), iso_ms(times[-1])) == ("2024-05-10T00:00:00.000", "2024-05-12T00:00:00.000")
    assert set(np.diff(times)) == {np.timedelta64(60_000, "ms")}


@pytest.mark.parametrize(
    ("prep", "names"),
    [
        ({"source": "vso"}, r"prep.*source vso needs prep\.vso\.start, prep\.vso\.end, prep\.wavelengths"),
        ({"source": "vso", "vso": {"start": "2024-05-10"}, "wavelengths": [171]}, r"needs prep\.vso\.end$"),
        ({"vso": {"start": "2024-05-10", "end": "2024-05-09"}}, r"vso.*start 2024-05-10 lies after end 2024-05-09"),
        ({"vso": {"level": "1.5s", "instrument": "suvi"}}, "level 1.5s exists of instrument aia only, not of suvi"),
        ({"vso": {"level": "2"}}, r"prep\.vso\.level"),
    ],
)
def test_an_incomplete_download_is_a_configuration_error(prep, names):
    with pytest.raises(ConfigError, match=names):
        from_dict({"prep": prep}, "my.yaml")


@given(
    st.lists(st.integers(0, 60_000), max_size=12),
    st.lists(st.integers(0, 60_000), min_size=1, max_size=12),
    st.integers(0, 20_000),
)
def test_nearest_is_what_a_plain_search_finds(records_ms, times_ms, half_ms):
    records = [_Record(START + ms * MS, f"r{i:02d}", None, i) for i, ms in enumerate(records_ms)]
    found = nearest(START + np.array(times_ms) * MS, records, np.timedelta64(half_ms, "ms"))
    for ms, match in zip(times_ms, found, strict=True):
        distances = [abs(r.time - (START + ms * MS)) for r in records]
        if not distances or min(distances) > np.timedelta64(half_ms, "ms"):
            assert match is None
        else:
            assert abs(match.time - (START + ms * MS)) == min(distances)


@given(st.floats(0.5, 3600), st.integers(0, 500), st.floats(0, 0.99))
def test_wanted_times_reach_the_end_and_no_farther(cadence_sec, n, more):
    end = START + np.timedelta64(round(1000 * cadence_sec * (n + more)), "ms")
    times = wanted_times(iso_ms(START), iso_ms(end), cadence_sec)
    assert times[0] == START
    step = np.timedelta64(round(1000 * cadence_sec), "ms")
    assert np.all(np.abs(np.diff(times) - step) <= np.timedelta64(1, "ms"))
    assert times[-1] <= end + np.timedelta64(1, "ms")
    assert end - times[-1] <= step + np.timedelta64(1, "ms")


def test_local_prep_loads_no_network_library():
    code = "import sys, data.prepare_data; print([m for m in sys.modules if m.startswith(('sunpy.net', 'aiohttp'))])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
