"""Work on a Dask cluster: a scheduler in, the same results as on this machine out; the only place that knows Dask.

The same to the last digit where workers have the same kind of processor, and the kernel or none, as this machine.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from fftscape.compute.executors import elsewhere, one_blas_thread, serially, usable_processors
from fftscape.compute.memory import LEAST_SHARE, limit_memory
from fftscape.compute.parcels import Shelf, packed, unpacked
from fftscape.model.errors import BackendUnavailableError, FftscapeError

Piece = TypeVar("Piece")
Result = TypeVar("Result")

LOCAL = "local"
# Seconds in which a scheduler has to answer, and between two looks at a cluster that has no worker.
_PATIENCE = 20
# What the C library's allocator is told in local workers, in bytes: its own limits. Dask has it give every array back
# at once, so that each temporary one is mapped and cleared anew, which doubles the time of a pass.
_ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": 1 << 25, "MALLOC_TRIM_THRESHOLD_": 1 << 26}
# A pass is cut into so many errands for each worker, or one for each piece where there are fewer.
_ERRANDS = 8
# So many looks in a row find no worker before a cluster is given up.
_TIMES_DESERTED = 6


@contextmanager
def connected(scheduler: Any, memory: int, n_workers: int | None = None) -> Iterator[Cluster | None]:
    """Connect to a cluster.

    Parameters
    ----------
    scheduler : str, distributed.Client or None
        'local' for one worker process a processor of this machine; the address of a scheduler
        (``tcp://host:8786``, or ``tls://...`` with the certificates that Dask's own configuration names); a client
        that is connected already; or None for no cluster.
    memory : int
        Bytes that local workers may take together; one takes what it cannot do without, though.
    n_workers : int, optional
        How many local ones at most; as many as there are usable processors where left out. There are fewer where the
        memory is not enough for so many.

    Yields
    ------
    Cluster or None
        Connected.

    Raises
    ------
    BackendUnavailableError
        If Dask's scheduler is not installed, here or there.
    FftscapeError
        If there is no scheduler at that address.
    """
    if scheduler is None:
        yield None
        return
    with _client(scheduler, memory, n_workers or usable_processors()) as client, _shelf(scheduler) as shelf:
        cluster = Cluster(client, shelf)
        cluster.check()
        yield cluster


@contextmanager
def engaged(scheduler: Any, memory: int, *, loading: str) -> Iterator[None]:
    """Let work that is spread go to a cluster, where one is named.

    Parameters
    ----------
    scheduler, memory
        As in `connected`.
    loading : str
        Module that the work is of; workers load it, and what it imports, while there is none for them.
    """
    with connected(scheduler, memory) as cluster:
        if cluster is None:
            yield
            return
        cluster.load(loading)
        with elsewhere(cluster):
            yield


@contextmanager
def _shelf(scheduler: Any) -> Iterator[Shelf | None]:
    if scheduler != LOCAL:
        yield None
        return
    with TemporaryDirectory(prefix="fftscape-") as folder:
        yield Shelf(Path(folder))


class Cluster:
    """Runs pieces of work on the workers of a cluster.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    shelf : Shelf, optional
        Where workers on this machine find large arrays; to others they are sent.

    Attributes
    ----------
    address : str
        Where its scheduler is.
    """

    def __init__(self, client: Any, shelf: Shelf | None = None) -> None:
        self._client, self._shelf = client, shelf
        self.address = str(client.scheduler.address)
        self._sent: dict[int, tuple[Any, Any]] = {}
        self._loading: list[Any] = []

    @property
    def n_workers(self) -> int:
        """How many workers there are at the moment."""
        return len(self._client.scheduler_info(n_workers=-1).get("workers", ()))

    def check(self) -> None:
        """See to it that all workers have this version of fftscape.

        Raises
        ------
        BackendUnavailableError
            If one has not.
        """
        from importlib.metadata import version

        here = version("fftscape")
        for address, there in self._client.run(_version).items():
            if there != here:
                raise BackendUnavailableError(
                    f"the Dask worker {address} has fftscape {there}, not {here}; install the same version there."
                )

    def load(self, module: str) -> None:
        """Have each worker load a module, and do not wait for it."""
        workers = self._client.scheduler_info(n_workers=-1).get("workers", ())
        self._loading = [self._submitted(_loaded, module, workers=[own]) for own in workers]

    def ordered(self, function: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """Return what `function` makes of every piece, in the order of the pieces.

        What a lost worker was at is done again by another one.
        """
        payload, arrays = packed(function, self._shelf)
        futures = self._sent_once(arrays)
        waiting = list(pieces)
        # Dask takes some milliseconds for each errand; there are enough of them to keep all workers busy to the end.
        many = max(1, len(waiting) // (_ERRANDS * max(self.n_workers, 1)))
        errands = [waiting[start : start + many] for start in range(0, len(waiting), many)]
        under_way = [self._submitted(_done, payload, errand, *futures) for errand in errands]
        try:
            while under_way:
                values, error = self._outcome(under_way[0])
                if error is not None:
                    under_way[0].result()  # raises it, with its traceback on the worker
                yield from values
                under_way.pop(0)
        finally:
            self._recall(under_way)

    def completed(
        self, function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Result | Exception]]:
        """Call a function with each tuple of arguments; yield numbers and results, or what went wrong, as they come."""
        futures = {self._submitted(_called, function, own): number for number, own in enumerate(arguments)}
        # Dask's own ways to wait for the first of many look at all of them each time.
        ended: SimpleQueue[Any] = SimpleQueue()
        for future in futures:
            future.add_done_callback(ended.put)
        try:
            while futures:
                future = self._patiently(lambda: ended.get(timeout=_PATIENCE))
                value, error = self._outcome(future)
                yield futures.pop(future), value if error is None else error
        finally:
            self._recall(list(futures))

    def _submitted(self, function: Callable[..., Any], *arguments: Any, **where: Any) -> Any:
        try:
            return self._client.submit(function, *arguments, pure=False, **where)
        except Exception as error:  # of a class that Dask does not make public
            if self._client.status == "running":
                raise
            raise self._no_scheduler() from error

    def _recall(self, futures: list[Any]) -> None:
        if self._client.status == "running":  # with a scheduler that is gone, its futures are gone
            self._client.cancel(futures)

    def _outcome(self, future: Any) -> tuple[Any, Exception | None]:
        """Wait until a future has ended; return its value, or what went wrong."""
        error: Exception | None = self._patiently(lambda: future.exception(timeout=_PATIENCE))
        if future.cancelled():
            raise self._no_scheduler()
        return (self._patiently(lambda: future.result(timeout=_PATIENCE)) if error is None else None), error

    def _patiently(self, wait: Callable[[], Result]) -> Result:
        """Call what gives up after some patience, for as long as there are workers.

        It must not ask Dask's default client, as ``distributed.wait`` does: that may be another than this one.
        """
        deserted = 0
        while deserted < _TIMES_DESERTED:
            try:
                return wait()
            except (TimeoutError, Empty):
                deserted = 0 if self.n_workers else deserted + 1
        raise FftscapeError("the Dask cluster has no worker left; start workers, and run the same command again.")

    def _no_scheduler(self) -> FftscapeError:
        return FftscapeError(
            f"the Dask scheduler {self.address} was lost, or its work was cancelled; see to it that it runs, and "
            "run the same command again."
        )

    def _sent_once(self, arrays: Sequence[Any]) -> list[Any]:
        """Name arrays on the cluster; what the work before needed, too, is there already.

        They are tasks, not scattered data: of these nobody but the workers has a copy, and one that is lost with its
        worker is lost for good. Workers pass them on to each other.
        """
        from dask import config

        kept = {id(array): self._sent[id(array)] for array in arrays if id(array) in self._sent}
        with config.set({"distributed.admin.large-graph-warning-threshold": f"{sys.maxsize}B"}):
            for array in arrays:
                if id(array) not in kept:
                    kept[id(array)] = array, self._submitted(_itself, array)
        self._sent = kept
        return [kept[id(array)][1] for array in arrays]


@contextmanager
def _client(scheduler: Any, memory: int, n_workers: int) -> Iterator[Any]:
    if not isinstance(scheduler, str):
        yield scheduler
        return
    try:
        from dask import config
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise BackendUnavailableError(
            "a Dask scheduler needs an optional library; install it with: pip install 'fftscape[cluster]'"
        ) from error
    if scheduler == LOCAL:
        # A worker that may have less is killed as soon as it has loaded its libraries, again and again.
        n_workers = max(1, min(n_workers, memory // LEAST_SHARE))
        # Dask's configuration yields to the environment, in which a cluster of before may have left something.
        with config.set({"distributed.nanny.pre-spawn-environ": _ALLOCATION}), _environment(_ALLOCATION):
            started = LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                memory_limit=max(memory // n_workers, LEAST_SHARE),
                silence_logs=logging.CRITICAL,
            )
        with started as cluster, Client(cluster, set_as_default=False) as client:
            yield client
        return
    try:
        client = Client(scheduler, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise FftscapeError(
            f"no Dask scheduler answers at {scheduler!r} ({' '.join(str(error).split())[:120]}); check the address."
        ) from error
    with client:
        yield client


@contextmanager
def _environment(variables: Mapping[str, int]) -> Iterator[None]:
    """Set environment variables for the processes that are started inside."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update({name: str(value) for name, value in variables.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _loaded(module: str) -> None:
    import_module(module)


def _itself(array: Any) -> Any:
    return array


def _done(payload: bytes, pieces: list[Any], *arrays: Any) -> list[Any]:
    """Do some pieces of work, in a worker."""
    with serially(), one_blas_thread():
        return list(map(unpacked(payload, arrays), pieces))


def _called(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Call a function, in a worker, which is killed when it takes more memory than it may have."""
    from distributed import get_worker

    worker = get_worker()
    if worker.memory_manager.memory_limit:
        limit_memory(worker.memory_manager.memory_limit // worker.state.nthreads)
    with serially():
        return function(*arguments)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("fftscape")
    except PackageNotFoundError:
        return f"nothing in process {os.getpid()}"
