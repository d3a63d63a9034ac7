"""Searches the update rule that ships with the package, judges it on nets of other shapes, and writes its card.

    python scripts/pretrain_optimizer.py                   # twenty minutes of one core
    python scripts/pretrain_optimizer.py --out runs/rule   # elsewhere than in the package

The folder holds `config.json`, `model.safetensors` and `README.md`, the card. All is on the digits that come with
scikit-learn; races on other data are in ``scripts/bench/bench_optimizers.py``.
"""

import argparse
import shutil
from functools import partial
from pathlib import Path

import torch

from weightspace.cli import one_line_errors
from weightspace.hub.shipped import FOLDER
from weightspace.optimizers import LearnedRule
from weightspace.tasks.optimization.contestants import AdamW, Learned, NewtonSchulz
from weightspace.tasks.optimization.innertask import TASKS, InnerTask
from weightspace.tasks.optimization.metatrain import MetaConfig, meta_train
from weightspace.tasks.optimization.race import RaceConfig, Start, compete, geometric_mean, speedups
from weightspace.tasks.optimization.racetasks import RACES

NAME = "learned-optimizer"
META = MetaConfig(changes=0)
JUDGED = ("mlp", "cnn", "siren")
RACE = RaceConfig(steps=150)
ROW = "this rule, as it is on disk"

CARD = """---
license: apache-2.0
library_name: weightspace
tags: [weightspace, weight-space]
---
# {name}

An update rule (a network that steps the weights of other networks in training): it gives the direction of the next
step for every weight, and the rate and its schedule stay yours.

```python
from weightspace.optimizers import LearnedOptimizer

optimizer = LearnedOptimizer.from_pretrained("{name}", model.parameters(), lr=1e-3)
```

| times fewer steps than AdamW needs to its final loss, on held-out nets | {columns} | geometric mean |
|{rules}
{table}

- **Data.** Searched on {trained}.
  Judged on nets of other shapes, on the same digits enlarged: {steps} steps, {seeds} seeds, and for every row the best
  of 8 rates times constant and warm-up with cosine, picked on another seed. A value below 1 says that AdamW's loss
  wasn't reached: it is the share of its steps in which AdamW comes as far.
- **Model.** `LearnedRule`, {parameters:,} parameters, which compute a linear rule: {rounds} rounds of an evolution
  strategy over the coefficients of 14 of its 30 inputs, by whole trainings.
- **Made by** `python scripts/pretrain_optimizer.py`, seed {seed}, torch {torch}.
- **Limits.** It was found on nets of a few thousand weights and trainings of {shortest} to {longest} steps. A step
  takes longer than one of AdamW, which shows where the net is small and its gradient cheap.
- **Not for.** Long or costly trainings without a trial against a tuned AdamW beside it.
- **Licence** Apache-2.0. Cite weightspace (`CITATION.cff` of its repository).
"""


def race_steps(task: InnerTask, rule: LearnedRule) -> dict[str, float]:
    """Steps of AdamW over steps of others to AdamW's final loss, by row of the card."""
    entries: dict[str, Start] = {
        "AdamW": AdamW,
        ROW: partial(Learned, rule=rule),
        "the same, matrices made orthogonal": partial(Learned, rule=rule, orthogonalize=True),
        "Newton-Schulz without the rule": NewtonSchulz,
    }
    return speedups({row: compete(task, start, RACE, 1e-3) for row, start in entries.items()}, "AdamW", RACE.every)


def write_card(rule: LearnedRule, found: dict[str, dict[str, float]]) -> str:
    """The text of the card, from figures by task and row."""
    lines = []
    for row in next(iter(found.values())):
        values = [found[kind][row] for kind in found]
        lines.append(f"| {row} | " + " | ".join(f"{value:.2f}" for value in (*values, geometric_mean(values))) + " |")
    search = META.search
    return CARD.format(
        name=NAME, columns=" | ".join(found), rules="---|" * (len(found) + 2), table="\n".join(lines),
        trained=", ".join(f"`{name}`" for name in TASKS), steps=RACE.steps, seeds=RACE.seeds, rounds=search.rounds,
        parameters=sum(p.numel() for p in rule.parameters()), seed=search.seed, torch=torch.__version__,
        shortest=search.shortest, longest=search.longest,
    )  # fmt: skip


def main() -> None:
    """Search, folder and card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=str(FOLDER / NAME), help="gets the rule; the package's own folder by default")
    parser.add_argument("--work", default="runs/rule", help="the search's folder; what is there isn't searched again")
    arguments = parser.parse_args()
    out = Path(arguments.out)
    torch.set_num_threads(1)
    rule = meta_train([task() for task in TASKS.values()], META, arguments.work)
    shutil.rmtree(out, ignore_errors=True)
    rule.save_pretrained(out)
    kept = LearnedRule.from_pretrained(out)
    found = {}
    for kind in JUDGED:
        found[kind] = race_steps(RACES[kind](), kept)
        print(kind, {row: round(value, 2) for row, value in found[kind].items()}, flush=True)
    (out / "README.md").write_text(write_card(kept, found), encoding="utf-8")
    print(out / "README.md")


if __name__ == "__main__":
    one_line_errors(__file__)
    main()
