"""How each protocol makes its split from a zoo: which saved states, which labels, which of them are judged."""

from collections.abc import Sequence

import pyarrow as pa
from torch import nn

from weightspace.space import WeightSpace
from weightspace.tasks.labelled.domain import domain_of
from weightspace.tasks.labelled.labellednets import LabelledNets, classes_of
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.labelled.trajectories import trajectories
from weightspace.zoo import Zoo

ACCURACY_AND_GAP = ("test_accuracy", "gap")
SPLITS = ("train", "val", "test")
CURVE = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")


def zoo_labels(zoo: Zoo, labels: Sequence[str], category: bool = False, final: bool = False) -> LabelledSplit:
    """Any columns of the zoo's index: all saved states to learn from, the last ones to choose on and to be judged on.

    Args:
        category: the one label is a class. final: learn from the last states alone.
    """
    last = zoo.final()
    classes = classes_of(zoo, labels[0]) if category else ()
    shown = {name: last if final or name != "train" else zoo for name in SPLITS}
    parts = {name: LabelledNets.from_zoo(part.split(name), labels, classes) for name, part in shown.items()}
    return LabelledSplit(parts, _modules(last), domain_of(zoo))


def inr_class(zoo: Zoo) -> LabelledSplit:
    """The class of the image that an implicit representation was fitted to; all views of an image are in one part."""
    classes = classes_of(zoo, "label")
    final = zoo.final()
    parts = {name: LabelledNets.from_zoo(final.split(name), ["label"], classes) for name in SPLITS}
    return LabelledSplit(parts, _modules(final), domain_of(zoo), zoo.convention)


def accuracy_and_gap(zoo: Zoo) -> LabelledSplit:
    """Test accuracy, and training minus test accuracy, of the last saved states."""
    final = zoo.final()
    parts = {name: LabelledNets.from_zoo(final.split(name), ACCURACY_AND_GAP) for name in SPLITS}
    return LabelledSplit(parts, _modules(final), domain_of(zoo))


def out_of_distribution(zoo: Zoo) -> LabelledSplit:
    """The same labels; trained on nets that are narrow and shallow, judged on narrow, wide and deep ones.

    A net is wide if its widest layer is among the wider half of the zoo's shapes, deep if it has more layers than the
    zoo's median. Wide nets are those that aren't deep, and deep nets those that aren't wide; nets that are both are
    left out.
    """
    final = zoo.final()
    shapes = [tuple(map(int, str(text).split("-"))) for text in final.table["channels"].to_pylist()]
    width, depth = limits(shapes)
    wide, deep = [max(shape) > width for shape in shapes], [len(shape) > depth for shape in shapes]
    narrow = _keep(final, [not a and not b for a, b in zip(wide, deep, strict=True)])
    parts = {
        "train": narrow.split("train"),
        "val": narrow.split("val"),
        "narrow": narrow.split("test"),
        "wide": _keep(final, [a and not b for a, b in zip(wide, deep, strict=True)]),
        "deep": _keep(final, [b and not a for a, b in zip(wide, deep, strict=True)]),
    }
    nets = {name: LabelledNets.from_zoo(part, ACCURACY_AND_GAP) for name, part in parts.items()}
    return LabelledSplit(nets, _modules(final), domain_of(zoo))


def limits(shapes: list[tuple[int, ...]]) -> tuple[int, int]:
    """The largest width and depth of a narrow net: the medians over the distinct shapes."""
    distinct = sorted(set(shapes))
    widths, depths = sorted(max(shape) for shape in distinct), sorted(len(shape) for shape in distinct)
    return widths[(len(widths) - 1) // 2], depths[(len(depths) - 1) // 2]


def early(zoo: Zoo) -> LabelledSplit:
    """The test accuracy at the end, from the state after the first or the second saved epoch.

    Methods learn from both states of each training run; the two are judged apart. The learning curve up to the state
    stands in columns ``val_accuracy after 1`` and so on.
    """
    table = _with_curves(zoo.filter(status="ok").table)
    early_zoo = zoo.view(table)
    train, val = (early_zoo.split(name) for name in ("train", "val"))
    test = early_zoo.split("test")
    parts = {"train": train, "val": val} | {f"after epoch {k}": test.filter(point=k) for k in (1, 2)}
    nets = {name: LabelledNets.from_zoo(part, ["final_test_accuracy"]) for name, part in parts.items()}
    curve = tuple(f"{name} after {k}" for name in CURVE for k in range(3))
    return LabelledSplit(nets, _modules(early_zoo), domain_of(zoo), curve=curve)


def early_trajectory(zoo: Zoo) -> LabelledSplit:
    """The test accuracy at the end, from the states after the first two saved epochs together."""
    both = zoo.view(_with_curves(zoo.filter(status="ok").table))
    names = {"train": "train", "val": "val", "test": "after epoch 2"}
    parts = {name: trajectories(both.split(split), ["final_test_accuracy"], 2) for split, name in names.items()}
    curve = tuple(f"{name} after {k}" for name in CURVE for k in range(3))
    return LabelledSplit(parts, {}, domain_of(zoo), curve=curve)


def _with_curves(table: pa.Table) -> pa.Table:
    """The states after the first two saved epochs, with the accuracy at the end and the curve so far as columns."""
    runs: dict[int, list[dict]] = {}
    for row in sorted(table.to_pylist(), key=lambda row: row["step"]):
        runs.setdefault(row["net"], []).append(row)
    rows = []
    for states in runs.values():
        begun = states if states[0]["step"] == 0 else [dict.fromkeys(states[0]), *states]
        if len(begun) < 4:
            continue  # the last of the two early states would be the end
        for point in (1, 2):
            so_far = {f"{name} after {k}": begun[k][name] if k <= point else None for name in CURVE for k in range(3)}
            rows.append(begun[point] | so_far | {"point": point, "final_test_accuracy": begun[-1]["test_accuracy"]})
    extra = [pa.field(f"{name} after {k}", pa.float64()) for name in CURVE for k in range(3)]
    extra += [pa.field("point", pa.int64()), pa.field("final_test_accuracy", pa.float64())]
    return pa.Table.from_pylist(rows, schema=pa.schema([*table.schema, *extra]))


def _keep(zoo: Zoo, mask: list[bool]) -> Zoo:
    return zoo.view(zoo.table.filter(pa.array(mask, pa.bool_())))


def _modules(zoo: Zoo) -> dict[WeightSpace, nn.Module]:
    return {part.space: part.module(0) for part in zoo.by_space().values()}
