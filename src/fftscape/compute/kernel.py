"""The compiled kernel (``kernel``), where it could be built: the only place that asks whether it is there."""

from __future__ import annotations

__all__ = ["LANES", "kernel", "vectors"]

try:
    from fftscape.compute import _kernel as kernel
except ImportError:  # it could not be compiled when fftscape was installed, or not for this system
    kernel = None  # type: ignore[assignment]

# Numbers that it works on side by side.
LANES = 0 if kernel is None else kernel.LANES


def vectors(lanes: int) -> str:
    """Return what results say of the kernel with vectors of so many numbers: with others digits differ by rounding."""
    return f"vectors of {4 * lanes} bytes" if lanes else "none"
