"""What exports share."""

from functools import cache
from unittest.mock import patch

import pytest


@pytest.fixture(scope="session", autouse=True)
def operators_are_listed_once():
    """PyTorch lists what ONNX knows of its operators for each trace anew, which takes 0.4 s of its two."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with patch.object(ONNXRegistry, "from_torchlib", staticmethod(cache(ONNXRegistry.from_torchlib))):
        yield
