import pytest
import torch


@pytest.fixture
def two_threads():
    """On a single thread PyTorch takes its own contiguous fp32 convolution for small batches, not oneDNN's."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)
