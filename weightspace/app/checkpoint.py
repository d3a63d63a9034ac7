"""The second tab: a checkpoint, what a metanet says of it, and which nets of a folder it is related to."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from weightspace.app.answers import small_file, told
from weightspace.app.netpictures import draw_weights
from weightspace.hub.shipped import shipped_readers
from weightspace.markdown import table_lines

MOST_RELATIVES = 20
_RELATED = 0.01


def add_checkpoint(files: list[str]) -> None:
    """Adds the tab; the first of ``files`` stands in the field."""
    import gradio as gr

    gr.Markdown("A metanet reads the weights of a network and says something of it, without running it on any data.")
    with gr.Row():
        with gr.Column(elem_classes="wide"):
            upload = gr.File(label="Drop a checkpoint (.safetensors, .pt, .pth)", type="filepath", elem_id="drop")
            typed = gr.Textbox(files[0] if files else "", label="or type where it lies", elem_id="typed")
        with gr.Column(elem_classes="wide"):
            readers = shipped_readers()
            metanet = gr.Dropdown(
                readers, value=readers[0], label="Metanet", allow_custom_value=True, elem_id="metanet",
                info="one that ships, a folder that save_pretrained wrote, or owner/name",
            )  # fmt: skip
            ask = gr.Button("Predict", variant="primary", elem_id="predict")
            folder = gr.Textbox(label="Folder of nets that it may come from", elem_id="relatives")
            relate = gr.Button("Find relatives", elem_id="relate")
    message = gr.Markdown(elem_id="checkpoint-message")
    said = gr.Markdown(elem_id="said")
    weights = gr.Image(show_label=False, alt_text="Its weights", interactive=False, visible=False, buttons=[])
    ask.click(told(2)(predict_checkpoint), [upload, typed, metanet], [message, said, weights])
    typed.submit(told(2)(predict_checkpoint), [upload, typed, metanet], [message, said, weights])
    relate.click(told(1)(find_relatives), [upload, typed, metanet, folder], [message, said])


@lru_cache(maxsize=4)
def loaded(name: str) -> Any:
    """What `load_metanet` gives, kept for the next question."""
    from weightspace.metanets import load_metanet

    return load_metanet(name)


def predict_checkpoint(upload: str | None, typed: str, metanet: str) -> tuple[Any, ...]:
    """What a metanet says of a checkpoint, as Markdown, and a picture of its weights."""
    import gradio as gr

    from weightspace.checkpoints import read_checkpoint
    from weightspace.tasks.prediction.files import predict_files

    path = small_file(upload, typed)
    heard: list[str] = []
    labels = next(iter(predict_files(loaded(metanet.strip()), [path], warn=heard.append).values()))
    table = "\n".join(table_lines(("", ""), ((name, _text(value)) for name, value in labels.items())))
    warnings = "".join(f"\n\nBeware: {text.removeprefix(f'{path}: ')}." for text in heard)
    drawn = draw_weights(read_checkpoint(path)[0])
    return f"### {path.name}\n\n{table}\n{warnings}", gr.Image(value=drawn, visible=True)


def find_relatives(upload: str | None, typed: str, metanet: str, folder: str) -> str:
    """How alike a checkpoint and each net of a folder are once aligned, and how likely strangers are as alike.

    Raises:
        ValueError: no folder, or fewer than four nets in it that fit; the architecture must be one the metanet knows.
    """
    from weightspace.align.lineage import p_values, scores
    from weightspace.checkpoints import find_checkpoints, fit_checkpoint, read_checkpoint

    path = small_file(upload, typed)
    weights, note = read_checkpoint(path)
    space, weights = fit_checkpoint(loaded(metanet.strip()).spaces, weights, note.get("space"))
    if not folder.strip() or not Path(folder.strip()).is_dir():
        raise ValueError(f"Type a folder of checkpoints to compare with, got {folder!r}.")
    files = [file for file in find_checkpoints([folder.strip()]) if file.resolve() != path.resolve()]
    nets, names = [weights], []
    for file in files:
        if len(names) < MOST_RELATIVES and (net := _fitting(space, file)) is not None:
            nets.append(net)
            names.append(file.name)
    if len(names) < 4:
        raise ValueError(f"{folder} must hold four nets of the same architecture at least, got {len(names)}.")
    table = scores(space, {name: torch.stack([net[name] for net in nets]) for name in weights})
    pairs = torch.triu_indices(len(nets), len(nets), 1)
    rows = []
    for number, name in enumerate(names, 1):
        other = ~((pairs[0] == 0) & (pairs[1] == number))
        chance = float(p_values(table[0, number][None], table[pairs[0], pairs[1]][other])[0])
        rows.append((chance, float(table[0, number]), name))
    cells = [(name, f"{score:.3f}", f"{chance:.1e}") for chance, score, name in sorted(rows)]
    table = "\n".join(table_lines(("net", "alike", "chance among strangers"), cells))
    near = [name for chance, _, name in sorted(rows) if chance < _RELATED]
    verdict = f"Related: {', '.join(near)}." if near else "None of them is more alike than strangers are."
    left = f"Of {len(files)} files {len(names)} are of its architecture and were compared."
    return f"{verdict} {left}\n\n{table}\n"


def _fitting(space: Any, file: Path) -> dict[str, torch.Tensor] | None:
    """The weights of a file, if they are of this space."""
    from weightspace.checkpoints import fit_checkpoint, read_checkpoint

    try:
        weights, note = read_checkpoint(file)
        return fit_checkpoint([space], weights, note.get("space"))[1]
    except ValueError:
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.4f}"
