"""The first tab: the nets of a zoo as dots, and everything about the one that was clicked."""

from typing import Any

from weightspace.app.answers import told
from weightspace.app.netpictures import draw_learning, draw_shape, draw_shown, draw_weights
from weightspace.app.scatter import draw_scatter, nearest_row
from weightspace.app.zoos import describe_net, find_row, first_columns, last_states, open_zoo, shown_columns

PICTURES = {"shown": "What it shows", "learning": "How it learned", "weights": "Its weights", "graph": "Its graph"}
STILL: dict[str, Any] = {"show_label": False, "interactive": False, "buttons": []}
HOW = "Click a dot, or type a net's number and press Enter."


def add_browsing(zoos: list[str]) -> Any:
    """Adds the tab; ``zoos`` can be chosen, others typed. Returns the field of the zoo, which other tabs read."""
    import gradio as gr

    choice = gr.Dropdown(
        zoos, value=zoos[0] if zoos else "", label="Zoo", allow_custom_value=True, elem_id="zoo",
        info="the folder of a zoo, or hf://datasets/owner/name",
    )  # fmt: skip
    message = gr.Markdown(elem_id="browse-message")
    with gr.Row():
        columns = [
            gr.Dropdown([], label=label, elem_id=f"column-{name}", min_width=120)
            for name, label in (("x", "Across"), ("y", "Up"), ("colour", "Colour"))
        ]
    with gr.Row():
        with gr.Column(scale=3, elem_classes="wide"):
            dots = gr.Image(alt_text="The nets of the zoo", elem_id="scatter", **STILL)
            gr.Markdown(HOW)
            with gr.Row():
                back = gr.Button("Previous net", min_width=100)
                number = gr.Number(label="Net", precision=0, minimum=0, elem_id="net", min_width=100)
                forth = gr.Button("Next net", min_width=100, elem_id="next-net")
            pictures = [
                gr.Image(
                    show_label=False,
                    alt_text=text,
                    interactive=False,
                    visible=False,
                    buttons=[],
                    elem_id=f"picture-{name}",
                )
                for name, text in PICTURES.items()
            ]
        with gr.Column(scale=2, elem_classes="wide"):
            facts = gr.Markdown(elem_id="facts")
    shown = [message, dots, number, facts, *pictures]
    opened = {"inputs": [choice], "outputs": [message, *columns, *shown[1:]]}
    opened["fn"] = told(len(opened["outputs"]) - 1)(open_first)
    show = told(len(shown) - 1)
    for column in columns:
        column.input(show(show_net), [choice, *columns, number], shown)
    dots.select(_on_click(show), [choice, *columns], shown)
    number.submit(show(show_net), [choice, *columns, number], shown)
    for button, step in ((back, -1), (forth, 1)):
        button.click(show(_stepping(step)), [choice, *columns, number], shown)
    gr.on(triggers=None, **opened)  # once the page is there, and when another zoo is chosen
    return choice


def open_first(place: str) -> tuple[Any, ...]:
    """A zoo as it is first shown: its columns, its dots and its first net."""
    import gradio as gr

    zoo = open_zoo(place)
    names, first = shown_columns(zoo), first_columns(zoo)
    chosen = [gr.Dropdown(choices=names, value=value) for value in first]
    return (*chosen, *show_net(place, *first, int(last_states(zoo).table["net"][0].as_py())))


def show_net(place: str, x: str, y: str, colour: str, net: int | float | None) -> tuple[Any, ...]:
    """The dots with a net marked, and everything about it."""
    import gradio as gr

    zoo = open_zoo(place)
    row = find_row(zoo, int(net or 0))
    found = last_states(zoo).row(row)
    weights, _ = last_states(zoo)[row]
    drawn = (draw_shown(zoo, row), draw_learning(zoo, found["net"]), draw_weights(weights), draw_shape(zoo, row))
    pictures = [gr.Image(value=pixels, visible=pixels is not None) for pixels in drawn]
    facts = describe_net(found, zoo.hyperparameters)
    return draw_scatter(zoo, x, y, colour, row), found["net"], facts, *pictures


def show_clicked(place: str, x: str, y: str, colour: str, at: tuple[int | float, int | float]) -> tuple[Any, ...]:
    """As `show_net`, of the net whose dot is nearest to a point of the picture."""
    zoo = open_zoo(place)
    row = nearest_row(zoo, x, y, at)
    return show_net(place, x, y, colour, last_states(zoo).row(row)["net"])


def _on_click(show: Any) -> Any:
    import gradio as gr

    def clicked(place: str, x: str, y: str, colour: str, event: gr.SelectData) -> tuple[Any, ...]:
        return show(show_clicked)(place, x, y, colour, tuple(event.index))

    return clicked


def _stepping(step: int) -> Any:
    def move(place: str, x: str, y: str, colour: str, net: int | float | None) -> tuple[Any, ...]:
        zoo = open_zoo(place)
        count = len(last_states(zoo))
        row = (find_row(zoo, int(net or 0)) + step) % count
        return show_net(place, x, y, colour, last_states(zoo).row(row)["net"])

    return move
