"""Where comparisons keep their zoos, results and runs, and what computes them."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from weightspace.zoo import Recipe, Zoo, build_zoo


@dataclass(frozen=True)
class Workspace:
    """Where things lie and what computes."""

    zoos: str = "runs/zoos"
    """Folder of zoos, each under its recipe's name; one that isn't there is built."""
    results: str = "zoo/results"
    """Folder of result files."""
    runs: str = "runs/protocols"
    """Folder of logs and trained metanets."""
    device: str = "cpu"
    """What trains: cpu, cuda, or cuda:1 and so on."""
    threads: int = 0
    """Threads of one run; 0 leaves them as they are."""

    @property
    def device_name(self) -> str:
        """What computes, as a person would say it."""
        if self.device.startswith("cuda"):
            return torch.cuda.get_device_name(self.device)
        try:
            text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
            names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
        except OSError:
            names = []
        return f"{os.cpu_count()} CPU cores" + (f", {names[0]}" if names else "")


BUILT_SINCE = {"digits-park": "sums over channels in whole blocks", "resnet-tiny": "sums over channels in whole blocks"}
"""Recipe -> what its builder does since zoos of it were first made, where that changes nets of the same recipe."""


@dataclass(frozen=True)
class ZooSource:
    """A zoo by its recipe, a name of the gallery or a TOML file, and how many of its nets (all if None)."""

    recipe: str
    nets: int | None = None

    def recipes(self) -> dict[str, str]:
        """Name of the recipe -> its hash and the number of nets, as results keep it; needs no zoo."""
        recipe = Recipe.load(self.recipe)
        since = BUILT_SINCE.get(recipe.name, "")
        return {recipe.name: f"{recipe.hash}, {self.nets or recipe.nets} nets{since and f', {since}'}"}

    def open(self, workspace: Workspace) -> Zoo:
        """The zoo, built if it isn't in the workspace."""
        recipe = Recipe.load(self.recipe)
        part = self.nets if self.nets and self.nets != recipe.nets else None
        folders = [Path(workspace.zoos) / f"{recipe.name}-{part}", Path(workspace.zoos) / recipe.name]
        for folder in folders:
            if (folder / "manifest.json").exists():
                zoo = Zoo(folder)
                if zoo.recipe.hash == recipe.hash and zoo.manifest["nets"] == (part or recipe.nets):
                    return zoo
        return build_zoo(recipe, folders[0] if part else folders[1], nets=part)
