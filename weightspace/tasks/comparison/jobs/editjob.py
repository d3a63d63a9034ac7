"""Jobs that edit implicit representations: every way of `EDIT_METHODS` and `PLAIN` on the zoo of a tier."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from weightspace.inr import Convention
from weightspace.inr.edits import EDITS, FIELD_EDITS, parse_edits
from weightspace.metanets import METANETS
from weightspace.tasks.comparison.jobs.editmethod import EDIT_METHODS, EDIT_TIERS, EditTier
from weightspace.tasks.comparison.jobs.job import Job
from weightspace.tasks.comparison.jobs.result import slug
from weightspace.tasks.comparison.jobs.workspace import Workspace, ZooSource
from weightspace.tasks.editing.editnets import EditNets
from weightspace.tasks.editing.fit import fit_editor
from weightspace.tasks.editing.measures import REFITS, measure_edit, measure_way, pictures, plain_ways
from weightspace.tasks.editing.wall import plot_wall

PLAIN = {
    "nothing": "nothing",
    "readout alone": "the edited render",
    **{f"refit, {steps} steps": "the edited render" for steps in REFITS},
}
"""Ways without a metanet, and what each sees."""


@dataclass(frozen=True)
class EditJob(Job):
    """One way of editing with one seed; ways of `PLAIN` have the seed 0.

    Args:
        signals: what the nets show, a key of `EDIT_TIERS`.
    """

    edit: str
    tier: str
    method: str
    seed: int
    signals: str = "grey"

    @property
    def protocol(self) -> str:
        return edit_protocol(self.edit, self.signals)

    @property
    def command(self) -> str:
        signals = f" --signals {self.signals}" * (self.signals != usual_signals(self.edit))
        return (
            f"python scripts/compare_editors.py --tier {self.tier} --edit {self.edit}{signals} "
            f"--methods {json.dumps(self.method)} --seeds {self.seed}"
        )

    @property
    def setup(self) -> EditTier:
        """The zoo, and how everything is trained on it."""
        return EDIT_TIERS[self.signals][self.tier]

    @property
    def source(self) -> ZooSource:
        return self.setup.zoo

    def settings(self) -> dict[str, Any]:
        tier = self.setup
        if self.method in PLAIN:
            return {"lr": tier.lr, "source": tier.source}
        method = EDIT_METHODS[self.method]
        return {
            "method": asdict(method), "training": asdict(tier.train(method, self.seed)), "source": tier.source
        }  # fmt: skip

    def run(self, workspace: Workspace, folder: Path, progress: bool) -> dict[str, Any]:
        parts = edit_parts(self.edit, self.setup, workspace)
        found = (
            self._plain(parts["test"]) if self.method in PLAIN else self._trained(parts, workspace, folder, progress)
        )
        return found | {"nets": {part: len(nets) for part, nets in parts.items()}}

    def _plain(self, nets: EditNets) -> dict[str, Any]:
        score = measure_way(plain_ways(nets, 0, self.setup.lr)[self.method], nets, 0)
        seconds = score["seconds"] * len(nets)
        return {"reads": PLAIN[self.method], "scores": {self.edit: score}, "seconds": seconds, "parameters": 0}

    def _trained(
        self, parts: Mapping[str, EditNets], workspace: Workspace, folder: Path, progress: bool
    ) -> dict[str, Any]:
        method = EDIT_METHODS[self.method]
        training, began = self.setup.train(method, self.seed), time.perf_counter()
        editor = fit_editor(
            METANETS[method.metanet], parts["train"], parts["val"], [self.edit], method.config, training, folder,
            progress=progress, device=workspace.device, **method.settings,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        editor.metanet.to("cpu").save_pretrained(folder / "metanet")
        title = f"{self.edit}, {self.method}: nets held out"
        plot_wall(folder / "wall.png", pictures(editor, parts["test"], 0), parts["test"].convention, title)
        return {
            "reads": editor.settings.reads,
            "scores": {self.edit: measure_edit(editor, parts["test"], 0)},
            "seconds": seconds,
            "parameters": sum(parameter.numel() for parameter in editor.metanet.parameters()),
        }


@lru_cache(maxsize=2)
def edit_parts(edit: str, tier: EditTier, workspace: Workspace) -> dict[str, EditNets]:
    """The nets of a tier in their parts, with their targets; the zoo is built if it isn't there."""
    zoo = tier.zoo.open(workspace)
    return {part: EditNets.from_zoo(zoo.split(part), [edit], tier.source) for part in ("train", "val", "test")}


def usual_signals(edit: str) -> str:
    """What an edit is tried on where nothing else is said: ``solids`` for edits of fields, ``grey`` for others."""
    return "solids" if any(each.field for each in parse_edits(edit)) else "grey"


def edit_protocol(edit: str, signals: str) -> str:
    """The name of a question of editing, as result files have it: ``edit-blur``, ``edit-colour-blur``."""
    return f"edit-{slug(edit)}" if signals == "grey" else f"edit-{signals}-{slug(edit)}"


def signals_of(protocol: str) -> str:
    """What the nets of a question show, from its name."""
    words = protocol.split("-")
    return words[1] if len(words) > 2 and words[1] in EDIT_TIERS else "grey"


def signals_shown(convention: Convention) -> str:
    """What nets of a convention show, a key of `EDIT_TIERS`."""
    if len(convention.shape) == 3:
        return "solids"
    return "grey" if convention.architecture.settings.get("out_features", 1) == 1 else "colour"


def edit_jobs(
    edit: str, tier: str, methods: Sequence[str] = (), seeds: Sequence[int] = (), signals: str = ""
) -> list[EditJob]:
    """The jobs of a tier, those without a metanet first, then seed by seed.

    Args:
        methods: some of `EDIT_METHODS` and `PLAIN`; all if empty. seeds: those of the tier if empty.
        signals: what the nets show, a key of `EDIT_TIERS`; `usual_signals` if empty.

    Raises:
        ValueError: an unknown edit, tier, method or kind of signals, or an edit that isn't for them; lists the known
            ones.
    """
    signals = signals or usual_signals(edit)
    if signals not in EDIT_TIERS:
        raise ValueError(f"signals must be one of {', '.join(EDIT_TIERS)}, got {signals!r}.")
    for each in parse_edits(edit):
        if each.field != (signals == "solids"):
            able = [name for name in EDITS if (name in FIELD_EDITS) == (signals == "solids")]
            raise ValueError(f"{each.name} isn't an edit of signals {signals!r}; those are {', '.join(able)}.")
    tiers = EDIT_TIERS[signals]
    if tier not in tiers:
        raise ValueError(f"tier must be one of {', '.join(tiers)}, got {tier!r}.")
    known = [*PLAIN, *EDIT_METHODS]
    if unknown := [name for name in methods if name not in known]:
        raise ValueError(f"methods must be among {', '.join(known)}; got {', '.join(unknown)}.")
    asked = [name for name in known if not methods or name in methods]
    plain = [EditJob(edit, tier, name, 0, signals) for name in asked if name in PLAIN]
    seeds = seeds or tiers[tier].seeds
    return plain + [EditJob(edit, tier, name, seed, signals) for seed in seeds for name in asked if name not in PLAIN]
