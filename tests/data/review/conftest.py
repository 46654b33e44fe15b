"""What the modules of the review page share."""

from functools import partial

import pytest

from tests.support.review_server import Server
from tests.support.warm import warm_main


@pytest.fixture(scope="session")
def serve():
    """`Server`, forked from one process that has loaded all that it needs."""
    return partial(Server, start=warm_main().start)
