"""Nets with what is to be predicted of them, of one weight space or of several, in memory."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.checkpoints import ModuleSource, example_inputs, find_checkpoints, make_module
from weightspace.graphs import skeleton
from weightspace.space import WeightSpace
from weightspace.tasks.labelled.labelledfiles import read_nets
from weightspace.tasks.labelled.labelsfile import LabelsFile, is_number
from weightspace.tasks.labelled.parts import PARTS, parts_of
from weightspace.zoo import Zoo


@dataclass(frozen=True)
class LabelledNets:
    """Nets, space by space, with their labels.

    Args:
        spaces: the weight spaces.
        stacks: for each space its nets, stacked, each tensor `[N, ...]`.
        labels: `[nets, labels]`, the nets of the first space first.
        names: the labels' names.
        classes: the values of a label that is a class, in order; `labels` then holds their numbers, in one column.
        states: saved states of each net on a last axis of every tensor (see `trajectories`); 1 without that axis.
        rows: for each net its row of the zoo's index.
        hyperparameters: the columns of `rows` that the recipe varies.
    """

    spaces: tuple[WeightSpace, ...]
    stacks: tuple[Mapping[str, Tensor], ...]
    labels: Float[Tensor, "nets labels"]
    names: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    hyperparameters: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    states: int = 1

    @classmethod
    def from_zoo(cls, zoo: Zoo, names: Sequence[str], classes: Sequence[str] = ()) -> "LabelledNets":
        """The saved states of a zoo that didn't diverge, labelled by columns of its index.

        Args:
            zoo: the zoo, or a part of it.
            names: columns: measures, or hyperparameters that the nets were trained with.
            classes: for one column of words or whole numbers, its values (`classes_of`): the label is then a class.

        Raises:
            ValueError: if a label isn't a column, isn't a number (or a known class) for some net, or no net is left.
        """
        zoo = zoo.filter(status="ok")
        if not len(zoo):
            raise ValueError("There is no net to label: the zoo (or this split of it) holds none with status 'ok'.")
        for name in names:
            if name not in zoo.table.column_names:
                raise ValueError(
                    f"A label must be a column of the zoo's index; {name!r} isn't: {zoo.table.column_names}."
                )
        parts = list(zoo.by_space().items())
        rows = tuple(row for _, part in parts for row in part.table.to_pylist())
        if classes and len(names) != 1:
            raise ValueError(f"One label at a time can be a class, got {len(names)}: {', '.join(names)}.")
        labels = _label_values(rows, names, classes)
        return cls(
            tuple(zoo.spaces[key] for key, _ in parts),
            tuple(part.weights() for _, part in parts),
            labels,
            tuple(names),
            rows,
            tuple(zoo.hyperparameters),
            tuple(classes),
        )

    @classmethod
    def from_files(
        cls,
        files: str | Path | Iterable[str | Path],
        module: ModuleSource,
        labels: str | Path,
        names: Sequence[str] = (),
        *,
        inputs: Sequence[Tensor] | Tensor | None = None,
        warn: Callable[[str], None] = lambda message: None,
    ) -> "LabelledNets":
        """Checkpoints of one's own, with labels from a CSV file.

        Args:
            files: checkpoints, folders of them or patterns: ``"ckpts/*.pth"``; see `read_checkpoint`.
            module: what they are checkpoints of: a module, a function that gives one, or ``"my_nets:resnet"``. Layers
                of the checkpoints may be wider or narrower than its own.
            labels: a CSV file: the checkpoint's name, then a column a label.
            names: which columns are labels; all columns of numbers if none is given. A column of words is a class.
            inputs: what the module is run on, where it has no ``example_inputs()``.
            warn: is told of nets that aren't finite, which are left out.

        Raises:
            ValueError: a checkpoint without a line, one that isn't of the module, a label that isn't there.

        Example::

            nets = LabelledNets.from_files("ckpts/*.pth", "my_nets:resnet", "labels.csv")
            train, val, test = nets.parts().values()
        """
        paths = find_checkpoints([files] if isinstance(files, str | Path) else files)
        table = LabelsFile.read(labels)
        names = table.names(names)
        found = dict(zip(map(str, paths), table.rows_of(paths), strict=True))
        net = make_module(module)
        stacks, rows = read_nets(paths, WeightSpace.trace(net.eval(), *example_inputs(net, inputs)), warn)
        rows = tuple(dict(found[row["file"]]) | row for row in rows)
        classes: tuple[str, ...] = ()
        if len(names) == 1 and not all(is_number(row[names[0]]) for row in rows):
            classes = tuple(sorted({row[names[0]] for row in rows}))
        return cls(tuple(stacks), tuple(stacks.values()), _label_values(rows, names, classes), names, rows, (), classes)

    def parts(self, val: float = 0.15, test: float = 0.15, seed: int = 0) -> dict[str, "LabelledNets"]:
        """The nets in three parts, ``"train"``, ``"val"`` and ``"test"``.

        A column ``split`` of the rows says them, if there is one. Else they are drawn at random; rows with one value of
        a column ``run`` stay together.

        Raises:
            ValueError: a part would have fewer than two nets.
        """
        of_net = parts_of(self.rows, val, test, seed)
        places = {name: [number for number, part in enumerate(of_net) if part == name] for name in PARTS}
        return {name: self.select(torch.tensor(some)) for name, some in places.items()}

    def select(self, nets: Int[Tensor, "some"]) -> "LabelledNets":
        """Some of the nets, in the order of all of them."""
        nets = nets.sort().values
        groups = list(self.groups(nets))
        return replace(
            self,
            spaces=tuple(space for space, _, _ in groups),
            stacks=tuple(stack for _, stack, _ in groups),
            labels=self.labels[nets],
            rows=tuple(self.rows[int(net)] for net in nets),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def fingerprint(self) -> str:
        """A short text that is another one for other nets or labels; it tells whether a run still fits its data."""
        content = [
            self.names,
            self.classes,
            [space.hash for space in self.spaces],
            [row.get("checksum") for row in self.rows],
        ]
        return hashlib.sha256(repr(content).encode() + self.labels.cpu().numpy().tobytes()).hexdigest()[:16]

    def groups(self, nets: Int[Tensor, "batch"]) -> Iterator[tuple[WeightSpace, dict[str, Tensor], Tensor]]:
        """The chosen nets, a stack a space: the space, the weights, and which of `nets` they are."""
        start = 0
        for space, stack in zip(self.spaces, self.stacks, strict=True):
            count = len(next(iter(stack.values())))
            places = torch.nonzero((nets >= start) & (nets < start + count)).flatten()
            if len(places):
                chosen = nets[places] - start
                yield space, {name: tensor[chosen] for name, tensor in stack.items()}, places
            start += count

    def with_few_shapes(self, nets: Int[Tensor, "batch"], shapes: int) -> Int[Tensor, "batch"]:
        """As many nets of at most so many architectures: those of the first of `nets`, drawn from all of theirs.

        If `nets` is a uniform draw, each net of the result is one too. Draws from torch's generator.
        """
        keys = [skeleton(space) for space in self.spaces]
        if len(set(keys)) <= shapes:
            return nets
        counts = [len(next(iter(stack.values()))) for stack in self.stacks]
        numbers = torch.tensor([sorted(set(keys)).index(key) for key in keys])
        of_net = numbers.repeat_interleave(torch.tensor(counts))
        drawn = []
        for first, share in zip(nets, torch.arange(len(nets)).tensor_split(shapes), strict=False):
            alike = torch.nonzero(of_net == of_net[first]).flatten()
            drawn.append(alike[torch.randint(len(alike), (len(share),))])
        return torch.cat(drawn)

    def of(self, space: WeightSpace) -> tuple["LabelledNets", Int[Tensor, "some"]]:
        """The nets of one weight space, and which of all they are."""
        start = 0
        for own, stack in zip(self.spaces, self.stacks, strict=True):
            count = len(next(iter(stack.values())))
            if own == space:
                places = torch.arange(start, start + count)
                rows = self.rows[start : start + count]
                return replace(self, spaces=(own,), stacks=(stack,), labels=self.labels[places], rows=rows), places
            start += count
        known = ", ".join(own.hash[:12] for own in self.spaces)
        raise ValueError(f"There is no net of the weight space {space.hash[:12]}; there are nets of {known}.")

    def to(self, device: torch.device | str) -> "LabelledNets":
        """The same nets with weights and labels on `device`."""
        stacks = tuple({name: tensor.to(device) for name, tensor in stack.items()} for stack in self.stacks)
        return replace(self, stacks=stacks, labels=self.labels.to(device))


def classes_of(zoo: Zoo, name: str) -> tuple[str, ...]:
    """The values of a column as texts, in order: the classes of a label that isn't a quantity.

    Raises:
        ValueError: no such column, or one of numbers that aren't whole.
    """
    if name not in zoo.table.column_names:
        raise ValueError(f"A label must be a column of the zoo's index; {name!r} isn't: {zoo.table.column_names}.")
    values = set(zoo.table[name].to_pylist()) - {None}
    if any(isinstance(value, float) for value in values):
        raise ValueError(f"The column {name!r} holds quantities, not classes; predict it as a number.")
    return tuple(str(value) for value in sorted(values))


def _label_values(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], classes: Sequence[str]
) -> Float[Tensor, "nets labels"]:
    number = {value: float(place) for place, value in enumerate(classes)}
    values = [[_class(row, name, number) if classes else _number(row, name) for name in names] for row in rows]
    return torch.tensor(values, dtype=torch.float32)


def _class(row: Mapping[str, Any], name: str, number: Mapping[str, float]) -> float:
    value = str(row[name])
    if value not in number:
        raise ValueError(
            f"The label {name!r} must be one of {', '.join(number)}, but net {row.get('net')} has {value!r}."
        )
    return number[value]


def _number(row: Mapping[str, Any], name: str) -> float:
    value = row[name]
    value = float(value) if isinstance(value, str) and is_number(value) else value
    if not isinstance(value, (int, float)) or value != value:
        raise ValueError(f"The label {name!r} must be a number for every net, but net {row.get('net')} has {value!r}.")
    return float(value)
