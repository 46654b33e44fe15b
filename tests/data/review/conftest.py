"""What the modules of the review page share."""

from functools import partial

import pytest

from tests.support.review_server import Server
from tests.support.warm import Warm


@pytest.fixture(scope="session")
def serve():
    """`Server`, forked from one process that has loaded all that it needs."""
    warm = Warm("main", "data.review_processed_data", "data.review.page.server", "models.autoencoder")
    yield partial(Server, start=warm.start)
    warm.end()
