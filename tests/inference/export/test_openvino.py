"""A bundle for OpenVINO scores as its checkpoint does, and nearly so in bfloat16 and in integers."""

import json
import shutil

import pytest

import main
from data.disk.damage import Damaged
from data.reel.reel import find_reels
from inference.export.exported import Exported
from inference.export.parity import found_by
from inference.runner.bundle import Bundle
from inference.runner.engines.engine import engine_of
from inference.runner.run import Runner
from tests.inference.export.test_export import assert_placeless, certificate
from tests.support.bundles import (
    OF_OPENVINO,
    exported,
    flash_reel,
    run_without_torch,
    start_without_torch,
    trained_on_video,
)
from tests.support.streams import settings

pytestmark = pytest.mark.usefixtures("one_thread")
SAME = ("frame_start", "frame_peak", "frame_end", "x0", "y0", "x1", "y1", "level")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openvino")
    trained_on_video(folder)
    flash_reel(folder)
    return folder / "run"


@pytest.fixture(scope="module")
def bundle(run):
    return exported(run, run.parent / "base.yaml", "--format", "openvino")


def test_its_certificate_is_that_of_float32(run, bundle):
    found, about = certificate(bundle), Bundle.open(bundle).about
    assert found["holds"]
    assert 0 < found["score_difference"] <= found["allowed"]["score"] < 0.01
    assert found["on"]["planted"]["events"][0] == found["on"]["planted"]["events"][1] > 0
    assert (about["engine"], about["versions"].keys() & {"openvino", "onnxruntime"}) == ("openvino", {"openvino"})
    assert_placeless(bundle, run)


@pytest.mark.parametrize("name", ["net.xml", "net.bin"])
def test_a_net_that_is_not_what_was_written_is_refused_by_name(bundle, tmp_path, name):
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    (copy / name).write_bytes((copy / name).read_bytes()[:-1])
    with pytest.raises(Damaged, match=rf"{name}.*export it again"):
        Bundle.open(copy)


def test_without_pytorch_it_finds_what_the_checkpoint_finds(run, bundle):
    exact = Exported(run, settings(run.parent))
    exact.scorer.amp = "off"
    (reel,) = find_reels(run.parent / "new")
    theirs = found_by(exact.job(reel, exact.scorer)).events
    done = start_without_torch(bundle, reel.path.parent, "--threads", "1", more=(OF_OPENVINO,))
    assert done.returncode == 0, done.stderr
    ours = [json.loads(line) for line in done.stdout.splitlines()]
    assert [[event[name] for name in SAME] for event in ours] == theirs[list(SAME)].values.tolist() != []
    assert [event["peak_score"] for event in ours] == pytest.approx(theirs["peak_score"], rel=1e-3)


def test_where_openvino_is_not_installed_a_line_says_what_to_do(run, bundle):
    done = run_without_torch(bundle, run.parent / "new")
    assert done.returncode == 2
    assert "not installed; pip install -r inference/runner/requirements-openvino.txt" in done.stderr


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_what_rounds_more_keeps_to_the_thresholds_of_the_run(run, tmp_path, precision):
    if lacking := engine_of("openvino").lacks(precision):
        pytest.skip(lacking)
    given = ("--format", "openvino", "--precision", precision, "--set", f"export.to={tmp_path / 'bundle'}")
    exported(run, run.parent / "base.yaml", *given)
    found = certificate(tmp_path / "bundle")
    assert found["holds"]
    assert found["on"]["quiet"]["score_rms_noise"] > 1e-3  # in float32 it is a thousandth of that
    theirs, ours = found["on"]["quiet"]["events"]
    assert ours <= theirs
    assert Bundle.open(tmp_path / "bundle").about["thresholds_of"] == "run"
    assert Runner(tmp_path / "bundle", 1).of_reel(find_reels(run.parent / "new")[0])


def test_bfloat16_by_onnx_runtime_is_refused_before_any_work(run, capsys):
    given = ["-m", "export", "-c", str(run.parent / "base.yaml"), "--precision", "bf16"]
    assert main.main([*given, "--check"]) == 2
    assert main.main(given) == 2
    told = capsys.readouterr()
    assert "ONNX Runtime has no bfloat16 on CPUs; choose --format openvino" in told.out + told.err
