"""What all tests share. NumPy is needed; PyTorch is not, and tests that need it say so."""

import numpy
import pytest


@pytest.fixture
def random():
    return numpy.random.default_rng(20240607)


@pytest.fixture(scope="session")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture(scope="session", params=["share", "copy"])
def device(request):
    """A device that works on arrays where they are, and one that they are copied to."""
    import clformer

    with clformer.Device(memory=request.param) as opened:
        yield opened
