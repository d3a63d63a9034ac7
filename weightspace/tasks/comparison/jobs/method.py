"""Every method of the comparisons by name: metanets, baselines, and what they are told at each size."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from weightspace.metanets import METANETS, Metanet, ProbeNet, presets
from weightspace.space import WeightSpace
from weightspace.tasks.comparison.baselines.answers import from_answers
from weightspace.tasks.comparison.baselines.boosting import (
    from_hyperparameters,
    from_statistics,
    from_statistics_and_hyperparameters,
)
from weightspace.tasks.comparison.baselines.curves import from_curve, from_curve_and_hyperparameters, from_extrapolation
from weightspace.tasks.comparison.baselines.renders import from_renders
from weightspace.tasks.comparison.jobs.obstacles import (
    needs_answers,
    needs_curve,
    needs_few_shapes,
    needs_hyperparameters,
    needs_known_shapes,
    needs_one_scale,
    needs_perceptrons,
    needs_pictures,
    needs_tasks,
)
from weightspace.tasks.labelled.augmentation import AugmentConfig
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.prediction.fit import fit, predict_nets
from weightspace.tasks.prediction.methodrun import MethodRun, Predictions

_READOUT = "sites side by side, standardised"
_GRAPH_NETS = ("NeuralGraphGNN", "NeuralGraphTransformer", "GraphMetanet", "ScaleGMN", "PyGMetanet")
VERSIONS = dict.fromkeys(_GRAPH_NETS, _READOUT) | {"ProbeNet": "inputs move at the pace of other parameters"}
"""Method -> what its code does since results of it were first made; others give what they gave before."""


@dataclass(frozen=True)
class Method:
    """A row of the tables.

    Args:
        reads: what it sees of a net.
        run: trains it and predicts.
        obstacle: why it can't take a split; empty if it can.
        small: settings at tier S.
        full: at tiers M and L.
        middle: at tier M instead, where a CPU would take hours.
        seeded: whether the seed changes anything.
    """

    reads: str
    run: Callable[[LabelledSplit, MethodRun], Predictions]
    obstacle: Callable[[LabelledSplit], str] = lambda split: ""
    small: Mapping[str, Any] | None = None
    full: Mapping[str, Any] | None = None
    seeded: bool = True
    middle: Mapping[str, Any] | None = None

    def settings(self, tier: str) -> dict[str, Any]:
        """The settings at a tier."""
        of_tier = {"S": self.small, "M": self.middle or self.full, "L": self.full}
        return dict(of_tier[tier] or {})


def with_metanet(kind: str, split: LabelledSplit, run: MethodRun, shapes: int = 0) -> Predictions:
    """Trains a metanet on the training nets, keeps it in the run's folder, and predicts."""
    metanet = fit(
        METANETS[kind],
        split.train,
        split.val,
        run.training,
        run.folder,
        progress=run.progress,
        device=run.device,
        augmentation=run.augmentation,
        shapes=shapes,
        domain=split.domain,
        **run.settings,
    )
    found = {part: predict_nets(metanet, nets.to(run.device)).cpu() for part, nets in split.judged.items()}
    metanet.to("cpu").save_pretrained(run.folder / "metanet")
    return Predictions(found, sum(parameter.numel() for parameter in metanet.parameters()))


def with_permutations(split: LabelledSplit, run: MethodRun) -> Predictions:
    """A perceptron on flat weights that sees the neurons of each net in another order each time."""
    augmentation = replace(run.augmentation or AugmentConfig(), permutation=True)
    return with_metanet("FlatMLP", split, replace(run, augmentation=augmentation))


def with_probe_nets(split: LabelledSplit, run: MethodRun) -> Predictions:
    """A `ProbeNet` for each weight space, trained on the nets of that space alone."""
    found = {part: torch.empty(len(nets), len(nets.classes or nets.names)) for part, nets in split.judged.items()}
    parameters = 0
    for space, module in split.modules.items():
        if not any(space in nets.spaces for nets in split.judged.values()):
            continue
        make = partial(_probe_net, module)
        train, val = split.train.of(space)[0], split.val.of(space)[0]
        folder = run.folder / space.hash[:12]
        metanet = fit(
            make,
            train,
            val,
            run.training,
            folder,
            progress=run.progress,
            device=run.device,
            augmentation=run.augmentation,
            **run.settings,
        )
        parameters += sum(parameter.numel() for parameter in metanet.parameters())
        for part, nets in split.judged.items():
            if space not in nets.spaces:
                continue
            own, places = nets.of(space)
            found[part][places] = predict_nets(metanet, own.to(run.device)).cpu()
    return Predictions(found, parameters)


def _probe_net(module: Any, space: WeightSpace, **settings: Any) -> Metanet:
    return ProbeNet.for_module(module, space, module.example_inputs()[0], **settings)


def _metanet(
    name: str,
    reads: str,
    small: Mapping[str, Any],
    obstacle: Any = None,
    shapes: int = 0,
    middle: Any = None,
    **full: Any,
) -> Method:
    run = partial(with_metanet, name, shapes=shapes)
    return Method(reads, run, obstacle or (lambda split: ""), small, full, middle=middle)


_SMALL = {"width": 32, "layers": 3}
"""Width and rounds at tier S, for all message-passing and equivariant nets alike."""

METHODS: dict[str, Method] = {
    "SpaceNet": _metanet(
        "SpaceNet", "weights and probes", presets.spacenet_small(), needs_answers, 4, **presets.spacenet_small()
    ),
    "SpaceNet, weights only": _metanet(
        "SpaceNet",
        "weights",
        presets.spacenet_weights_only() | _SMALL | {"hidden": 128},
        shapes=4,
        **presets.spacenet_weights_only(),
    ),
    "DWSNet": _metanet("DWSNet", "weights", {"width": 16, "layers": 3}, needs_perceptrons, **presets.dwsnet()),
    "UNF": _metanet("UNF", "weights", {"width": 16, "layers": 3}, needs_known_shapes, 4, **presets.nfn_hnp()),
    "NeuralGraphGNN": _metanet("NeuralGraphGNN", "weights", _SMALL, **presets.neural_graph_gnn()),
    "NeuralGraphTransformer": _metanet(
        "NeuralGraphTransformer",
        "weights",
        _SMALL,
        middle=presets.neural_graph_transformer() | _SMALL,
        **presets.neural_graph_transformer(),
    ),
    "GraphMetanet": _metanet("GraphMetanet", "weights", _SMALL, **presets.graph_metanet()),
    "ScaleGMN": _metanet(
        "ScaleGMN",
        "weights",
        _SMALL,
        needs_one_scale,
        middle=presets.scalegmn_bidirectional() | {"width": 64},
        **presets.scalegmn_bidirectional(),
    ),
    "PyGMetanet": _metanet("PyGMetanet", "weights", _SMALL, **presets.pyg_gine()),
    "ProbeNet": Method("probes", with_probe_nets, needs_few_shapes, {"probes": 64, "width": 128}, presets.probe_net()),
    "StatNet": _metanet("StatNet", "statistics of weights", {"width": 256}, needs_known_shapes, **presets.statnet()),
    "FlatMLP": _metanet("FlatMLP", "flat weights", {"width": 256}, needs_known_shapes, **presets.flat_mlp()),
    "FlatMLP, permuted while training": Method(
        "flat weights", with_permutations, needs_known_shapes, {"width": 256}, presets.flat_mlp()
    ),
    "boosting on statistics": Method("statistics of weights", from_statistics, seeded=False),
    "boosting on hyperparameters": Method("hyperparameters", from_hyperparameters, needs_hyperparameters, seeded=False),
    "boosting on statistics and hyperparameters": Method(
        "statistics of weights, hyperparameters",
        from_statistics_and_hyperparameters,
        needs_hyperparameters,
        seeded=False,
    ),
    "extrapolated learning curve": Method("learning curve", from_extrapolation, needs_curve, seeded=False),
    "boosting on learning curve": Method("learning curve", from_curve, needs_curve, seeded=False),
    "boosting on learning curve and hyperparameters": Method(
        "learning curve, hyperparameters", from_curve_and_hyperparameters, needs_curve, seeded=False
    ),
    "classifier of renders": Method("renders", from_renders, needs_pictures),
    "lowest loss": Method("answers to images of each set", from_answers, needs_tasks, seeded=False),
}
"""Rows of the tables, in their order."""
