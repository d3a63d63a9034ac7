"""The page as a whole, and its server on this machine."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from weightspace.app.answers import LARGEST
from weightspace.zoo.folder.manifest import MANIFEST
from weightspace.zoo.remote import is_remote

PORT = 7860
_CSS = """
footer {display: none !important}
.gradio-container {width: 100% !important; max-width: 1100px !important; margin: auto; padding: 8px !important}
.gradio-container .row > *, .gradio-container .form > * {min-width: min(100%, 120px) !important}
.gradio-container .wide {min-width: min(100%, 320px) !important}
.gradio-container table {font-size: 13px; border-collapse: collapse}
.gradio-container thead:has(th:first-child:empty) {display: none}
.gradio-container .wrap-inner input {text-overflow: ellipsis; margin-right: 18px !important}
.gradio-container td {padding: 1px 10px !important; border: none !important}
"""


def make_page(paths: Sequence[str] = ()) -> Any:
    """The page, as Gradio's ``Blocks``.

    Args:
        paths: zoos, folders that hold zoos, addresses of the Hub; and checkpoints.

    Raises:
        ModuleNotFoundError: Gradio isn't installed.
        FileNotFoundError: there is nothing at one of the paths.
    """
    import gradio as gr

    from weightspace.app.browse import add_browsing
    from weightspace.app.checkpoint import add_checkpoint
    from weightspace.app.editing import add_editing
    from weightspace.app.generating import add_generating

    zoos, files = _sort(paths)
    with gr.Blocks(title="weightspace", analytics_enabled=False) as page:
        gr.Markdown("# weightspace\nLearning from the weights of neural networks.")
        with gr.Tab("Browse"):
            zoo = add_browsing(zoos)
        with gr.Tab("Checkpoint"):
            add_checkpoint(files)
        with gr.Tab("Edit"):
            add_editing(zoo)
        with gr.Tab("Generate"):
            add_generating(zoo)
    return page


def run_page(paths: Sequence[str] = (), port: int | None = None, say: Callable[[str], None] | None = None) -> None:
    """Serves the page on this machine until it is interrupted.

    Args:
        paths: as for `make_page`. port: None takes the first free one from 7860 on. say: is told the address.

    Raises:
        OSError: the port is taken.
    """
    page = make_page(paths)
    try:
        _, address, _ = launch(page, port)
    except OSError:
        raise OSError(f"port {port} is taken; choose another one with --port, or leave it out.") from None
    if say is not None:
        say(f"The page is at {address} (Ctrl-C ends it).")
    page.block_thread()


def launch(page: Any, port: int | None = None) -> tuple[Any, str, Any]:
    """Starts the server of a page; nothing is loaded from elsewhere, nothing is sent anywhere."""
    from gradio.themes import Base

    import weightspace.graphs  # noqa: F401  takes seconds: now, rather than when the first net is drawn

    theme = Base(primary_hue="cyan", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return page.launch(
        server_name="127.0.0.1", server_port=port, share=False, quiet=True, prevent_thread_lock=True, inbrowser=False,
        max_file_size=LARGEST, ssr_mode=False, theme=theme, css=_CSS, footer_links=[], enable_monitoring=False,
    )  # fmt: skip


def _sort(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Zoos and files among the paths."""
    zoos, files = [], []
    for text in paths:
        path = Path(text)
        inside = sorted(path.glob(f"*/{MANIFEST}")) if path.is_dir() and not (path / MANIFEST).is_file() else []
        if is_remote(text):
            zoos.append(text)
        elif path.is_file():
            files.append(str(path.resolve()))
        elif path.is_dir():
            zoos += [str(found.parent) for found in inside] or [str(path)]
        else:
            raise FileNotFoundError(f"There is nothing at {text}; give zoos, folders of zoos, or checkpoints.")
    return zoos, files
