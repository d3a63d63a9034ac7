"""Jobs in processes of their own, some at a time."""

import os
from collections.abc import Callable, Iterator, Sequence
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
        workers: processes. threads: of each.
        say: is told of each job that ends.

    Raises:
        RuntimeError: a job failed; the others are run first.
    """
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when a worker starts
    failed: list[str] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(work, job): job for job in jobs}
        for number, future in enumerate(as_completed(waiting), 1):
            job, error = waiting[future], future.exception()
            say(f"{number}/{len(jobs)} {job}" + (f" failed: {error}" if error else ""))
            if error:
                failed.append(f"{job}: {error}")
            else:
                yield future.result()
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(jobs)} runs failed:\n" + "\n".join(failed))
