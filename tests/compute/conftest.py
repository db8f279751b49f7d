"""What several tests of the compiled kernel need."""

import pytest

from fftscape.compute.kernel import kernel


@pytest.fixture
def use_kernel(monkeypatch):
    """Let a module compute with the kernel's vectors of so many numbers, or, with 0, without it."""

    def use(module, lanes):
        if not lanes:
            monkeypatch.setattr(module, "kernel", None)
            return
        if kernel is None:
            pytest.skip("the kernel was not compiled when fftscape was installed")
        if lanes > kernel.LANES:
            pytest.skip("this processor has no such vectors")
        monkeypatch.setattr(module, "LANES", lanes)

    return use
