"""The main job, from a recipe to a table: build a zoo, train a metanet on it, compare it with the baselines."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from weightspace import __version__
from weightspace.checkpoints import read_checkpoint
from weightspace.metanets import METANETS, load_metanet, presets
from weightspace.suggest import suggestion
from weightspace.tasks.comparison.jobs.method import METHODS
from weightspace.tasks.comparison.tables.figures import plot_predictions
from weightspace.tasks.comparison.tables.table import markdown, readable
from weightspace.tasks.labelled.domain import domain_of
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.prediction.fit import fit, predict_nets
from weightspace.tasks.prediction.methodrun import MethodRun
from weightspace.tasks.prediction.metrics import score
from weightspace.tasks.quickstart.inspection import inspect_checkpoint, inspect_spaces
from weightspace.tasks.quickstart.stages import Stages
from weightspace.tasks.training.train import TrainConfig
from weightspace.zoo import Recipe, Zoo, build_zoo

LABELS = ("test_accuracy", "gap")
BASELINES = {
    "perceptron on flat weights": "FlatMLP",
    "boosting on layer statistics": "boosting on statistics",
    "boosting on hyperparameters": "boosting on hyperparameters",
}
SETTINGS: dict[str, dict[str, Any]] = {"SpaceNet": presets.spacenet_small()}


@dataclass(frozen=True)
class QuickstartConfig:
    """What the quickstart does.

    Args:
        recipe: a name of the gallery, or a TOML file.
        out: the folder for everything it makes.
        nets: only the first so many nets of the recipe.
        workers: processes that build; as many as cores if None.
        metanet: which of `METANETS`.
        steps: gradient steps of the metanet.
        flat_steps: gradient steps of the perceptron on flat weights.
        seed: of the metanet and the baselines.
    """

    recipe: str = "digits-cnn"
    out: str = "runs/quickstart"
    nets: int | None = None
    workers: int | None = None
    metanet: str = "SpaceNet"
    steps: int = 800
    flat_steps: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if self.metanet not in METANETS:
            hint = suggestion(self.metanet, METANETS)
            raise ValueError(f"metanet must be one of {', '.join(METANETS)}, got {self.metanet!r}{hint}.")

    @property
    def training(self) -> TrainConfig:
        """How the metanet is trained."""
        return TrainConfig(steps=self.steps, seed=self.seed)


def run_quickstart(
    config: QuickstartConfig, *, say: Callable[[str], None] = lambda message: None, progress: bool = True
) -> dict[str, Any]:
    """Runs all stages, each going on from what it finds in `config.out`.

    Args:
        say: is told what happens, a line at a time.
        progress: whether to show progress bars.

    Returns:
        What `table.json` holds: scores of each method on each label on the held-out nets, seconds of each stage, the
        configuration, and what a checkpoint with permuted neurons gave.
    """
    out, recipe = Path(config.out), Recipe.load(config.recipe)
    stage = Stages(out / "stages.json", say)
    with stage("build", f"1  Building a zoo of {config.nets or recipe.nets} nets, recipe {recipe.name}"):
        build_zoo(recipe, out / "zoo", workers=config.workers, progress=progress, nets=config.nets)
    with stage("read", "2  Reading it back, split by run"):
        zoo = Zoo(out / "zoo").final()
        parts = {name: LabelledNets.from_zoo(zoo.split(name), LABELS) for name in ("train", "val", "test")}
        say(
            "   "
            + ", ".join(f"{len(nets)} nets to {name}" for name, nets in zip(_PURPOSE, parts.values(), strict=True))
        )
    with stage("graphs", "3  Tracing the weight spaces, turning nets into graphs and back"):
        for sentence in inspect_spaces(zoo):
            say("   " + sentence)
    ours = "metanet on weights"
    with stage("metanet", f"4  Training the metanet, {config.metanet}, on weights alone"):
        metanet = fit(METANETS[config.metanet], parts["train"], parts["val"], config.training,
                      out / "training" / "metanet", progress=progress, domain=domain_of(zoo),
                      **SETTINGS.get(config.metanet, {}))  # fmt: skip
        predicted = {ours: predict_nets(metanet, parts["test"])}
    with stage("baselines", "5  Training the baselines"):
        predicted |= baseline_predictions(parts, out / "training", config, say, progress)
    with stage("checkpoint", "6  Saving the metanet, loading it, predicting one checkpoint twice"):
        metanet.save_pretrained(out / "metanet")
        shown = inspect_checkpoint(load_metanet(out / "metanet"), parts["test"], out, config.seed)
        for line in describe_checkpoint(shown):
            say("   " + line)
    with stage("figure", f"7  Writing table, figure and metanet to {out}"):
        result = make_result(config, recipe, parts, predicted, shown)
        draw(result, parts["test"], predicted, ours, out)
    result["seconds"] = stage.seconds
    result["notes"] = notes(result)
    (out / "table.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (out / "table.md").write_text(markdown(result), encoding="utf-8")
    return result


_PURPOSE = ("train on", "choose on", "test on")


def baseline_predictions(
    parts: dict[str, LabelledNets], folder: Path, config: QuickstartConfig, say: Callable[[str], None], progress: bool
) -> dict[str, Tensor]:
    """Predictions of every baseline for the held-out nets; those on disk are taken from there."""
    found = {}
    training = TrainConfig(steps=config.flat_steps, seed=config.seed)
    made_from = {"made_from": f"{training} {parts['train'].fingerprint()}"}
    for name, method in BASELINES.items():
        place = folder / name.replace(" ", "-")
        kept = place / "predictions.safetensors"
        if not kept.exists() or read_checkpoint(kept)[1] != made_from:
            say(f"   {name}")
            place.mkdir(parents=True, exist_ok=True)
            found_here = METHODS[method].run(LabelledSplit(parts), MethodRun(training, place, progress=progress))
            save_file({"test": found_here.of_part["test"]}, kept, metadata=made_from)
        found[name] = read_checkpoint(kept)[0]["test"]
    return found


def make_result(
    config: QuickstartConfig,
    recipe: Recipe,
    parts: dict[str, LabelledNets],
    predicted: dict[str, Tensor],
    shown: dict[str, Any],
) -> dict[str, Any]:
    """The scores, and what they are scores of."""
    true = parts["test"].labels
    return {
        "title": f"{len(parts['test'])} nets of {recipe.name} from runs that no method has seen",
        "scores": {
            method: {label: score(values[:, i], true[:, i]).to_dict() for i, label in enumerate(LABELS)}
            for method, values in predicted.items()
        },
        "nets": {name: len(nets) for name, nets in parts.items()},
        "config": asdict(config),
        "training": json.loads(json.dumps(asdict(config.training))),
        "recipe": {"name": recipe.name, "hash": recipe.hash},
        "checkpoint": shown,
        "versions": {"weightspace": __version__, "torch": torch.__version__},
        "threads": torch.get_num_threads(),
    }


def draw(result: dict[str, Any], test: LabelledNets, predicted: dict[str, Tensor], ours: str, out: Path) -> None:
    """The figure: predicted against true."""
    plot_predictions(
        out / "predictions.png",
        {readable(label): test.labels[:, i] for i, label in enumerate(LABELS)},
        {m: {readable(label): values[:, i] for i, label in enumerate(LABELS)} for m, values in predicted.items()},
        {m: {readable(label): cell for label, cell in cells.items()} for m, cells in result["scores"].items()},
        title=result["title"],
        ours=ours,
    )


def describe_checkpoint(shown: dict[str, Any]) -> list[str]:
    """What step 6 found, in sentences."""
    return [
        ", ".join(f"{readable(k)} {v:.3f} (true {shown['true'][k]:.3f})" for k, v in shown["predicted"].items()),
        f"neurons permuted, weights differ by up to {shown['largest_change_of_a_weight']:.2f}: "
        f"predictions differ by {shown['largest_change_of_a_prediction']:.1e}",
    ]


def notes(result: dict[str, Any]) -> list[str]:
    """What a reader of the table has to know."""
    nets, seconds = result["nets"], result["seconds"]
    return [
        f"{nets['train']} nets to train on, {nets['val']} to choose on, {nets['test']} from runs that no method saw; "
        f"seed {result['config']['seed']}. tau is Kendall's tau-b; a perfect ranker doesn't reach 1 because nets tie.",
        "",
        "Seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())
        + f"; {sum(seconds.values()):.0f} in all, on {result['threads']} threads.",
    ]  # fmt: skip
