"""Optimizers against each other on eight tasks, every one with the same grid of rates and schedules.

    python scripts/bench/bench_optimizers.py --data-root data               # everything
    python scripts/bench/bench_optimizers.py --tasks siren mlp --steps 300  # parts
    python scripts/bench/bench_optimizers.py --seconds                      # the seconds of all lines anew
    python scripts/bench/bench_optimizers.py --table                        # the table of what was measured

Eight rates (1e-4 to .3) times two schedules (constant; warm-up and cosine) are tried on picking seeds, and the best is
judged on others. Writes a line of JSON for each task and optimizer to --out; what is there already isn't run again.
DATA_ROOT/mnist and DATA_ROOT/cifar10 hold images; without them the digits of scikit-learn stand in, enlarged, and the
lines say so. Seconds are the processor's, of one net in PyTorch's own optimizers (and ours), a step with its gradient.
"""

import argparse
import copy
import functools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from weightspace.cli import one_line_errors
from weightspace.machine.data_root import using_data_root
from weightspace.optimizers import LearnedOptimizer, LearnedRule, NewtonSchulz
from weightspace.tasks.optimization import contestants
from weightspace.tasks.optimization.contestants import AdamW, Learned, Momentum, Muon, ScheduleFree
from weightspace.tasks.optimization.innertask import InnerTask
from weightspace.tasks.optimization.race import RaceConfig, Start, compete, geometric_mean, steps_to
from weightspace.tasks.optimization.racetasks import RACES

REFERENCE = "AdamW"


@dataclass(frozen=True)
class Row:
    """An optimizer of the table: stacked for the race, and as it is used, for seconds and memory."""

    start: Start
    single: Callable[[nn.Module], Iterable[torch.optim.Optimizer]]
    default: float


def muon(net: nn.Module) -> list[torch.optim.Optimizer]:
    """PyTorch's Muon for matrices and AdamW for the rest; it takes matrices alone, so convolutions go to AdamW here."""
    own = [p for p in net.parameters() if p.ndim == 2][:-1]
    rest = [p for p in net.parameters() if all(p is not q for q in own)]
    first = [torch.optim.Muon(own, adjust_lr_fn="match_rms_adamw")] if own else []
    return [*first, torch.optim.AdamW(rest)]


def schedule_free(net: nn.Module) -> list[torch.optim.Optimizer]:
    """The package schedulefree."""
    import schedulefree

    optimizer = schedulefree.AdamWScheduleFree(net.parameters())
    optimizer.train()
    return [optimizer]


def rows(rule: LearnedRule) -> dict[str, Row]:
    """Every optimizer by name."""
    ours = functools.partial(Learned, rule=rule)
    return {
        REFERENCE: Row(AdamW, lambda net: [torch.optim.AdamW(net.parameters())], 1e-3),
        "SGD, momentum .9": Row(Momentum, lambda net: [torch.optim.SGD(net.parameters(), momentum=0.9)], 1e-3),
        "schedule-free AdamW": Row(ScheduleFree, schedule_free, 2.5e-3),
        "Muon": Row(Muon, muon, 1e-3),
        "Newton-Schulz without the perceptron": Row(
            contestants.NewtonSchulz, lambda net: [NewtonSchulz(net.parameters())], 1e-3
        ),
        "ours": Row(ours, lambda net: [LearnedOptimizer(net.parameters(), rule)], 1e-3),
        "ours, orthogonal": Row(
            functools.partial(ours, orthogonalize=True),
            lambda net: [LearnedOptimizer(net.parameters(), rule, orthogonalize=True)],
            1e-3,
        ),
    }


def seconds_and_state(task: InnerTask, row: Row, steps: int = 30) -> tuple[float, float]:
    """Median seconds of a step of one net, and numbers that the optimizer keeps for each weight."""
    net, generator = copy.deepcopy(task.net), torch.Generator().manual_seed(0)
    optimizers, taken = list(row.single(net)), []
    for _ in range(steps):
        examples = task.examples(1, generator)[0]
        began = time.process_time()
        out, targets = net(task.inputs[examples]), task.targets[examples]
        loss = (
            functional.mse_loss(out, targets)
            if targets.is_floating_point()
            else functional.cross_entropy(out.flatten(0, -2), targets.flatten())
        )
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        taken.append(time.process_time() - began)
    kept = sum(
        value.numel()
        for optimizer in optimizers
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    )
    return statistics.median(taken[5:]), kept / sum(p.numel() for p in net.parameters())


def measure(task: InnerTask, name: str, row: Row, config: RaceConfig) -> dict[str, Any]:
    """One line of the result file."""
    began = time.perf_counter()
    outcome = compete(task, row.start, config, row.default)
    seconds, state = seconds_and_state(task, row)
    return {
        "task": task.name, "weights": task.layout.numel, "optimizer": name, "steps": config.steps,
        "every": config.every, "seeds": config.seeds, "rate": outcome.setting.rate,
        "schedule": outcome.setting.schedule, "final": outcome.final,
        "final_std": float(outcome.curve[:, -1].std()), "default_final": float(outcome.default[:, -1].mean()),
        "usable_rates": outcome.usable_rates, "finals": outcome.finals, "seconds_a_step": seconds,
        "state_a_weight": state, "curve": outcome.curve.mean(0).tolist(), "wall": time.perf_counter() - began,
    }  # fmt: skip


def ratio(line: dict[str, Any], reference: dict[str, Any]) -> float:
    """`weightspace.tasks.optimization.race.speedup`, of lines of the file."""
    curves = [torch.tensor([each["curve"]]) for each in (line, reference)]
    there = steps_to(curves[0], reference["final"], line["every"])
    if there < math.inf:
        return line["steps"] / there
    return steps_to(curves[1], line["final"], line["every"]) / line["steps"]


def table(lines: list[dict[str, Any]]) -> str:
    """Steps of AdamW over steps of each optimizer to AdamW's final loss, a column a task; seconds in the same way."""
    tasks, names = (
        list(dict.fromkeys(line["task"] for line in lines)),
        list(dict.fromkeys(line["optimizer"] for line in lines)),
    )
    held = {(line["task"], line["optimizer"]): line for line in lines}
    tasks = [task for task in tasks if (task, REFERENCE) in held]
    head = ["fewer steps than AdamW", *tasks, "geometric mean", "usable rates of 8", "kept a weight"]
    out = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    slower = ["", "| fewer seconds than AdamW | " + " | ".join(tasks) + " | geometric mean |"]
    slower.append("|" + "---|" * (len(tasks) + 2))
    for name in names:
        own = [held.get((task, name)) for task in tasks]
        if not all(own):
            continue
        lines_of = [line for line in own if line]
        steps = [ratio(line, held[task, REFERENCE]) for task, line in zip(tasks, lines_of, strict=True)]
        seconds = [
            value * held[task, REFERENCE]["seconds_a_step"] / line["seconds_a_step"]
            for value, task, line in zip(steps, tasks, lines_of, strict=True)
        ]
        cells = [f"{value:.2f}" for value in (*steps, geometric_mean(steps))]
        usable = statistics.mean(line["usable_rates"] for line in lines_of)
        kept = statistics.mean(line["state_a_weight"] for line in lines_of)
        out.append(f"| {name} | {' | '.join(cells)} | {usable:.1f} | {kept:.1f} |")
        cells = [f"{value:.2f}" for value in (*seconds, geometric_mean(seconds))]
        slower.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(out + slower)


def timed_again(lines: list[dict[str, Any]], known: dict[str, Row]) -> list[dict[str, Any]]:
    """The lines with seconds of a step measured now, a task's optimizers after each other, the better of two rounds."""
    kinds = {task.name: task for task in (make() for make in RACES.values())}
    found = []
    for line in lines:
        task, row = kinds[line["task"]], known[line["optimizer"]]
        seconds = min(seconds_and_state(task, row, 200)[0] for _ in range(2))
        print(f"{line['task']:20s}{line['optimizer']:38s}{seconds * 1e3:.2f} ms a step", flush=True)
        found.append({**line, "seconds_a_step": seconds})
    return found


def main() -> None:
    """The races that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="*", default=list(RACES), choices=list(RACES), metavar="TASK")
    parser.add_argument("--optimizers", nargs="*", metavar="NAME", help="some of the rows, by name")
    parser.add_argument("--steps", type=int, default=300, help="of a training")
    parser.add_argument("--rule", default="learned-optimizer", help="name or folder of the learned rule")
    parser.add_argument("--data-root", help="a folder with mnist and cifar10")
    parser.add_argument("--out", default="scripts/bench/results/optimizers.jsonl", help="the result file")
    parser.add_argument("--seconds", action="store_true", help="measure the seconds of all lines again, nothing else")
    parser.add_argument("--table", action="store_true", help="print the table of the result file and do nothing else")
    arguments = parser.parse_args()
    path = Path(arguments.out)
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    torch.set_num_threads(1)
    known = rows(LearnedRule.from_pretrained(arguments.rule))
    if arguments.seconds:
        with using_data_root(arguments.data_root):
            lines = timed_again(lines, known)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    elif not arguments.table:
        config, done = RaceConfig(steps=arguments.steps), {(line["task"], line["optimizer"]) for line in lines}
        with using_data_root(arguments.data_root):
            for kind in arguments.tasks:
                task = RACES[kind]()
                for name in arguments.optimizers or known:
                    if (task.name, name) in done:
                        continue
                    lines.append(measure(task, name, known[name], config))
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("a") as file:
                        file.write(json.dumps(lines[-1]) + "\n")
                    print(f"{task.name:20s}{name:38s}{lines[-1]['final']:.4g}  {lines[-1]['wall']:.0f} s", flush=True)
    print(table(lines))


if __name__ == "__main__":
    one_line_errors(__file__)
    main()
