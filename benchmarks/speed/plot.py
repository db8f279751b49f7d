"""A picture of the benchmark: seconds of each program, and fftscape's time over the number of windows."""

from __future__ import annotations

from pathlib import Path

from scaling import Measured


def draw(path: Path, seconds: dict[str, float], floor: float, results: list[Measured]) -> None:
    """Write a PNG with bars of the programs' seconds and, where it was measured, the growth with the windows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2 if results else 1, squeeze=False)[0]
    names = list(seconds)[::-1]
    bars = axes[0].barh(names, [seconds[name] for name in names], color="#4477aa")
    axes[0].bar_label(bars, fmt="%.3g s", padding=3)
    axes[0].axvline(floor, color="#cc6677", linestyle="--")
    axes[0].set_title(f"dashed: floor of this machine, {1000 * floor:.0f} ms", fontsize=9)
    axes[0].set(xscale="log", xlabel="seconds after imports")
    axes[0].margins(x=0.25)
    if results:
        grown = sorted((one.n_windows, one.seconds) for one in results if "image" in one.case.name or one is results[0])
        axes[1].loglog(*zip(*grown, strict=True), "o-", color="#4477aa", label="fftscape")
        first = grown[0]
        axes[1].loglog(
            [n for n, _ in grown], [first[1] * n / first[0] for n, _ in grown], ":", color="0.5", label="linear"
        )
        axes[1].set(xlabel="windows", ylabel="seconds")
        axes[1].legend()
    figure.savefig(path, dpi=120)
