"""Editing checkpoints: files in, files out, each with the convention that says how it is rendered."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from weightspace.checkpoints import find_checkpoints, fit_checkpoint, nonfinite_tensors, read_checkpoint
from weightspace.inr import Convention, render
from weightspace.machine.whole_file import whole_file
from weightspace.nets import Architecture
from weightspace.reading import read_json
from weightspace.tasks.editing.editor import Editor
from weightspace.tasks.editing.measures import signal_errors
from weightspace.tasks.labelled.domain import compare_domains, read_domain

ASKED = ("w0", "w0_hidden", "first_layer", "output_shift", "grid", "coordinates", "values")
"""What a file without a convention must be told, where its kind of net has it."""


@dataclass(frozen=True)
class EditedFile:
    """One edited checkpoint.

    Args:
        source: where it came from.
        path: where it went.
        edits: the edits that it got, in order.
        before, target, after: what was rendered, what was aimed at (the edited render), what is rendered now;
            ``[channels, *shape]``.
        nothing, edited: mse and psnr against the target, before and after.
    """

    source: Path
    path: Path
    edits: tuple[str, ...]
    before: Tensor
    target: Tensor
    after: Tensor
    nothing: Mapping[str, float]
    edited: Mapping[str, float]


def edit_files(
    editor: Editor,
    paths: Iterable[str | Path],
    out: str | Path,
    edits: Sequence[str | None] = (None,),
    strength: float = 1.0,
    told: Mapping[str, Any] | None = None,
    warn: Callable[[str], None] = lambda message: None,
) -> list[EditedFile]:
    """Edits ``.safetensors`` files, and all in folders, and writes each as a checkpoint of the same kind.

    Args:
        out: a ``.safetensors`` file for one net, else a folder, which gets a file of the same name for each.
        edits: applied one after the other; None is the only one that the metanet was trained for.
        strength: a factor on each change.
        told: the convention of files that don't store theirs, see `ASKED`.
        warn: is told of nets that were fitted to other data than those that the metanet was trained on.

    Raises:
        ValueError: an edit that the metanet wasn't trained for; a file without convention, or with another one, or of
            another architecture than the metanet knows; a place that would overwrite what is read.
    """
    texts = [editor.settings.edits[editor.number(edit)] for edit in edits]
    sources = find_checkpoints(paths)
    places = _places(sources, Path(out))
    for source in sources:
        given = {"data": read_domain(read_checkpoint(source)[1]).get("data", {})}
        _, differences = compare_domains({"data": editor.settings.data or {}}, given)
        if differences:
            warn(f"{source} isn't what the metanet was trained on: {'; '.join(differences)}")
    return [
        _edit_file(editor, source, place, texts, strength, told or {})
        for source, place in zip(sources, places, strict=True)
    ]


def _convention(path: str | Path, stored: Any, trained: Convention, told: Mapping[str, Any]) -> Convention:
    """How the net of a file is rendered.

    Args:
        stored: what its metadata say of that, or None.
        trained: the convention that is expected.
        told: what the file doesn't say, see `ASKED`.

    Raises:
        ValueError: the convention is neither stored nor told, or both; or it isn't the one that is expected.
    """
    told = {name: value for name, value in told.items() if value is not None}
    if stored is not None and told:
        raise ValueError(f"{path} stores its convention; leave out {_flags(told)}.")
    convention = Convention.from_dict(stored) if stored is not None else _told(path, trained, told)
    differences, _ = compare_domains({"convention": trained.to_dict()}, {"convention": convention.to_dict()})
    if differences:
        raise ValueError(f"{path} is of another kind than the nets that the metanet was trained to edit: "
                         f"{'; '.join(differences)}. Train one on nets like it (scripts/train_editor.py).")  # fmt: skip
    return convention


def write_inr(
    path: str | Path, weights: Mapping[str, Tensor], convention: Convention, note: Mapping[str, str] | None = None
) -> Path:
    """Writes one net as a ``.safetensors`` file whose metadata say how it is rendered."""
    path = Path(path)
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    with whole_file(path) as file:
        save_file(tensors, file, metadata=dict(note or {}) | {"convention": json.dumps(convention.to_dict())})
    return path


def _edit_file(
    editor: Editor, source: Path, place: Path, edits: Sequence[str], strength: float, told: Mapping[str, Any]
) -> EditedFile:
    weights, note = read_checkpoint(source)
    stored = read_domain(note).get("convention")
    if stored is None:
        weights = _fitted(editor, weights, source)  # another architecture is said before what is missing
    convention = _convention(source, stored, editor.convention, told)
    weights = _fitted(editor, weights, source)
    before = target = render(weights, convention)
    for number, edit in enumerate(edits):
        if number:
            weights = _fitted(editor, weights, source)
        target = editor.apply(edit, target[None])[0]
        weights, convention = editor.edit(weights, edit, strength)
    after = render(weights, convention)
    if broken := nonfinite_tensors(weights | {"its picture": after}):
        raise ValueError(
            f"{source}: the edited net must be finite, but {', '.join(broken[:5])} isn't; its weights are far from "
            "those in training. Nothing was written."
        )
    earlier = read_json(note.get("edits", "[]"), f"{source}: the metadata 'edits'").items()
    done = json.dumps([*(edit.text() for edit in earlier), *edits])
    space = {"space": editor.space.hash} if convention == editor.convention else {}
    write_inr(place, weights, convention, {k: v for k, v in note.items() if k != "space"} | space | {"edits": done})
    peak = convention.peak
    scores = [signal_errors(x.flatten(1)[None], target.flatten(1)[None], peak) for x in (before, after)]
    return EditedFile(source, place, tuple(edits), before, target, after, scores[0], scores[1])


def _fitted(editor: Editor, weights: Mapping[str, Tensor], source: Path) -> dict[str, Tensor]:
    """The weights as the editor's space wants them, all finite."""
    try:
        _, fitted = fit_checkpoint((editor.space,), weights)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    if broken := nonfinite_tensors(fitted):
        raise ValueError(f"{source}: its weights must be finite, but {', '.join(broken[:5])} hold infinities or NaN.")
    return fitted


def _told(path: str | Path, trained: Convention, told: Mapping[str, Any]) -> Convention:
    values, own = (trained.low, trained.low + trained.peak), trained.architecture.settings
    known = {**own, "grid": trained.grid, "coordinates": trained.coordinates, "values": values}
    asked = [name for name in ASKED if name in known]
    told = dict(told)
    if "w0" in told:
        told.setdefault("w0_hidden", told["w0"])
    missing = [name for name in asked if name not in told]
    if missing:
        here = " ".join(_flag(name, known[name]) for name in asked)
        raise ValueError(f"{path} doesn't store how it is rendered. Say it with {_flags(missing)}; the metanet was "
                         f"trained on nets with {here}.")  # fmt: skip
    settings = {name: told.get(name, value) for name, value in own.items()}
    architecture = Architecture(trained.architecture.net, settings)
    (low, high), coordinates = told["values"], (float(told["coordinates"][0]), float(told["coordinates"][1]))
    return replace(
        trained, architecture=architecture, grid=told["grid"],
        coordinates=coordinates, low=float(low), peak=float(high - low),
    )  # fmt: skip


def _flag(name: str, value: Any) -> str:
    words = value if isinstance(value, tuple) else (value,)
    return " ".join([f"--{name.replace('_', '-')}", *map(str, words)])


def _flags(names: Iterable[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def _places(sources: Sequence[Path], out: Path) -> list[Path]:
    if out.suffix == ".safetensors":
        if len(sources) > 1:
            raise ValueError(f"{len(sources)} nets need a folder to go to, got --out {out}.")
        places = [out]
    else:
        places = [out / source.name for source in sources]
    for source, place in zip(sources, places, strict=True):
        if place.resolve() in {other.resolve() for other in sources}:
            raise ValueError(f"--out would overwrite {source}, which is read. Choose another place.")
    if len(set(places)) < len(places):
        raise ValueError("Two of the files have the same name and can't go into one folder. Edit them one by one.")
    return places
