"""Every way of editing on the zoo of a tier, with all seeds: a result file each, and a table.

    python scripts/compare_editors.py --tier S
    python scripts/compare_editors.py --tier M --zoo runs/zoos/mnist-inr --methods "SpaceNet, weights" --seeds 0

What has its result file already isn't run again; stopped, the same command goes on. A zoo that isn't there is built.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import tyro

from weightspace.metanets import METANETS
from weightspace.tasks.edit_measures import measure_editor, measure_plain
from weightspace.tasks.edit_methods import EDIT_METHODS, EDIT_TIERS
from weightspace.tasks.edit_nets import EditNets
from weightspace.tasks.edit_train import fit_editor
from weightspace.tasks.result import Result, fingerprint_of, read_results, result_path
from weightspace.zoo import Recipe, Zoo, build_zoo


@dataclass(frozen=True)
class Config:
    """What is compared."""

    tier: str = "S"
    """See weightspace.tasks.edit_methods.EDIT_TIERS."""
    edit: str = "dilate"
    """One edit, or several in a row: a+b."""
    methods: tuple[str, ...] = tuple(EDIT_METHODS)
    """Names in weightspace.tasks.edit_methods.EDIT_METHODS."""
    seeds: tuple[int, ...] = ()
    """Those of the tier if empty."""
    zoo: str = ""
    """A folder; runs/zoos/NAME if empty."""
    out: str = "runs/edit"
    """Gets the metanets and the logs."""
    results: str = "scripts/results"
    """Gets a file for each method and seed."""
    steps: int = 0
    """Training steps; those of the tier if 0."""
    device: str = "cuda" if torch.cuda.is_available() else "cpu"


config = tyro.cli(Config, description=__doc__)
tier = EDIT_TIERS[config.tier]
protocol = f"edit-{config.edit}"
recipe = Recipe.load(tier.recipe)
folder = Path(config.zoo or f"runs/zoos/{tier.recipe}")
if not (folder / "manifest.json").exists():
    build_zoo(recipe if tier.nets is None else recipe.with_nets(tier.nets), folder)
zoo = Zoo(folder)
parts = {part: EditNets.from_zoo(zoo.split(part), [config.edit], tier.source) for part in ("train", "val", "test")}
common = {
    "protocol": protocol, "tier": config.tier, "recipes": {zoo.recipe.name: zoo.recipe.hash},
    "nets": {part: len(nets) for part, nets in parts.items()},
}  # fmt: skip

# What needs no training: doing nothing, solving for the last layer, and fitting each net on.
for method, score in measure_plain(parts["test"], 0, tier.lr).items():
    Result(
        method=method, reads="the edited render", seed=0, scores={config.edit: score}, config={}, parameters=0,
        seconds=score["seconds"] * len(parts["test"]), **common,
    ).save(config.results)  # fmt: skip

# The metanets.
for seed in config.seeds or tier.seeds:
    for name in config.methods:
        method = EDIT_METHODS[name]
        training = tier.train(method, seed)
        training = training if not config.steps else type(training)(**{**asdict(training), "steps": config.steps})
        settings = {"method": asdict(method), "training": asdict(training), "source": tier.source}
        mark = fingerprint_of(protocol, config.tier, name, seed, settings, common["recipes"])
        path = result_path(config.results, protocol, config.tier, name, seed)
        if path.exists() and json.loads(path.read_text())["fingerprint"] == mark:
            continue
        began = time.perf_counter()
        editor = fit_editor(
            METANETS[method.metanet], parts["train"], parts["val"], [config.edit], method.config, training,
            Path(config.out) / path.parent.name / path.stem, device=config.device, **method.settings,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        editor.metanet.to("cpu").save_pretrained(Path(config.out) / path.parent.name / path.stem / "metanet")
        score = measure_editor(editor, parts["test"], refits=())[config.edit][method.metanet]
        parameters = sum(p.numel() for p in editor.metanet.parameters())
        saved = Result(
            method=name, reads=editor.settings.reads, seed=seed, scores={config.edit: score}, config=settings,
            seconds=seconds, parameters=parameters, device=config.device, **common,
        ).save(config.results)  # fmt: skip
        print(f"{saved}: MSE x 10^-2 {100 * score['mse']:.3f}, {seconds:.0f} s", flush=True)

# The table.
rows: dict[str, list[dict[str, float]]] = {}
for result in read_results(config.results):
    if (result.protocol, result.tier) == (protocol, config.tier):
        rows.setdefault(result.method, []).append(dict(result.scores[config.edit]))
print("| method | MSE x 10^-2 | PSNR, dB | ms a net | seeds |\n|---|---|---|---|---|")
for name, scores in sorted(rows.items(), key=lambda row: sum(s["mse"] for s in row[1]) / len(row[1])):
    values = torch.tensor([[100 * s["mse"], s["psnr"], 1000 * s["seconds"]] for s in scores])
    spread = f" +- {float(values[:, 0].std()):.3f}" if len(scores) > 1 else ""
    mse, psnr, seconds = values.mean(0).tolist()
    print(f"| {name} | {mse:.3f}{spread} | {psnr:.2f} | {seconds:.2f} | {len(scores)} |")
