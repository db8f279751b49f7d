"""Workers on a Dask cluster: errands are sent out whole, and values come back as from a crew of this machine."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fftscape.batch.crew import Errand, Lost
from fftscape.compute.cluster import Cluster


@dataclass(frozen=True)
class Fleet:
    """A cluster as a place for errands.

    Parameters
    ----------
    cluster : Cluster
        Connected; its workers see the same files under the same paths.
    """

    cluster: Cluster

    def map(
        self, function: Callable[..., Any], errands: Sequence[Errand], *, on_stage: Callable[[int, str], None]
    ) -> Iterator[tuple[int, Any]]:
        """Call `function` with each errand's arguments; what a lost worker was at is done again by another one.

        Parameters
        ----------
        function : callable
            Importable by the workers.
        errands : sequence of Errand
            What to call it with.
        on_stage : callable
            Called with an errand's number and a few words when it is sent.

        Yields
        ------
        number : int
            Of the errand; they come as they end.
        value : object
            What the function returned, or `Lost`.
        """
        for number in range(len(errands)):
            on_stage(number, "sent to the cluster")
        call = partial(function, on_stage=_unheard)
        for number, value in self.cluster.completed(call, [errand.arguments for errand in errands]):
            yield number, _lost(value) if isinstance(value, Exception) else value


def _unheard(stage: str) -> None:
    """Tell nobody."""


def _lost(error: Exception) -> Lost:
    trace = "".join(traceback.format_exception(error))
    if type(error).__name__ == "KilledWorker":
        return Lost(
            "each Dask worker that it was given to died; it is damaged, or needs more memory than a worker has.", trace
        )
    if isinstance(error, MemoryError):
        return Lost("needs more memory than a Dask worker may have; give the workers more, or a larger --step.", trace)
    return Lost(f"{type(error).__name__}: {' '.join(str(error).split())}", trace)
