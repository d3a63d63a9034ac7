"""How near edited nets come to their targets, beside doing nothing and beside fitting each net on."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from weightspace.inr import Convention, render_stack
from weightspace.inr.readout import solve_readout
from weightspace.markdown import table_lines
from weightspace.tasks.editing.editnets import EditNets
from weightspace.tasks.editing.editor import Editor, edit_names
from weightspace.tasks.editing.refit import refit

REFITS = (10, 100)
"""Steps of Adam with which nets are fitted on, for comparison."""


def measure_editor(
    editor: Editor, nets: EditNets, refits: Sequence[int] = REFITS, lr: float = 2e-3
) -> dict[str, dict[str, dict[str, float]]]:
    """For each edit and method: mse and psnr (dB, mean over nets) against the targets, and seconds a net.

    Methods are the metanet by the name of its class, and those of `measure_plain`.

    Args:
        nets: held out, with targets for each edit of the editor, in its order.
        refits: steps of Adam. lr: its learning rate.
    """
    found = {}
    for number, text in enumerate(editor.settings.edits):
        ours = measure_edit(editor, nets, number)
        found[edit_names(text)] = {type(editor.metanet).__name__: ours, **measure_plain(nets, number, lr, refits)}
    return found


def measure_edit(editor: Editor, nets: EditNets, number: int) -> dict[str, float]:
    """What `measure_editor` gives for one edit and the metanet alone."""
    return _timed(partial(editor.edit, nets.weights, editor.settings.edits[number]), nets.targets[number])


def measure_plain(
    nets: EditNets, edit: int, lr: float = 2e-3, refits: Sequence[int] = REFITS, ridge: float = 1e-3
) -> dict[str, dict[str, float]]:
    """What needs no metanet: `plain_ways`, measured against the targets; mse, psnr and seconds a net."""
    return {name: measure_way(way, nets, edit) for name, way in plain_ways(nets, edit, lr, refits, ridge).items()}


def measure_way(way: Callable[[], dict[str, Tensor]], nets: EditNets, edit: int) -> dict[str, float]:
    """Mse, psnr and seconds a net of one of `plain_ways`."""
    return _timed(lambda: (way(), nets.convention), nets.targets[edit])


def plain_ways(
    nets: EditNets, edit: int, lr: float = 2e-3, refits: Sequence[int] = REFITS, ridge: float = 1e-3
) -> dict[str, Callable[[], dict[str, Tensor]]]:
    """``nothing``, ``readout alone`` (SIRENs: the last layer solved for), ``refit, N steps``; each gives edited nets.

    All aim at the edited renders, so that they know no more than a metanet does.

    Args:
        edit: its number in ``nets.targets``. lr, refits: of Adam. ridge: of the least squares.
    """
    given, convention, own = nets.weights, nets.convention, nets.edited[edit]
    ways: dict[str, Callable[[], dict[str, Tensor]]] = {"nothing": lambda: given}
    if convention.architecture.net == "siren":
        ways["readout alone"] = partial(solve_readout, given, convention, convention.points().to(own), own, ridge)
    for steps in refits:
        ways[f"refit, {steps} steps"] = partial(refit, given, convention, own, steps, lr)
    return ways


def signal_errors(renders: Tensor, targets: Tensor, peak: float) -> dict[str, float]:
    """Mean squared error, and the mean over nets of the peak signal-to-noise ratio in dB."""
    errors = (renders - targets).double().square().mean((1, 2))
    return {"mse": float(errors.mean()), "psnr": float((10 * (peak**2 / errors.clamp_min(1e-12)).log10()).mean())}


def render_all(weights: dict[str, Tensor], convention: Convention, points: Tensor) -> Tensor:
    """What a stack of any number of nets renders, ``[nets, channels, points]``."""
    count = len(next(iter(weights.values())))
    with torch.no_grad():
        parts = torch.arange(count).split(256)
        return torch.cat([render_stack({k: v[p] for k, v in weights.items()}, convention, points) for p in parts])


def _timed(method: Callable[[], tuple[dict[str, Tensor], Convention]], target: Tensor) -> dict[str, float]:

    began = time.perf_counter()
    weights, convention = method()
    seconds = time.perf_counter() - began
    points = convention.points().to(target)
    scores = signal_errors(render_all(weights, convention, points), target, convention.peak)
    return scores | {"seconds": seconds / len(target)}


def pictures(editor: Editor, nets: EditNets, edit: int, count: int = 12) -> dict[str, Tensor]:
    """The first nets before an edit, what is aimed at, and after it, ``[nets, channels, *grid]``."""
    text, shape = editor.settings.edits[edit], editor.convention.shape
    weights, convention = editor.edit({name: tensor[:count] for name, tensor in nets.weights.items()}, text)
    points = convention.points().to(nets.renders)
    rows = {
        "before": nets.renders[:count],
        "target": nets.targets[edit, :count],
        "after": render_all(weights, convention, points),
    }
    return {name: row.reshape(*row.shape[:2], *shape) for name, row in rows.items()}


def edit_table(scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """What `measure_editor` gave, as a table in Markdown."""
    cells = [
        [edit, method, f"{100 * row['mse']:.3f}", f"{row['psnr']:.2f}", f"{1000 * row['seconds']:.2f}"]
        for edit, rows in scores.items()
        for method, row in rows.items()
    ]
    return "\n".join(table_lines(["edit", "method", "MSE x 10^-2", "PSNR, dB", "ms a net"], cells)) + "\n"
