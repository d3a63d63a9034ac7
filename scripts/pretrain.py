"""Trains the nets that ship with the package, and writes the card of each.

    python scripts/pretrain.py digits-accuracy            # builds its zoo under --zoos, trains, writes the folder
    python scripts/pretrain.py --all --data-root data     # every one of them; the MNIST ones need MNIST there
    python scripts/pretrain.py --list

A folder holds `config.json`, `model.safetensors` (parameters in float16: the card's figures are those of the rounded
net) and `README.md`, the card. Called again, a training that was stopped goes on. `--upload owner` prints the command
that puts a folder on the Hub.
"""

import argparse
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from weightspace import Zoo, build_zoo, load_metanet
from weightspace.cli import one_line_errors
from weightspace.hub.shipped import FOLDER
from weightspace.markdown import table_lines
from weightspace.metanets import METANETS, Metanet, presets
from weightspace.tasks.comparison.baselines.boosting import from_statistics
from weightspace.tasks.editing.editnets import EditNets
from weightspace.tasks.editing.editor import Editor
from weightspace.tasks.editing.fit import EditConfig, fit_editor
from weightspace.tasks.editing.measures import measure_edit, measure_plain
from weightspace.tasks.labelled.augmentation import AugmentConfig
from weightspace.tasks.labelled.domain import domain_of
from weightspace.tasks.labelled.labellednets import LabelledNets, classes_of
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.prediction.fit import fit, predict_nets
from weightspace.tasks.prediction.methodrun import MethodRun
from weightspace.tasks.prediction.metrics import class_score, score
from weightspace.tasks.training.trainconfig import TrainConfig
from weightspace.zoo import Recipe

MOVED = AugmentConfig(rotate=10.0, shift=0.1, zoom=0.1)


@dataclass(frozen=True)
class Reader:
    """A metanet that says something of a net.

    Args:
        says: what, in a few words. recipe: of its zoo, in the gallery. nets: the first so many of them; all if None.
        labels: columns of the zoo's index. category: the label is a class. settings: of `SpaceNet`.
        training: how it is trained. augmentation: what is done to the training nets.
        limits: what it doesn't know. bars: what it must not be used for.
    """

    says: str
    recipe: str
    labels: tuple[str, ...]
    settings: dict[str, Any]
    training: TrainConfig
    limits: str
    bars: str
    nets: int | None = None
    category: bool = False
    augmentation: AugmentConfig | None = None
    shapes: int = field(default=0)


ACCURACY = ("test_accuracy", "gap")
SMALL = "It knows small nets trained on 8x8 digits alone; what it says of others means nothing."
SHOWN = "It reads SIRENs fitted by this recipe (its frequency, size and grid) and refuses those that say otherwise."
JUDGED = "Choosing, ranking or paying for networks in place of measuring them on test data; and anything about people."
SEEN = (
    "Reading what matters, such as cheques or forms: render the picture and look at it. A small classifier of renders "
    "is as good or better on the same nets (`zoo/RESULTS.md`)."
)
CHANGED = (
    "Restoring or changing pictures that serve as evidence. Where a net can be fitted again, 100 steps of that come "
    "closer."
)
READERS = {
    "digits-accuracy": Reader(
        "the test accuracy and generalization gap of CNNs of one shape on 8x8 digits",
        "digits-cnn", ACCURACY, presets.spacenet_small(), TrainConfig(steps=800), SMALL, JUDGED,
    ),
    "digits-park-accuracy": Reader(
        "the test accuracy and generalization gap of CNNs of 52 shapes on 8x8 digits",
        "digits-park", ACCURACY, presets.spacenet_small(), TrainConfig(steps=600), SMALL, JUDGED,
        shapes=4,
    ),
    "digits-inr-class": Reader(
        "the digit that a SIREN of an 8x8 image shows, with probes",
        "digits-inr-views", ("label",), presets.spacenet_inr(), TrainConfig(steps=600, batch_size=32, judge_every=50),
        SHOWN, SEEN, category=True, augmentation=MOVED,
    ),
    "digits-inr-class-weights": Reader(
        "the digit that a SIREN of an 8x8 image shows, from its weights alone",
        "digits-inr-views", ("label",), presets.spacenet_weights_only(),
        TrainConfig(steps=600, batch_size=32, judge_every=50), SHOWN, SEEN, category=True,
        augmentation=MOVED,
    ),
    "mnist-inr-class": Reader(
        "the digit that a SIREN of an MNIST image shows, with probes",
        "mnist-inr", ("label",), presets.spacenet_inr(),
        TrainConfig(steps=6_000, batch_size=64, judge_every=200, average=0.995, warmup=200), SHOWN, SEEN, nets=10_000,
        category=True, augmentation=MOVED,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Changer:
    """A metanet that edits what an implicit net shows; aims, steps and size as in ``scripts/train_editor.py``."""

    says: str
    recipe: str
    edit: str
    limits: str
    bars: str
    training: TrainConfig
    nets: int | None = None


CHANGERS = {
    "digits-inr-dilate": Changer(
        "the change of a SIREN's weights that makes the strokes of its 8x8 digit bolder (dilation)",
        "digits-inr", "dilate", SHOWN, CHANGED,
        TrainConfig(steps=600, learning_rate=2e-3, weight_decay=0.01, average=0.99, judge_every=50),
    ),
}  # fmt: skip
ALL: dict[str, Reader | Changer] = {**READERS, **CHANGERS}


def find_zoo(reader: Reader | Changer, folder: Path) -> Zoo:
    """The reader's zoo, built where it isn't there."""
    recipe = Recipe.load(reader.recipe)
    return build_zoo(recipe, folder / recipe.name, nets=reader.nets)


def train(reader: Reader, zoo: Zoo, out: Path) -> tuple[Metanet, dict[str, LabelledNets]]:
    """The metanet, parameters chosen on validation nets, and the nets of each part."""
    final = zoo.final()
    classes = classes_of(zoo, reader.labels[0]) if reader.category else ()
    parts = {
        part: LabelledNets.from_zoo(final.split(part), reader.labels, classes) for part in ("train", "val", "test")
    }
    metanet = fit(
        METANETS["SpaceNet"], parts["train"], parts["val"], reader.training, out, augmentation=reader.augmentation,
        shapes=reader.shapes, domain=domain_of(zoo), **reader.settings,
    )  # fmt: skip
    return metanet, parts


def save_rounded(metanet: Metanet, folder: Path) -> Metanet:
    """Saves the metanet with its parameters in float16, and gives what is read back.

    What normalises its inputs stays in float32: rounding that cost a hundredth of R2.
    """
    shutil.rmtree(folder, ignore_errors=True)
    metanet.to("cpu").save_pretrained(folder)
    path, parameters = folder / "model.safetensors", dict(metanet.named_parameters())
    tensors = {name: tensor.half() if name in parameters else tensor for name, tensor in load_file(path).items()}
    save_file(tensors, path, metadata={"metanet": type(metanet).__name__})
    path.chmod(0o644)
    return load_metanet(folder)


def judge(predicted: torch.Tensor, nets: LabelledNets) -> dict[str, str]:
    """Figures by label, as the card prints them."""
    if nets.classes:
        return {"accuracy": f"{100 * class_score(predicted, nets.labels[:, 0].long()).accuracy:.1f} %"}
    found = [score(predicted[:, i], nets.labels[:, i]) for i in range(len(nets.names))]
    return {name: f"tau {each.tau:.3f}, R2 {each.r2:.3f}" for name, each in zip(nets.names, found, strict=True)}


def boosted(reader: Reader, parts: dict[str, LabelledNets], folder: Path) -> torch.Tensor:
    """The baseline of the card: gradient boosting on statistics of each tensor."""
    return from_statistics(LabelledSplit(parts), MethodRun(reader.training, folder)).of_part["test"]


def make_reader(name: str, reader: Reader, zoo: Zoo, work: Path, folder: Path) -> dict[str, Any]:
    """Trains and keeps a reader; what its card says."""
    metanet, parts = train(reader, zoo, work)
    exact = judge(predict_nets(metanet.to("cpu"), parts["test"]), parts["test"])
    kept = save_rounded(metanet, folder)
    rows = {
        "this net, as it is on disk (parameters in float16)": judge(predict_nets(kept, parts["test"]), parts["test"]),
        "the same in float32": exact,
        "boosted trees on statistics of each tensor": judge(boosted(reader, parts, work), parts["test"]),
    }
    use = f"weightspace predict {name} NET.safetensors"
    return {"parts": {part: len(nets) for part, nets in parts.items()}, "rows": rows, "kept": kept, "use": use}


def make_changer(name: str, changer: Changer, zoo: Zoo, work: Path, folder: Path) -> dict[str, Any]:
    """Trains and keeps an editor; what its card says."""
    parts = {part: EditNets.from_zoo(zoo.split(part), (changer.edit,), "render") for part in ("train", "val", "test")}
    editor = fit_editor(METANETS["SpaceNet"], parts["train"], parts["val"], (changer.edit,), EditConfig(),
                        changer.training, work, width=32, layers=3, probes=64)  # fmt: skip
    exact = measure_edit(editor, parts["test"], 0)["mse"]
    kept = save_rounded(editor.metanet, folder)
    rows = {
        "this net, as it is on disk (parameters in float16)": measure_edit(Editor(kept), parts["test"], 0)["mse"],
        "the same in float32": exact,
        **{way: found["mse"] for way, found in measure_plain(parts["test"], 0).items()},
    }
    cells = {row: {"MSE x 100 against the dilated render": f"{100 * mse:.3f}"} for row, mse in rows.items()}
    use = f"weightspace edit {name} INR.safetensors --out bold.safetensors"
    return {"parts": {part: len(nets) for part, nets in parts.items()}, "rows": cells, "kept": kept, "use": use}


CARD = """---
license: apache-2.0
library_name: weightspace
tags: [weightspace, weight-space]
---
# {name}

A metanetwork (a network that reads the weights of other networks) that gives {says}.

```python
import weightspace as ws

metanet = ws.load_metanet("{name}")
```

```bash
{use}
```

{table}

- **Data.** {states:,} nets of the recipe `{recipe}` (hash `{hash}`){first}; {train:,} to train on, {val:,} to choose
  parameters on. Splits are by run and stored in the zoo's index; the held-out runs were used for this table alone.
- **Model.** `{kind}`, {parameters:,} parameters; settings and steps are in `scripts/pretrain.py`.
- **Made by** `python scripts/pretrain.py {name}`, seed {seed}, torch {torch}.
- **Limits.** {limits} It isn't evidence about a net that was made to deceive it.
- **Not for.** {bars}
- **Licence** Apache-2.0. Cite weightspace (`CITATION.cff` of its repository).
"""


def write_card(name: str, job: Reader | Changer, zoo: Zoo, made: dict[str, Any]) -> str:
    """The text of the card."""
    rows, parts, kept = made["rows"], made["parts"], made["kept"]
    names = [name.replace("_", " ") for name in next(iter(rows.values()))]
    columns = [f"on {parts['test']:,} held-out nets", *names]
    return CARD.format(
        name=name, says=job.says, use=made["use"],
        states=sum(parts.values()), recipe=zoo.recipe.name, hash=zoo.recipe.hash,
        table="\n".join(table_lines(columns, ([row, *cells.values()] for row, cells in rows.items()))),
        first=f", its first {job.nets:,}" if job.nets else "", seed=job.training.seed, limits=job.limits, bars=job.bars,
        kind=type(kept).__name__, parameters=sum(p.numel() for p in kept.parameters()),
        torch=torch.__version__, **parts,
    )  # fmt: skip


def make(name: str, arguments: argparse.Namespace) -> None:
    """One shipped net, from its zoo to its card."""
    job, work, folder = ALL[name], Path(arguments.zoos) / "training" / name, Path(arguments.out) / name
    zoo = find_zoo(job, Path(arguments.zoos))
    maker = make_reader if isinstance(job, Reader) else make_changer
    made = maker(name, job, zoo, work, folder)
    (folder / "README.md").write_text(write_card(name, job, zoo, made), encoding="utf-8")
    print(f"{folder}\n" + "\n".join(f"  {row}: {cells}" for row, cells in made["rows"].items()))
    if arguments.upload:
        print(f"weightspace push {folder} {arguments.upload}/{name}")


def main() -> None:
    """The nets that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--all", action="store_true", help="every one of them")
    parser.add_argument("--list", action="store_true", help="print names and what each says, and nothing else")
    parser.add_argument("--zoos", default="runs/zoos", help="where zoos lie or are built, a folder a recipe")
    parser.add_argument("--out", default=str(FOLDER), help="gets a folder a net; the package's own by default")
    parser.add_argument("--data-root", help="a folder with local data, for MNIST")
    parser.add_argument("--upload", metavar="OWNER", help="print the command that uploads each folder to the Hub")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{name:26s}{reader.says}" for name, reader in ALL.items()))
        return
    if unknown := [name for name in arguments.names if name not in ALL]:
        parser.error(f"names must be among {', '.join(ALL)}, got {', '.join(unknown)}")
    with using_data_root(arguments.data_root):
        for name in ALL if arguments.all else arguments.names:
            make(name, arguments)


if __name__ == "__main__":
    one_line_errors(__file__)
    main()
