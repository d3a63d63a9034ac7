"""The fourth tab: nets that nobody trained, beside nets that are drawn by He's rule."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from weightspace.app.answers import told
from weightspace.app.checkpoint import loaded
from weightspace.app.netpictures import picture
from weightspace.app.zoos import last_states, open_zoo
from weightspace.palette import OURS, THEIRS
from weightspace.zoo import Zoo

WAYS = ("LayerGaussian", "Soup", "KernelDensity", "PrincipalDensity")
MOST_TRAINING, MOST_DRAWN = 200, 64


def add_generating(zoo: Any) -> None:
    """Adds the tab; ``zoo`` is the field of the first tab."""
    import gradio as gr

    gr.Markdown(
        "A generator writes the weights of new networks. These learn from the zoo's training nets in a moment; a "
        "trained one can be named instead. Nets drawn by He's rule, with which training usually starts, stand beside."
    )
    with gr.Row():
        way = gr.Dropdown(
            list(WAYS), value=WAYS[0], label="Generator", allow_custom_value=True, elem_id="generator", min_width=200,
            info="or a folder that save_pretrained wrote, or owner/name",
        )  # fmt: skip
        count = gr.Slider(4, MOST_DRAWN, 16, step=4, label="Nets", min_width=160)
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=80)
    write = gr.Button("Generate", variant="primary", elem_id="generate")
    message = gr.Markdown(elem_id="generate-message")
    said = gr.Markdown(elem_id="generated")
    drawn = gr.Image(
        show_label=False,
        alt_text="Generated, and by He's rule",
        interactive=False,
        buttons=[],
        elem_id="generated-picture",
    )
    write.click(told(2)(generate), [zoo, way, count, seed], [message, said, drawn])


def generate(place: str, way: str, count: int | float, seed: int | float) -> tuple[str, np.ndarray]:
    """A sentence and a picture of generated nets and fresh ones: their accuracy, or what they show.

    Raises:
        ValueError: an unknown generator, one that writes other nets, or a zoo with too few training nets.
    """
    from weightspace.generators import Fresh

    zoo = _common(last_states(open_zoo(place)).filter(status="ok"))
    writer = _writer(zoo, way.strip())
    net = zoo.architecture.build() if writer.takes_net else None
    ours = writer.sample(zoo.space, int(count), condition=net, seed=int(seed))
    fresh = Fresh.for_spaces(zoo.space).sample(zoo.space, int(count), seed=int(seed))
    return _shown(zoo, ours, fresh, way) if zoo.renders else _judged(zoo, ours, fresh, way)


def _common(zoo: Zoo) -> Zoo:
    """The states of the architecture that occurs most."""
    spaces = zoo.by_space()
    if not spaces:
        raise ValueError(f"{zoo.address} has no net that didn't fail.")
    return max(spaces.values(), key=len)


def _writer(zoo: Zoo, way: str) -> Any:
    from weightspace.generators import GENERATORS, Generator

    if way not in GENERATORS:
        found = loaded(way)
        if not isinstance(found, Generator):
            raise ValueError(f"{way} holds a {type(found).__name__}, which reads weights and writes none.")
        return found
    if way not in WAYS:
        raise ValueError(f"{way} must be trained first; give the folder of a trained one, or one of {', '.join(WAYS)}.")
    train = zoo.split("train")[:MOST_TRAINING]
    if len(train) < 4:
        raise ValueError(f"A generator needs four training nets at least, {zoo.address} has {len(train)} of this kind.")
    return GENERATORS[way].from_nets(zoo.space, train.weights())  # pyright: ignore


def _judged(zoo: Zoo, ours: dict[str, Tensor], fresh: dict[str, Tensor], way: str) -> tuple[str, np.ndarray]:
    from weightspace.data import load_dataset
    from weightspace.zoo.train.evaluate import Evaluation

    evaluation = Evaluation(zoo.architecture.build().eval(), load_dataset(**zoo.recipe.data), 1000)
    found = {name: evaluation.measure(nets)["test_accuracy"] for name, nets in ((way, ours), ("He", fresh))}
    known = [value for value in zoo.split("test").table["test_accuracy"].to_pylist() if value is not None]
    shown = {**{name: values.tolist() for name, values in found.items()}, "trained nets of the zoo": known}

    def draw(figure: Any) -> None:
        axes = figure.add_axes((0.1, 0.16, 0.87, 0.8))
        for (name, values), colour in zip(shown.items(), (OURS, THEIRS, "none"), strict=True):
            share = [100 / len(values)] * len(values) if values else []
            axes.hist(values, bins=np.linspace(0, 1, 26).tolist(), weights=share, color=colour, alpha=0.8, label=name,
                      edgecolor="#22262b" if colour == "none" else "none")  # fmt: skip
        axes.set(
            xlabel="test accuracy, without any training of the generated ones", ylabel="share of nets in %", xlim=(0, 1)
        )
        axes.legend(frameon=False)

    means = ", ".join(
        f"{name} {100 * float(torch.tensor(values).mean()):.1f} %" for name, values in shown.items() if values
    )
    return f"Mean test accuracy: {means}.", picture(draw, 6, 3.2)


def _shown(zoo: Zoo, ours: dict[str, Tensor], fresh: dict[str, Tensor], way: str) -> tuple[str, np.ndarray]:
    from weightspace.inr import render

    count = min(8, len(next(iter(ours.values()))))
    rows = {way: ours, "He": fresh}

    def draw(figure: Any) -> None:
        axes = figure.subplots(2, count, squeeze=False)
        for line, (name, nets) in zip(axes, rows.items(), strict=True):
            for number, axis in enumerate(line):
                image = render({key: tensor[number] for key, tensor in nets.items()}, zoo.convention).squeeze(0)
                axis.imshow(image.numpy(), cmap="gray") if image.dim() == 2 else axis.plot(image.flatten().numpy())
                axis.set_axis_off()
            line[0].set_title(name, loc="left")

    return f"What {count} nets of {way} show, and {count} drawn by He's rule.", picture(draw, 1.1 * count, 2.8)
