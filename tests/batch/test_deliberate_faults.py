"""Faults put into a copy on purpose: for each there is a test that notices it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

# Far more than the tests of one fault take, on a machine that has much else to do.
SECONDS = 1800
ROOT = Path(__file__).resolve().parents[2]
PUBLISHING, RESUMING = "tests/files/test_write_result_folder.py", "tests/batch/test_resume.py"

pytestmark = pytest.mark.long

# What is done wrong: in which file, what is put in place of what, and where the test is that must notice.
FAULTS = {
    "a file is not synced": (
        "files/result_folder.py", "        [path for path in files if not os.path.islink(path)],\n", "", PUBLISHING,
    ),
    "a folder is not synced": (
        "files/result_folder.py", "        *(by_depth[depth] for depth in sorted(by_depth)[::-1]),\n", "", PUBLISHING,
    ),
    "the name is not synced": (
        "files/result_folder.py", "    _sync_one(target.parent)\n", "", PUBLISHING,
    ),
    "published before the manifest": (
        "files/result_folder.py",
        "                (staging / MANIFEST).write_bytes(_sealed(document))\n"
        "                _keep_own_files(target, staging)\n"
        "                _sync(staging)\n"
        "                _put(staging, target)\n",
        "                _keep_own_files(target, staging)\n"
        "                _sync(staging)\n"
        "                _put(staging, target)\n"
        "                (target / MANIFEST).write_bytes(_sealed(document))\n",
        PUBLISHING,
    ),
    "written in its own place": (
        "files/result_folder.py",
        "    if target.exists() and not _exchanged(staging, target):\n",
        "    if target.exists():\n        shutil.rmtree(target)\n    if False:\n",
        PUBLISHING,
    ),
    "resume by existence": (
        "batch/work.py", "    def _is_finished(self, mark: str) -> bool:\n",
        "    def _is_finished(self, mark: str) -> bool:\n        return self.folder.exists()\n", RESUMING,
    ),
    "resume by time": (
        "batch/tasks.py", '"content": sha256_of(self.path)', '"content": self.path.stat().st_mtime_ns', RESUMING,
    ),
    "settings are not looked at": (
        "batch/tasks.py", '            "settings": request.settings,\n', "", RESUMING,
    ),
    "the hash is skipped": (
        "files/result_folder.py",
        'return None if _sha256(path) == entry["sha256"] else f"{name} has changed"', "return None", RESUMING,
    ),
    "the folder is not locked": (
        "batch/lock.py", "            fcntl.flock(handle, (fcntl.LOCK_SH", "            print((fcntl.LOCK_SH",
        "tests/batch/test_lock.py",
    ),
    "libraries choose their threads": (
        "batch/crew.py", 'os.environ.update(dict.fromkeys(ONE_THREAD, "1"))', "pass",
        "tests/batch/test_crew.py::test_threads_never_exceed_the_jobs",
    ),
    "a lost worker's image is forgotten": (
        "batch/crew.py",
        "                    yield worker, self._lost(worker)\n            elif worker.process.sentinel",
        "                    raise\n            elif worker.process.sentinel", "tests/batch/test_crew.py",
    ),
    "reading has no deadline": (
        "batch/crew.py", "until if stage == READING else", "until + 600 if stage == READING else",
        "tests/batch/test_crew.py::test_reading_must_come_to_an_end[sleep]",
    ),
    "memory is not given anew": (
        "batch/crew.py", "isinstance(value, Exhausted) and most > 1", "False",
        "tests/batch/test_crew.py::test_what_is_too_large_for_a_share_is_done_alone_in_the_end",
    ),
    "a worker that read something bad goes on": (
        "batch/crew.py", "(worker.stage == READING or isinstance(message, Exhausted))", "False",
        "tests/batch/test_crew.py::test_a_worker_whose_reading_failed_is_replaced",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_noticed(tmp_path: Path, fault: str, record_property: Callable[[str, object], None]) -> None:
    file, right, wrong, tests = FAULTS[fault]
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "src" / "fftscape" / file
    assert path.read_text("utf-8").count(right) == 1
    path.write_text(path.read_text("utf-8").replace(right, wrong), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout", "0", tests]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        out, _ = process.communicate(timeout=SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == 1, out  # 1: a test failed; not that none was found
    record_property("noticed by", ", ".join(re.findall(r"^FAILED (.+?)(?: - |$)", out, re.MULTILINE)))
