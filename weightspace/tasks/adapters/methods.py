"""The ways of reading adapters that are compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor, nn

from weightspace.data import Dataset
from weightspace.tasks.adapters.adapters import Adapters
from weightspace.tasks.adapters.features import canonical_factors, raw_factors, spectra, update_statistics
from weightspace.tasks.adapters.readers import FlatReader, GLNet, TokenReader
from weightspace.tasks.adapters.search import probe_answers, search_triggers, task_summary
from weightspace.tasks.adapters.spacenet import SpaceNetReader

Look = Callable[[Adapters, Dataset], Tensor]
"""Adapters, and the data of their base, to what is seen of each."""


def _alone(look: Callable[[Adapters], Tensor]) -> Look:
    return lambda adapters, data: look(adapters)


@dataclass(frozen=True)
class AdapterMethod:
    """A row of the table.

    Args:
        reads: what it sees of an adapter.
        look: gives that.
        reader: a network for it, from what training nets have, the number of outputs and the sizes of the layers.
        looks: other ways of looking, by the column of the question.
        training: fields of its training that differ from the common ones.
    """

    reads: str
    look: Look
    reader: Callable[[Tensor, int, Sequence[int]], nn.Module]
    looks: Mapping[str, Look] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


def _flat(known: Tensor, outputs: int, sizes: Sequence[int], **settings: Any) -> nn.Module:
    return FlatReader(known, outputs, **settings)


_SHORT = {"steps": 600}
_ANSWERS = {"task": task_summary, "accuracy": task_summary, "merges": probe_answers}

ADAPTER_METHODS: dict[str, AdapterMethod] = {
    "trigger search": AdapterMethod("answers to clean images", search_triggers, _flat, _ANSWERS),
    "SpaceNet": AdapterMethod("factors", _alone(raw_factors), SpaceNetReader, training=_SHORT),
    "GL-net": AdapterMethod("factors", _alone(raw_factors), GLNet, training=_SHORT),
    "QR-SVD tokens": AdapterMethod("canonical factors", _alone(canonical_factors), TokenReader, training=_SHORT),
    "spectra": AdapterMethod("singular values", _alone(spectra), _flat),
    "statistics, logistic regression": AdapterMethod(
        "statistics of updates",
        _alone(update_statistics),
        partial(_flat, layers=0, members=1, dropout=0.0),
        training={"steps": 1500, "learning_rate": 1e-2},  # what it takes to reach the optimum
    ),
    "perceptron on factors": AdapterMethod("factors", _alone(raw_factors), _flat),
}
"""Rows of the table by name, ours first."""
