"""Training a metanet to edit: its loss is in what the edited nets render."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from weightspace.inr.edits import parse_edits
from weightspace.inr.gradient import error_gradient
from weightspace.inr.readout import solve_readout
from weightspace.metanets import Metanet
from weightspace.metanets.inputs.scaling import usual_size
from weightspace.tasks.editing.editnets import EditNets
from weightspace.tasks.editing.editor import Editor, make_editor
from weightspace.tasks.editing.editsettings import EditSettings
from weightspace.tasks.training.train import TrainConfig, train

SOME = 512
"""Training nets that usual sizes are measured on."""

UNIT = 100.0
"""Losses are in hundredths, as the field reports them: MSE x 10^-2."""


@dataclass(frozen=True)
class EditConfig:
    """How a metanet edits; see `EditSettings`.

    Args:
        gradients: read the gradient of the edit's error.
        passes: looks at each net, a change after each.
        candidates: edited nets whose outputs are averaged.
        readout: ridge with which the last layer is solved for; 0 leaves it to the metanet.
        scale: of the changes at the start.
    """

    gradients: bool = True
    passes: int = 1
    candidates: int = 1
    readout: float = 1e-3
    scale: float = 0.3


def fit_editor(
    kind: type[Metanet],
    nets: EditNets,
    val: EditNets,
    edits: Sequence[str],
    config: EditConfig,
    training: TrainConfig,
    folder: str | Path,
    *,
    progress: bool = True,
    device: torch.device | str = "cpu",
    **metanet,
) -> Editor:
    """A metanet of class `kind`, trained to edit nets like `nets`; the parameters kept do best on `val`.

    With several edits, each net of a batch gets one drawn at random, and a metanet is told which.

    Args:
        edits: their texts, as many as ``nets.targets`` has.
        folder: gets the log and the checkpoint; called again with it, a run that was stopped goes on.
        metanet: fields of the metanet's `Config`.
    """
    settings = settings_of(nets, edits, config)
    with torch.random.fork_rng():
        torch.manual_seed(training.seed)
        editor = make_editor(kind, settings, **metanet)
    fit_inputs(editor, nets)
    editor.metanet.to(device)
    nets, val = nets.to(device), val.to(device)

    def loss(chosen: Tensor) -> Tensor:
        which = torch.randint(len(edits), (len(chosen),)).to(nets.renders.device)
        return UNIT * errors(editor, nets, chosen.to(nets.renders.device), which).mean()

    def judge() -> float:
        return UNIT * float(torch.stack([all_errors(editor, val, edit) for edit in range(len(edits))]).mean())

    run = f"{editor.metanet.config} {nets.fingerprint()} {val.fingerprint()}"
    name = f"{kind.__name__}, MSE x 10^-2"
    train(editor.metanet, loss, judge, len(nets), training, folder, progress=progress, name=name, run=run)
    return editor


def settings_of(nets: EditNets, edits: Sequence[str], config: EditConfig) -> EditSettings:
    """The settings of an editor for such nets; usual sizes of gradients are measured on some of them."""
    points = nets.convention.points().to(nets.renders)
    chosen = torch.arange(min(len(nets), SOME))
    found = [
        error_gradient(given, nets.convention, points, target) for given, target in starts(nets, config.readout, chosen)
    ]
    return EditSettings(
        edits=tuple("+".join(map(str, parse_edits(text))) for text in edits),
        space=nets.space,
        convention=nets.convention,
        data=nets.data,
        weight_sizes={name: float(usual_size(tensor)) for name, tensor in nets.weights.items()},
        gradient_sizes={name: float(usual_size(torch.cat([each[name] for each in found]))) for name in nets.weights},
        **asdict(config),
    )


def starts(nets: EditNets, ridge: float, chosen: Tensor) -> list[tuple[dict[str, Tensor], Tensor]]:
    """For each edit some nets as a metanet sees them first, and their edited renders."""
    points = nets.convention.points().to(nets.renders)
    pairs = [(nets.select(chosen), target[chosen]) for target in nets.edited]
    if not ridge:
        return pairs
    return [(solve_readout(given, nets.convention, points, target, ridge), target) for given, target in pairs]


def fit_inputs(editor: Editor, nets: EditNets) -> None:
    """Sets the normalisation of the metanet's inputs."""
    channels, chosen = editor.settings.channels, torch.arange(min(len(nets), SOME))
    given = [weights for weights, _ in starts(nets, editor.settings.readout, chosen)]
    stack = {name: torch.cat([weights[name] for weights in given]) for name in nets.weights}
    if channels > 1:
        stack = {k: v.unsqueeze(-1).expand(*v.shape, channels).contiguous() for k, v in stack.items()}
    editor.metanet.fit_statistics({editor.metanet.spaces[0]: stack})


def errors(editor: Editor, nets: EditNets, chosen: Int[Tensor, "batch"], which: Int[Tensor, "batch"]) -> Tensor:
    """The mean squared error of each chosen net after its edit, against the target, differentiable."""
    found = editor.candidates(nets.select(chosen), nets.edited[which, chosen], which)
    return (editor.render(found) - nets.targets[which, chosen]).square().mean((1, 2))


@torch.no_grad()
def all_errors(editor: Editor, nets: EditNets, edit: int, batch: int = 250) -> Tensor:
    """The mean squared errors of all nets after one edit."""
    found = []
    for chosen in torch.arange(len(nets), device=nets.renders.device).split(batch):
        found.append(errors(editor, nets, chosen, torch.full_like(chosen, edit)))
    return torch.cat(found)
