"""Quiet series that the methods for series are fitted on."""

import pytest

from tests.support.series_signals import QUIET, reel_of, signals


@pytest.fixture(scope="module", params=[1, 5])
def quiet(request, tmp_path_factory):
    return reel_of(tmp_path_factory.mktemp("quiet") / f"of_{request.param}", signals(QUIET, request.param))


@pytest.fixture(scope="module")
def other(quiet, tmp_path_factory):
    """Another series of the same kind."""
    return reel_of(tmp_path_factory.mktemp("other") / "other", signals(200, quiet.shape[1], seed=1))
