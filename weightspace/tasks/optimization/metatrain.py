"""Training an update rule: imitation of Adam, then evolution through whole trainings; goes on where it stopped."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from weightspace.optimizers.rule.learnedrule import LearnedRule, RuleConfig
from weightspace.tasks.optimization.evolution import EvolutionConfig, Trainings
from weightspace.tasks.optimization.imitation import ImitationConfig, imitate
from weightspace.tasks.optimization.innertask import InnerTask
from weightspace.tasks.optimization.linearsearch import SearchConfig, as_rule, search_linear

CHECKPOINT = "checkpoint.safetensors"
KEEP_EVERY = 20
"""Changes of the rule between two checkpoints."""


@dataclass(frozen=True)
class MetaConfig:
    """How a rule is trained.

    Args:
        first: the first stage, ``search`` or ``imitation``.
        search: of the best linear rule.
        imitation: of Adam.
        evolution: the second stage.
        changes: of the rule in the second stage; each costs ``truncation`` steps of all its trainings.
        rate: of the rule's own training there; it falls to 0 on a cosine.
        clip: the largest norm of an estimate of the gradient.
    """

    first: str = "search"
    search: SearchConfig = field(default_factory=SearchConfig)
    imitation: ImitationConfig = field(default_factory=ImitationConfig)
    evolution: EvolutionConfig = field(default_factory=EvolutionConfig)
    changes: int = 1000
    rate: float = 1e-3
    clip: float = 1.0

    def __post_init__(self) -> None:
        if self.first not in ("search", "imitation"):
            raise ValueError(f"first must be search or imitation, got {self.first!r}.")


Watch = Callable[[str, int, float], None]


def meta_train(
    tasks: Sequence[InnerTask],
    config: MetaConfig,
    out: str | Path,
    rule: RuleConfig | None = None,
    watch: Watch = lambda stage, step, value: None,
) -> LearnedRule:
    """Trains a rule on tasks; the folder ``out`` gets it, and a checkpoint from which the same call goes on.

    Going on, the trainings of the second stage begin anew, so a run that was stopped isn't bit for bit one that wasn't.

    Args:
        watch: called with the stage, the step, and the rank of the searched center, the cosine with Adam or the mean
            loss over that of fresh nets.

    Raises:
        ValueError: no tasks, or ``out`` holds the checkpoint of another rule.
    """
    if not tasks:
        raise ValueError("There must be one task at least, got none.")
    out, settings = Path(out), rule or RuleConfig(domain={"trained_on": [task.name for task in tasks]})
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.imitation.seed)
    model = LearnedRule(settings)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.rate)
    done = _load(out / CHECKPOINT, model, optimizer)
    if done < 0:
        _begin(model, tasks, config, watch)
        done = 0
        _keep(out / CHECKPOINT, model, optimizer, done)
    _evolve(model, optimizer, tasks, config, out, done, watch)
    model.eval().save_pretrained(out)
    return model


def _begin(model: LearnedRule, tasks: Sequence[InnerTask], config: MetaConfig, watch: Watch) -> None:
    """The first stage."""
    if config.first == "imitation":
        imitate(model, tasks, config.imitation, lambda step, value: watch("imitation", step, value))
        return
    found = search_linear(tasks, config.search, lambda step, value: watch("search", step, value))
    model.load_state_dict(as_rule(found, model.config).state_dict())


def _evolve(
    model: LearnedRule,
    optimizer: torch.optim.Optimizer,
    tasks: Sequence[InnerTask],
    config: MetaConfig,
    out: Path,
    done: int,
    watch: Watch,
) -> None:
    meta = sum(p.numel() for p in model.parameters())
    trainings = [Trainings(task, config.evolution, meta, 100 * done + i) for i, task in enumerate(tasks)]
    for step in range(done, config.changes):
        found, loss = trainings[step % len(tasks)].advance(model)
        found = found * min(1.0, config.clip / max(float(found.norm()), 1e-12))
        offset = 0
        for parameter in model.parameters():
            parameter.grad = found[offset : offset + parameter.numel()].view_as(parameter).clone()
            offset += parameter.numel()
        for group in optimizer.param_groups:
            group["lr"] = config.rate * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / config.changes)).item())
        optimizer.step()
        watch("evolution", step, loss)
        if (step + 1) % KEEP_EVERY == 0:
            _keep(out / CHECKPOINT, model, optimizer, step + 1)


def _keep(path: Path, model: LearnedRule, optimizer: torch.optim.Optimizer, done: int) -> None:
    tensors = {f"rule.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, kept in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in kept.items()}
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"done": str(done), "time": str(time.time())})
    partial.replace(path)


def _load(path: Path, model: LearnedRule, optimizer: torch.optim.Optimizer) -> int:
    """Fills model and optimizer; changes that were done, -1 if nothing was kept."""
    if not path.exists():
        return -1
    from safetensors import safe_open

    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        done = int((file.metadata() or {}).get("done", "0"))
    own = {name.removeprefix("rule."): t for name, t in tensors.items() if name.startswith("rule.")}
    if {n: t.shape for n, t in own.items()} != {n: t.shape for n, t in model.state_dict().items()}:
        raise ValueError(f"{path} is the checkpoint of another rule. Go on with that one, or take another folder.")
    model.load_state_dict(own)
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return done
