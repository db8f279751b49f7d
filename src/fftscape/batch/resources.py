"""What a run may take of the machine: options enter, bounds that are kept leave."""

from __future__ import annotations

from dataclasses import dataclass

from fftscape.compute.executors import usable_processors
from fftscape.compute.memory import LEAST_SHARE, MIB, as_bytes, in_words, usual_memory
from fftscape.model.errors import InvalidSettingError

# The processes that supervise: the run itself, the one that workers are forked from, and Python's own helper.
OVERHEAD = 256 * MIB
# What a worker takes before it has an image.
LIBRARIES = 128 * MIB
# Pages of libraries and files in a worker, which no limit on its own memory counts.
FILE_PAGES = 64 * MIB


@dataclass(frozen=True)
class Resources:
    """Bounds of a run.

    Parameters
    ----------
    jobs : int
        How many processors may compute at once.
    memory : int
        Bytes that all processes of the run may take together.
    """

    jobs: int
    memory: int

    @classmethod
    def given(cls, jobs: int | None = None, memory: str | None = None) -> Resources:
        """Return the bounds that the options ask for; the only place where their defaults are written.

        Parameters
        ----------
        jobs : int, optional
            From 1; left out: the processors that this process may use.
        memory : str, optional
            Such as '2GiB'; left out: three quarters of what this process may have.

        Raises
        ------
        InvalidSettingError
            If they allow nothing.

        Examples
        --------
        >>> Resources.given(2, "2 GiB")
        Resources(jobs=2, memory=2147483648)
        """
        bytes_ = usual_memory() if memory is None else as_bytes(memory, "--memory")
        least = OVERHEAD + LEAST_SHARE
        if memory is not None and bytes_ < least:
            raise InvalidSettingError(
                f"--memory must be at least {in_words(least)}, for one worker and its supervisor, not {memory!r}."
            )
        return cls(usable_processors() if jobs is None else jobs, max(bytes_, least))

    @property
    def most_workers(self) -> int:
        """How many workers may run at once, so that each has the memory it cannot do without."""
        return min(self.jobs, (self.memory - OVERHEAD) // LEAST_SHARE)

    def remark(self, n_images: int) -> str | None:
        """Say so where memory allows fewer workers than there are processors and images."""
        wanted = min(self.jobs, n_images)
        if wanted <= self.most_workers:
            return None
        return f"{in_words(self.memory)} of memory is enough for {self.most_workers} of {wanted} images at once."

    def limits(self, n_workers: int) -> Limits:
        """Return what each of `n_workers` may take, so that all together keep the bounds."""
        return Limits((self.memory - OVERHEAD) // n_workers, max(1, self.jobs // n_workers))


@dataclass(frozen=True)
class Limits:
    """What one worker may take: bytes of memory, and threads that compute."""

    memory: int
    threads: int
