"""Jobs one after another, or in processes of their own, some at a time."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

Job = TypeVar("Job")
Found = TypeVar("Found")


def side_by_side(
    work: Callable[[Job], Found],
    jobs: Sequence[Job],
    workers: int,
    threads: int,
    say: Callable[[str], None] = lambda message: None,
) -> Iterator[Found]:
    """What `work` makes of each job, in the order in which they end.

    Args:
        work: a function that processes can import, or a `functools.partial` of one. jobs: named by ``str``.
        workers: processes; with one, all runs in this process. threads: of each of several.
        say: is told of each job: of several workers when it ends, of one when it begins.

    Raises:
        RuntimeError: a job failed; the others are run first.
    """
    failed: list[str] = []
    runs = _here(work, jobs, say) if workers == 1 else _in_processes(work, jobs, workers, threads)
    for number, (job, run) in enumerate(runs, 1):
        try:
            found = run()
        except Exception as error:
            say(f"{number}/{len(jobs)} {job} failed: {error}")
            failed.append(f"{job}: {error}")
            continue
        if workers > 1:
            say(f"{number}/{len(jobs)} {job}")
        yield found
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(jobs)} runs failed:\n" + "\n".join(failed))


def _here(work: Callable, jobs: Sequence, say: Callable[[str], None]) -> Iterator[tuple]:
    for number, job in enumerate(jobs, 1):
        say(f"{number}/{len(jobs)} {job}")
        yield job, partial(work, job)


def _in_processes(work: Callable, jobs: Sequence, workers: int, threads: int) -> Iterator[tuple]:
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        with _environment(OMP_NUM_THREADS=str(threads)):  # read when a worker starts, which submitting does
            waiting = {pool.submit(work, job): job for job in jobs}
        for future in as_completed(waiting):
            yield waiting[future], future.result


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Environment variables that processes started inside the block have, and this one only meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
