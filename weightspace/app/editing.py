"""The third tab: the picture that a net's weights encode, changed through its weights."""

from functools import lru_cache
from typing import Any

import numpy as np

from weightspace.app.answers import told
from weightspace.app.checkpoint import loaded
from weightspace.app.zoos import find_row, last_states, open_zoo
from weightspace.hub.shipped import shipped

SIZE = 8


def add_editing(zoo: Any) -> None:
    """Adds the tab; ``zoo`` is the field of the first tab."""
    import gradio as gr

    gr.Markdown(
        "An implicit representation is a network that encodes a picture in its weights. An editing metanet changes the "
        "weights, and with them the picture, without fitting anything."
    )
    editors = [name for name in shipped() if "dilate" in name]
    with gr.Row():
        metanet = gr.Dropdown(
            editors, value=editors[0], label="Editing metanet", allow_custom_value=True, elem_id="editor", min_width=200
        )
        net = gr.Number(0, label="Net of the zoo", precision=0, minimum=0, elem_id="edit-net", min_width=100)
        strength = gr.Slider(-1, 2, 1, step=0.1, label="Strength of the change", elem_id="strength", min_width=200)
    message = gr.Markdown(elem_id="edit-message")
    with gr.Row():
        pictures = [
            gr.Image(label=label, interactive=False, buttons=[], elem_id=f"edit-{name}", min_width=140, height=260)
            for name, label in (("before", "Before"), ("target", "Aimed at"), ("after", "After"))
        ]
    draw = gr.Button("Show", variant="primary", elem_id="edit-show")
    asked: dict[str, Any] = {"inputs": [zoo, net, metanet, strength], "outputs": [message, *pictures]}
    draw.click(told(3)(edit_net), **asked)
    net.submit(told(3)(edit_net), **asked)
    strength.change(told(3)(edit_net), **asked, trigger_mode="always_last", show_progress="hidden")


@lru_cache(maxsize=4)
def _editor(name: str) -> Any:
    from weightspace.tasks.editing.editor import Editor

    return Editor(loaded(name))


def edit_net(place: str, net: int | float | None, metanet: str, strength: int | float) -> tuple[np.ndarray, ...]:
    """What a net of a zoo shows, what is aimed at, and what it shows after the edit.

    Raises:
        ValueError: no implicit representations, or others than those that the metanet was trained to edit.
    """
    from weightspace.inr import render
    from weightspace.tasks.labelled.domain import compare_domains

    zoo, editor = open_zoo(place), _editor(metanet.strip())
    row = find_row(zoo, int(net or 0))
    view = last_states(zoo)[row : row + 1]
    if not view.renders:
        raise ValueError(f"{place} holds no implicit representations; choose a zoo of them, such as digits-inr.")
    kinds = [{"convention": convention.to_dict()} for convention in (editor.convention, view.convention)]
    differences, _ = compare_domains(*kinds)
    if differences or view.space != editor.space:
        reason = "; ".join(differences) or "another architecture"
        raise ValueError(f"{metanet} was trained to edit other nets than those of {place}: {reason}.")
    weights = view[0][0]
    before = render(weights, view.convention)
    target = editor.apply(None, before[None])[0]
    edited, convention = editor.edit(weights, None, float(strength))
    return tuple(_pixels(shown, convention) for shown in (before, target, render(edited, convention)))


def _pixels(shown: Any, convention: Any) -> np.ndarray:
    """A picture ``[channels, height, width]`` large enough to look at."""
    scaled = ((shown - convention.low) / convention.peak).clamp(0, 1).mul(255).round().byte().numpy()
    image = np.moveaxis(scaled, 0, -1).repeat(SIZE * 4, 0).repeat(SIZE * 4, 1)
    return image.repeat(3, 2) if image.shape[2] == 1 else image
