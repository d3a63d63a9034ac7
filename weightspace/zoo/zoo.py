"""Reading a zoo."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor, nn

from weightspace.data import load_dataset, load_signals
from weightspace.hub.repository import NAME
from weightspace.inr.convention import Convention
from weightspace.inr.render import render
from weightspace.nets import Architecture
from weightspace.space import WeightSpace
from weightspace.suggest import suggestion
from weightspace.zoo.folder.check import check_index, read_index
from weightspace.zoo.folder.folder import RECIPE, manifest_stamp, read_manifest, shard_path
from weightspace.zoo.folder.gather import check_tensors, check_unchanged, gather_weights, only_space
from weightspace.zoo.folder.manifest import INDEX
from weightspace.zoo.folder.spaces import read_spaces
from weightspace.zoo.publish import publish_zoo
from weightspace.zoo.recipe.recipe import Recipe
from weightspace.zoo.recipe.trial import draw_trial
from weightspace.zoo.remote import HUB, is_remote, open_remote
from weightspace.zoo.train.fit import psnr
from weightspace.zoo.train.lessons import Lessons
from weightspace.zoo.train.order import draw_subset


class Zoo:
    """A view of a zoo on disk: a table of saved states, and their weights read on demand from mapped files.

    Views are immutable and cheap; ``filter``, ``split`` and ``final`` give smaller ones. A view can be pickled and
    used from several processes.

    Args:
        path: a folder, ``hf://datasets/owner/name`` (``@revision`` to pin it), or a URL that fsspec knows. Of a remote
            zoo the index comes first, and a shard when its weights are asked for; each is compared with the manifest
            and kept in the cache.
        options: of the Hub: ``revision``, ``token``, ``cache_dir``, ``local_files_only``.

    Raises:
        FileNotFoundError: not a finished zoo.
        PermissionError: a repository that asks for a token.
        ConnectionError: a remote zoo that can't be reached; says what is in the cache.
        ValueError: damaged, or its index points outside its shards.

    Examples:
        >>> zoo = Zoo("zoos/digits").filter(status="ok").final()
        >>> weights, row = zoo[0]
    """

    def __init__(self, path: str | Path, **options: Any):
        self._remote = open_remote(str(path), options) if is_remote(path) else None
        self.path = self._remote.folder if self._remote else Path(path)
        self._stamp = manifest_stamp(self.path)  # before it is read, or a change in between would be missed
        manifest = read_manifest(self.path)
        if manifest is None:
            hub = f"; if it lies on the Hub, write {HUB}{path}" if NAME.fullmatch(str(path)) else ""
            raise FileNotFoundError(f"{self.path} is no finished zoo: it has no manifest.json; build it first{hub}")
        self.manifest: dict[str, Any] = manifest
        self.table: pa.Table = read_index(self.path / INDEX)
        self._spaces = read_spaces(self.path)
        check_index(self.path, self.table, self._spaces, self.hyperparameters)

    @property
    def recipe(self) -> Recipe:
        """The recipe that the zoo was made from."""
        if not (self.path / RECIPE).exists():
            raise ValueError(f"{self.path} was merged or imported, so it has no recipe of its own")
        return Recipe.load(self.path / RECIPE).with_nets(self.manifest["nets"])

    @property
    def address(self) -> str:
        """Where it was opened: its folder, or the URL of a remote one."""
        return self._remote.url if self._remote else str(self.path)

    @property
    def hyperparameters(self) -> list[str]:
        """The columns that the recipe varies."""
        return self.manifest["hyperparameters"]

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"Zoo({self.address!r}, states={len(self)})"

    @overload
    def __getitem__(self, i: int) -> tuple[dict[str, Tensor], dict[str, Any]]: ...

    @overload
    def __getitem__(self, i: slice) -> "Zoo": ...

    def __getitem__(self, i: int | slice) -> "tuple[dict[str, Tensor], dict[str, Any]] | Zoo":
        """Weights and row of one saved state; a smaller view for a slice."""
        if isinstance(i, slice):
            return self.view(self.table.take(pa.array(range(len(self))[i], pa.int64())))
        row = self.row(i)
        return {name: stack[0] for name, stack in self.weights([i]).items()}, row

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], dict[str, Any]]]:
        return (self[i] for i in range(len(self)))

    def row(self, i: int) -> dict[str, Any]:
        """One row of the table."""
        return self.table.slice(self._position(i), 1).to_pylist()[0]

    def _position(self, i: int) -> int:
        if not -len(self) <= i < len(self):
            raise IndexError(f"row must be below {len(self)}, the number of states, got {i}")
        return int(i) % len(self)

    # ---- smaller views ----------------------------------------------------------------------------------------------

    def filter(self, expression: pc.Expression | None = None, **columns: Any) -> "Zoo":
        """The states that satisfy a pyarrow expression and whose columns equal the given values, or one of a list."""
        table = self.table if expression is None else self.table.filter(expression)
        for name, value in columns.items():
            if name not in table.column_names:
                hint = suggestion(name, table.column_names)
                raise ValueError(f"unknown column {name!r}; known are {', '.join(table.column_names)}{hint}")
            several = isinstance(value, list | tuple | set | frozenset)
            table = table.filter(pc.field(name).isin(list(value)) if several else pc.field(name) == value)
        return self.view(table)

    def split(self, part: str) -> "Zoo":
        """The states of the runs in ``train``, ``val`` or ``test``."""
        if part not in ("train", "val", "test"):
            raise ValueError(f"split must be one of train, val, test, got {part!r}")
        return self.filter(split=part)

    def final(self) -> "Zoo":
        """The last saved state of every net."""
        _, nets = np.unique(self.table["net"].to_numpy(), return_inverse=True)
        steps = self.table["step"].to_numpy()
        last = np.full(len(self.table), np.iinfo(np.int64).min)
        np.maximum.at(last, nets, steps)
        return self.view(self.table.filter(pa.array(last[nets] == steps, pa.bool_())))

    def by_space(self) -> dict[str, "Zoo"]:
        """A view for every weight space that occurs."""
        return {space: self.filter(space=space) for space in self.table["space"].unique().to_pylist()}

    def view(self, table: pa.Table) -> "Zoo":
        """The same zoo with some of its rows, in any order."""
        other = object.__new__(Zoo)
        other.__dict__ = {**self.__dict__, "table": table}
        return other

    # ---- weights and nets -------------------------------------------------------------------------------------------

    @property
    def spaces(self) -> dict[str, WeightSpace]:
        """The weight spaces that occur, by the name in column ``space``."""
        names = self.table["space"].unique().to_pylist()
        return {name: self._spaces[name].space for name in names}

    @property
    def space(self) -> WeightSpace:
        """The one weight space that occurs."""
        return self.spaces[only_space(self.table)]

    @property
    def architecture(self) -> Architecture:
        """The one architecture that occurs."""
        return self._spaces[only_space(self.table)].architecture

    def weights(self, rows: Sequence[int] | None = None) -> dict[str, Tensor]:
        """The weights of several states, ``[rows, ...]``, in their order; all if ``rows`` is None.

        Raises:
            ValueError: the states have several weight spaces, tensors that aren't those of the space, or the zoo was
                built again and has other weights now.
            IndexError: a row that the view doesn't have.
        """
        places = None if rows is None else pa.array([self._position(i) for i in rows], pa.int64())
        table = self.table if places is None else self.table.take(places)
        weights = gather_weights(self.shard, table)
        check_tensors(self.path, self._spaces[only_space(table)].space, weights)
        if manifest_stamp(self.path) != self._stamp:
            check_unchanged(self.path, table, weights)
        return weights

    def shard(self, number: int) -> Path:
        """The file of a shard on this machine; of a remote zoo it is fetched if it isn't here yet.

        Raises:
            ValueError: what was fetched has another checksum than the manifest says.
            ConnectionError: a remote zoo that can't be reached.
        """
        path = shard_path(self.path, number)
        return path if self._remote is None else self._remote.fetch(path.relative_to(self.path).as_posix())

    def fetch(self) -> "Zoo":
        """Brings all shards of this view here, to go on without a network; nothing to do for a local zoo."""
        for number in self.table["shard"].unique().to_pylist():
            self.shard(number)
        return self

    def push_to_hub(self, repository: str, **options: Any) -> str:
        """Publishes the whole zoo as a dataset of the Hub and says its address; options and errors as `publish_zoo`.

        Args:
            repository: ``"owner/name"``. options: ``license``, ``private``, ``revision``, ``token``.
        """
        if len(self) != self.manifest["states"]:
            raise ValueError(f"a whole zoo must be pushed, got {len(self)} of its {self.manifest['states']} states")
        return publish_zoo(self.fetch().path, repository, **options)

    def module(self, i: int) -> nn.Module:
        """A live net with the weights of one state, in evaluation mode."""
        weights, row = self[i]
        stored = self._spaces[row["space"]]
        stored.check(weights, f"net {row['net']} of {self.path}")
        net = stored.architecture.build().eval()
        net.load_state_dict(weights)
        return net

    @property
    def renders(self) -> bool:
        """Whether the states are implicit representations of one weight space, which have a convention."""
        names = self.table["space"].unique().to_pylist()
        return len(names) == 1 and self._spaces[names[0]].convention is not None

    @property
    def convention(self) -> Convention:
        """How the weights of this zoo of implicit representations are rendered."""
        convention = self._spaces[only_space(self.table)].convention
        if convention is None:
            raise ValueError(f"{self.path} holds no implicit representations, so there is nothing to render")
        return convention

    def evaluate(self, i: int) -> dict[str, float]:
        """Measures one state again on the recipe's data."""
        weights, row = self[i]
        recipe = self.recipe
        if recipe.task == "fit":
            return self._evaluate_fit(recipe, row["net"], weights)
        data, trial = load_dataset(**recipe.data), draw_trial(recipe, row["net"])
        used = torch.zeros(1, len(data.x_train), dtype=torch.bool)
        used[0, torch.from_numpy(draw_subset(trial, len(data.x_train)))] = True
        lessons = Lessons(trial.architecture.build(), [trial], data, recipe.save.evaluate)
        measured = lessons.measure({n: w.unsqueeze(0) for n, w in weights.items()}, [trial.train], [0], used)
        return {name: float(value) for name, value in measured.items()}

    def _evaluate_fit(self, recipe: Recipe, net: int, weights: dict[str, Tensor]) -> dict[str, float]:
        signals = load_signals(grid=recipe.fit.grid, **recipe.data)
        target = signals.values[draw_trial(recipe, net).signal(signals)]
        mse = float((render(weights, self.filter(net=net).convention).flatten(1) - target).square().mean())
        return {"mse": mse, "psnr": psnr(mse, signals.peak)}
