"""`weightspace app`: a page in the browser."""

import argparse

from weightspace.cli.terminal.console import say
from weightspace.cli.terminal.parser import Parser

_APP = """\
Opens a page in the browser, on this machine alone: browse a zoo and look at its nets, ask a metanet about a checkpoint,
edit the picture that a net encodes, generate nets. It works without a network.

  weightspace app runs/digits-cnn
  weightspace app zoos net.safetensors --port 8000        every zoo in the folder zoos
  weightspace app hf://datasets/owner/digits-cnn
  weightspace app hf://datasets/owner/digits-cnn --space space     writes a Space for the Hub instead

It needs Gradio: pip install 'weightspace[app]'.
"""


def add_command(parent: Parser) -> None:
    """Adds `app`."""
    parser = parent.add_command("app", "a page in the browser", _APP, _run)
    parser.add_argument("paths", metavar="PATH", nargs="*", help="zoos, folders of zoos, hf://datasets/OWNER/NAME, "
                        "checkpoints")  # fmt: skip
    parser.add_argument("--port", type=int, metavar="N", help="of the page (default: the first free one from 7860 on)")
    parser.add_argument("--space", metavar="DIR", help="write app.py and requirements.txt of a Space, and no page")


def _run(arguments: argparse.Namespace) -> None:
    from weightspace.app import run_page, write_space

    try:
        if arguments.space is None:
            run_page(arguments.paths, arguments.port, say)
            return
        files = write_space(arguments.space, arguments.paths)
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise ValueError("the page needs Gradio, which isn't installed: pip install 'weightspace[app]'.") from None
    return say(
        f"Written: {', '.join(map(str, files))}. Upload: hf upload OWNER/NAME {arguments.space} --repo-type space"
    )
