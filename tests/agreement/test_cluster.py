"""A Dask cluster gives what this process gives, whatever happens to its workers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fftscape as fs
from fftscape.batch.crew import Errand, Lost
from fftscape.batch.fleet import Fleet
from fftscape.compute import cluster as cluster_module
from fftscape.compute import parcels
from fftscape.compute.cluster import Cluster, connected, engaged
from fftscape.compute.executors import elsewhere, spread
from fftscape.compute.memory import LEAST_SHARE, MIB, allowed_memory
from fftscape.compute.parcels import Shelf, packed
from fftscape.model.errors import BackendUnavailableError, FftscapeError
from fftscape.model.mapped import place_of

distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")

ARRAYS = ("loadings", "factors", "labels", "residual", "abruptness")


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
        ) as local,
        distributed.Client(local, set_as_default=False) as connected_client,
    ):
        yield connected_client


@pytest.fixture
def mortal():
    """A client of a cluster of its own, whose workers may be killed."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
        ) as local,
        distributed.Client(local, set_as_default=False) as own,
    ):
        yield own


@pytest.fixture(scope="module")
def scene():
    return fs.synthetic.SCENE_KINDS["crystal grains"](3).image


@pytest.fixture(scope="module")
def here(scene):
    return fs.analyze(scene, window=64, step=24)


def same(one, other):
    assert [name for name in ARRAYS if getattr(one, name).tobytes() != getattr(other, name).tobytes()] == []
    assert one.scree.explained_variance.tobytes() == other.scree.explained_variance.tobytes()
    assert one.reconstruction_error == other.reconstruction_error
    assert one.notes == other.notes


@pytest.fixture
def results(monkeypatch):
    """The results that came from a cluster; what `results.then` has for a number is called after so many."""
    return Results(monkeypatch)


class Results(list):
    """Counts results as they come."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.then = {}
        original = Cluster.ordered

        def noting(cluster, function, pieces):
            for result in original(cluster, function, pieces):
                self.append(result)
                self.then.pop(len(self), lambda: None)()
                yield result

        monkeypatch.setattr(Cluster, "ordered", noting)


def test_a_cluster_gives_the_same_bytes(client, scene, here, results):
    same(fs.analyze(scene, window=64, step=24, scheduler=client), here)
    assert results


def test_an_address_is_as_good_as_a_client(client, scene, results):
    part = scene.data[:200, :250]
    same(fs.analyze(part, window=32, step=12, scheduler=client.scheduler.address), fs.analyze(part, window=32, step=12))
    assert results


@pytest.mark.parametrize("moment", [1, pytest.param(20, marks=pytest.mark.long)])
def test_a_worker_lost_in_the_middle_costs_only_time(mortal, scene, here, results, moment):
    victim = next(iter(mortal.run(os.getpid).values()))
    results.then[moment] = lambda: os.kill(victim, signal.SIGKILL)
    same(fs.analyze(scene, window=64, step=24, scheduler=mortal), here)
    assert len(results) > moment + 10
    assert victim not in mortal.run(os.getpid).values()


def slow_square(number: int) -> int:
    time.sleep(0.05)
    return number * number


def test_pieces_of_a_lost_worker_are_done_again(mortal):
    victim = next(iter(mortal.run(os.getpid).values()))
    done = []
    for result in Cluster(mortal).ordered(slow_square, range(40)):
        done.append(result)
        if len(done) == 5:
            os.kill(victim, signal.SIGKILL)
    assert done == [number * number for number in range(40)]


def test_arrays_of_a_lost_worker_are_sent_again(mortal):
    held = np.arange(100_000.0)

    def function(row: int) -> float:
        time.sleep(0.05)
        return float(held[row])

    cluster = Cluster(mortal)
    assert list(cluster.ordered(function, range(2))) == [0, 1]
    (key,) = {key for holders in mortal.has_what().values() for key in holders if "itself" in key}
    # All that hold the array die: nobody but the scheduler knows it then.
    pids = mortal.run(os.getpid)
    for address in mortal.who_has()[key]:
        os.kill(pids[address], signal.SIGKILL)
    assert list(cluster.ordered(function, range(30))) == list(range(30))


WAYS = {
    "ordered": lambda cluster, count: cluster.ordered(slow_square, range(count)),
    "completed": lambda cluster, count: cluster.completed(slow_square, [(number,) for number in range(count)]),
}


@pytest.mark.parametrize("way", [pytest.param(way, marks=() if way == "ordered" else pytest.mark.long) for way in WAYS])
def test_a_scheduler_that_is_lost_is_said(mortal, way):
    cluster = Cluster(mortal)
    results = WAYS[way](cluster, 40)
    next(results)
    mortal.cluster.close()
    with pytest.raises(FftscapeError, match=r"the Dask scheduler tcp://127.0.0.1:\d+ was lost"):
        list(results)
    # Also by what has not been sent yet.
    with pytest.raises(FftscapeError, match=r"the Dask scheduler tcp://127.0.0.1:\d+ was lost"):
        list(WAYS[way](cluster, 2))
    assert cluster.n_workers == 0


@pytest.mark.parametrize("way", [pytest.param(way, marks=() if way == "ordered" else pytest.mark.long) for way in WAYS])
def test_results_that_nobody_can_compute_again_are_not_waited_for(mortal, way, monkeypatch):
    monkeypatch.setattr(cluster_module, "_PATIENCE", 0.2)
    results = WAYS[way](Cluster(mortal), 12)
    next(results)
    time.sleep(1.5)  # all are done, but still with the workers
    mortal.cluster.scale(0)
    while mortal.scheduler_info()["workers"]:
        time.sleep(0.05)
    with pytest.raises(FftscapeError, match="no worker left"):
        list(results)


def test_a_cluster_without_workers_is_said(monkeypatch):
    monkeypatch.setattr(cluster_module, "_PATIENCE", 0.2)
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None, silence_logs=50) as local,
        distributed.Client(local, set_as_default=False) as own,
    ):
        with pytest.raises(FftscapeError, match="no worker left"):
            list(Cluster(own).completed(slow_square, [(1,)]))
        with pytest.raises(FftscapeError, match="no worker left"):
            list(Cluster(own).ordered(slow_square, [1]))


def test_large_arrays_travel_once_and_mapped_ones_as_a_place(client, tmp_path):
    held = np.arange(100_000.0)
    np.save(tmp_path / "mapped.npy", np.arange(70_000.0).reshape(700, 100))
    mapped = np.load(tmp_path / "mapped.npy", mmap_mode="r")

    def function(row: int) -> float:
        return float(mapped[row].sum() + held[row])

    payload, arrays = packed(function)
    assert [array is held for array in arrays] == [True]
    assert len(payload) < 10_000
    place = place_of(mapped[3:])
    assert place is not None
    assert (place.opened() == mapped[3:]).all()
    assert place_of(mapped[:, 1:]) is None  # not one run of bytes
    cluster = Cluster(client)
    for _ in range(2):
        with elsewhere(cluster):
            assert list(spread(function, range(5))) == [function(row) for row in range(5)]
    assert len(cluster._sent) == 1


def test_what_goes_wrong_there_goes_wrong_here(client):
    with pytest.raises(ZeroDivisionError):
        list(Cluster(client).ordered(lambda piece: 1 // piece, [1, 0, 2]))


def test_no_scheduler_is_one_sentence(monkeypatch):
    monkeypatch.setattr(cluster_module, "_PATIENCE", 1)
    with pytest.raises(FftscapeError, match=r"no Dask scheduler answers at 'tcp://127.0.0.1:9' .*; check the address"):
        fs.analyze(np.eye(80), window=32, step=8, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(FftscapeError, match="check the address"), connected("nonsense://nowhere", 2**30):
        pass


def default_place() -> tuple[object, object]:
    """Where Dask computes what this process asks of it, outside fftscape."""
    import dask

    try:
        return distributed.default_client(), dask.config.get("scheduler", None)
    except ValueError:
        return None, dask.config.get("scheduler", None)


def test_other_use_of_dask_in_this_process_stays_where_it_was(monkeypatch):
    monkeypatch.setattr(cluster_module, "_PATIENCE", 1)
    before = default_place()
    with connected("local", 2**30, 1):
        assert default_place() == before
    # A client that could not connect would wait for its scheduler for ever with whatever is computed next.
    with pytest.raises(FftscapeError), connected("nonsense://nowhere", 2**30):
        pass
    assert default_place() == before


def other_version() -> str:
    return "0.0.0"


def test_workers_of_another_version_are_refused(client, monkeypatch):
    monkeypatch.setattr(cluster_module, "_version", other_version)
    with pytest.raises(BackendUnavailableError, match=r"the Dask worker tcp://.* has fftscape 0\.0\.0, not"):
        fs.analyze(np.eye(80), window=32, step=8, scheduler=client)


def answer(number: int, *, on_stage) -> int:
    on_stage("thinking")
    if number == 1:
        raise MemoryError
    if number == 2:
        os._exit(1)
    return number


def test_a_fleet_returns_values_and_says_what_was_lost(client):
    heard = []
    errands = [Errand(Path("x"), (number,)) for number in (0, 1, 3)]
    found = dict(Fleet(Cluster(client)).map(answer, errands, on_stage=lambda *words: heard.append(words)))
    assert (found[0], found[2]) == (0, 3)
    assert isinstance(found[1], Lost)
    assert "more memory" in found[1].reason
    assert heard == [(number, "sent to the cluster") for number in range(3)]


def told_memory(*, on_stage) -> int:
    return allowed_memory()


@pytest.mark.parametrize(("memory", "count", "share"), [(900 * MIB, 2, 450 * MIB), (1, 1, LEAST_SHARE)])
def test_there_are_no_more_local_workers_than_memory_is_enough_for(memory, count, share):
    with connected("local", memory, 3) as local:
        assert local.n_workers == count
        found = dict(Fleet(local).map(told_memory, [Errand(Path("x"), ())], on_stage=lambda *words: None))
    assert found == {0: share}


def test_an_analysis_in_a_worker_takes_what_the_worker_may_have(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")  # as another cluster leaves it
    with connected("local", 3 * 2**30, 2) as local:
        found = dict(Fleet(local).map(told_memory, [Errand(Path("x"), ())], on_stage=lambda *words: None))
        kept = list(local.ordered(os.getenv, ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"]))
    assert found == {0: 3 * 2**29}
    # Dask's own 65536 doubles the time of a pass.
    assert kept == [str(2**26), str(2**25)]
    assert "MALLOC_MMAP_THRESHOLD_" not in os.environ


def test_what_kills_its_workers_is_named(mortal):
    mortal.cluster.scheduler.allowed_failures = 0
    found = dict(Fleet(Cluster(mortal)).map(answer, [Errand(Path("x"), (2,))], on_stage=lambda *words: None))
    assert isinstance(found[0], Lost)
    assert "died" in found[0].reason


@pytest.mark.parametrize("count", [1, 3])
def test_a_batch_on_a_cluster_publishes_the_same_files(client, scene, tmp_path, batch_files, count):
    for number in range(count):
        np.save(tmp_path / f"image{number}.npy", scene.data[number * 10 : 260, :330])
    inputs = [str(path) for path in sorted(tmp_path.glob("*.npy"))]
    assert batch_files(inputs, tmp_path / "here") == batch_files(
        inputs, tmp_path / "there", scheduler=client.scheduler.address
    )


@pytest.fixture
def batch_files():
    from fftscape.batch.progress import Reporter
    from fftscape.batch.resources import Resources
    from fftscape.batch.run import run
    from fftscape.batch.tasks import Request
    from fftscape.model.settings import Settings, merged

    request = Request(merged(Settings(), {"windows": {"size": 64, "step": 24}}), report=False)

    def files(inputs, output, scheduler=None):
        outcomes = run(
            inputs, output, request=request, resources=Resources.given(2), reporter=Reporter(), scheduler=scheduler
        )
        assert [outcome.status for outcome in outcomes] == ["done"] * len(inputs)
        kept = sorted(path for path in output.rglob("*") if path.is_file() and path.name != "summary.csv")
        return {str(path.relative_to(output)): path.read_bytes() for path in kept}

    return files


def test_local_workers_read_large_arrays_where_they_lie(monkeypatch):
    monkeypatch.setattr(parcels, "_LARGE", 1000)
    monkeypatch.setattr(parcels, "_VERY_LARGE", 100_000)
    large, small = np.arange(40_000.0).reshape(200, 200).T, np.arange(300.0)
    with connected("local", 2**31, 2) as local, elsewhere(local):
        for _ in range(2):
            found = list(spread(lambda i: (large[i, 7], small[i], kind_of(large), kind_of(small)), range(50)))
            assert found == [(1400.0 + i, float(i), "memmap", "ndarray") for i in range(50)]
        (path,) = local._shelf._folder.iterdir()  # written once
    assert not path.parent.exists()


def kind_of(array):
    return type(array).__name__


def test_an_array_without_room_for_a_file_is_sent(tmp_path):
    shelf = Shelf(tmp_path / "nowhere")
    assert shelf.place_of(np.arange(3.0)) is None
    large = np.zeros(1 << 22)
    _, arrays = packed(lambda: large, shelf)
    assert [array is large for array in arrays] == [True]


@pytest.mark.parametrize("count", [0, 1, 15, 33, 100])
def test_pieces_come_in_order_however_they_are_grouped(client, count):
    assert list(Cluster(client).ordered(lambda i: i * i, iter(range(count)))) == [i * i for i in range(count)]


def test_workers_load_what_they_will_need_before_there_is_work(mortal):
    names = "fftscape.pipeline", "fftscape.survey", "fftscape.stages.factorization"
    assert not any(mortal.run(loaded, names).values())
    with engaged(mortal, 2**30, loading=names[0]):
        for _ in range(100):
            if all(mortal.run(loaded, names).values()):
                break
            time.sleep(0.1)
        assert list(mortal.run(loaded, names).values()) == [True, True]


def loaded(names):
    return all(name in sys.modules for name in names)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this system does not tell who listens where")
def test_the_local_cluster_listens_on_the_loopback_address_only():
    before = listening()
    with connected("local", 2**32, 1) as local:
        assert local.n_workers == 1
        new = listening() - before
    assert len(new) >= 3  # the scheduler, its worker and the worker's nanny
    assert {address.rpartition(":")[0] for address in new} == {"0100007F"}


def listening() -> set[str]:
    """Local addresses in hexadecimal digits, as Linux writes them, on which any process of this machine listens."""
    lines = [
        line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]
    ]
    return {line[1] for line in lines if line[3] == "0A"}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl, which makes the certificate, is not there")
def test_tls_addresses_work(scene, here, tmp_path, results):
    import dask

    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
            "-keyout", key, "-out", certificate,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    ends = {f"{end}.{part}": str(path) for end in ("scheduler", "worker", "client") for part, path in
            (("cert", certificate), ("key", key))}  # fmt: skip
    names = {f"distributed.comm.tls.{name}": value for name, value in ends.items()}
    names |= {"distributed.comm.tls.ca-file": str(certificate), "distributed.comm.require-encryption": True}
    with (
        dask.config.set(names),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, host="tls://127.0.0.1", dashboard_address=None, silence_logs=50,
            security=distributed.Security(), protocol="tls",
        ) as local,
    ):  # fmt: skip
        assert local.scheduler_address.startswith("tls://")
        same(fs.analyze(scene, window=64, step=24, scheduler=local.scheduler_address), here)
        assert results
