"""Trains an update rule on many small trainings at once, and writes it as a folder that `LearnedOptimizer` loads.

    python scripts/meta_train.py runs/rule                       # search, then two hours of evolution on one core
    python scripts/meta_train.py runs/rule --changes 0           # the search of a linear rule alone
    python scripts/meta_train.py runs/rule --first imitation --changes 0    # imitation of Adam alone: a minute
    python scripts/meta_train.py runs/rule --tasks digits-mlp    # on one task

Called again with the same folder it goes on from the last checkpoint.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm

from weightspace.cli import one_line_errors
from weightspace.suggest import suggestion
from weightspace.tasks.optimization.evolution import EvolutionConfig
from weightspace.tasks.optimization.imitation import ImitationConfig
from weightspace.tasks.optimization.innertask import TASKS
from weightspace.tasks.optimization.linearsearch import SearchConfig
from weightspace.tasks.optimization.metatrain import MetaConfig, meta_train


@dataclass(frozen=True)
class Config:
    """What is trained, on what, and for how long."""

    out: Annotated[Path, tyro.conf.Positional]
    """The folder of the rule."""
    tasks: tuple[str, ...] = tuple(TASKS)
    """What it is trained on."""
    changes: int = 1000
    """Of the rule in the second stage, evolution; 0 leaves that stage out."""
    first: str = "search"
    """The first stage: search or imitation."""
    search: SearchConfig = field(default_factory=SearchConfig)
    """Of the best linear rule."""
    imitation: ImitationConfig = field(default_factory=ImitationConfig)
    """Of Adam."""
    evolution: EvolutionConfig = field(default_factory=EvolutionConfig)
    """The second stage."""


def main(config: Config) -> None:
    """Both stages, with a bar."""
    unknown = [name for name in config.tasks if name not in TASKS]
    if unknown:
        raise ValueError(f"Tasks must be among {', '.join(TASKS)}, got {unknown[0]}{suggestion(unknown[0], TASKS)}.")
    bars: dict[str, tqdm] = {}
    totals = {"search": config.search.rounds, "imitation": config.imitation.steps, "evolution": config.changes}
    names = {"search": "rank of the center", "imitation": "cosine with Adam"}
    began = time.perf_counter()

    def watch(stage: str, step: int, value: float) -> None:
        if stage not in bars:
            bars[stage] = tqdm(total=totals[stage], desc=stage, initial=step)
        name = names.get(stage, "loss over that of fresh nets")
        bars[stage].set_postfix_str(f"{name} {value:.4f}", refresh=False)
        bars[stage].update()

    meta = MetaConfig(config.first, config.search, config.imitation, config.evolution, config.changes)
    meta_train([TASKS[name]() for name in config.tasks], meta, config.out, watch=watch)
    for bar in bars.values():
        bar.close()
    tqdm.write(f"{config.out} has the rule, after {time.perf_counter() - began:.0f} s.")


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
