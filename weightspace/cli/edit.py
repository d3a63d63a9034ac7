"""`weightspace edit`: changes what implicit representations show, through their weights."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from weightspace.cli.models import as_typed, here
from weightspace.cli.terminal.console import say, write_json, write_table
from weightspace.cli.terminal.metanet import load_for, refuse_tables
from weightspace.cli.terminal.parser import Parser

_EDIT = """\
Edits implicit representations with a metanet that was trained for it: reads the weights of a net that renders a
picture (or a distance field), changes them, and writes a net that renders the edited one, without fitting anything.

  weightspace edit digits-inr-dilate net.safetensors --out bold.safetensors    # a metanet that ships
  weightspace edit runs/dilate/metanet net.safetensors --out dilated.safetensors --picture before-and-after.png
  weightspace edit runs/dilate/metanet folder-of-nets --out dilated --strength 0.5
  weightspace edit runs/dilate/metanet my-zoo@7 --out dilated.safetensors      # the row of a zoo, or a whole zoo
  weightspace edit runs/styles/metanet net.safetensors --edit dilate --edit blur --out both.safetensors

The metanet knows the nets it was trained on: others are refused, with what differs. A file made elsewhere doesn't
store how it is rendered; --w0, --first-layer, --output-shift, --grid, --coordinates and --values say it.
"""


def add_command(parent: Parser) -> None:
    """Adds `edit`."""
    parser = parent.add_command("edit", "edit implicit representations through their weights", _EDIT, _run)
    parser.add_argument(
        "metanet", metavar="METANET", help="a folder that save_pretrained made, or a name (see predict)"
    )
    parser.add_argument(
        "nets",
        metavar="INR",
        nargs="+",
        help=".safetensors files, folders of them, zoos, rows of zoos (ZOO@ROW), or hf://owner/name",
    )
    parser.add_argument("--out", metavar="PATH", required=True, help="a .safetensors file, or a folder for several")
    parser.add_argument("--edit", metavar="NAME", action="append", help="which edit; repeated, one after the other")
    parser.add_argument("--strength", metavar="X", type=float, default=1.0, help="a factor on the change (default 1)")
    parser.add_argument("--picture", metavar="PNG", help="draw before, target and after")
    parser.add_argument("--json", action="store_true", help="print a list of objects, one a net")
    told = parser.add_argument_group("how nets are rendered whose files don't store it")
    told.add_argument("--w0", type=float, help="frequency of the sines")
    told.add_argument("--w0-hidden", type=float, help="frequency of the sines after the first (default: as --w0)")
    told.add_argument("--first-layer", choices=("same", "siren"), help="rule by which the first layer was drawn")
    told.add_argument("--output-shift", type=float, help="what is added to the output")
    told.add_argument(
        "--grid",
        choices=("corners", "centers"),
        help="whether the outermost points lie on the ends of the coordinates or half a step inside",
    )
    told.add_argument(
        "--coordinates", type=float, nargs=2, metavar=("LOW", "HIGH"), help="least and largest coordinate"
    )
    told.add_argument("--values", type=float, nargs=2, metavar=("LOW", "HIGH"), help="pixel range of the fit")


def _run(arguments: argparse.Namespace) -> None:
    from weightspace.tasks.editing.editor import Editor
    from weightspace.tasks.editing.files import ASKED, edit_files
    from weightspace.tasks.editing.wall import plot_files

    refuse_tables(arguments.nets)
    editor = Editor(load_for("edit", arguments.metanet))
    told = {name: getattr(arguments, name) for name in ASKED}
    edits = arguments.edit or [None]
    with TemporaryDirectory() as scratch:
        places = [_file(net, Path(scratch) / str(number)) for number, net in enumerate(arguments.nets)]
        with as_typed(dict(zip(places, arguments.nets, strict=True))) as typed:
            edited = edit_files(editor, places, arguments.out, edits, arguments.strength, told,
                                lambda message: say(typed(message)))  # fmt: skip
    if arguments.picture:
        say(f"picture {plot_files(arguments.picture, edited, editor.convention)}")
    if arguments.json:
        write_json([{"net": typed(str(f.source)), "out": str(f.path), "edits": f.edits, "before": f.nothing,
                     "after": f.edited} for f in edited])  # fmt: skip
        return
    columns = ["net", "edit", "PSNR before", "PSNR after", "MSE before", "MSE after"]
    rows = [
        [str(f.path), " + ".join(f.edits), f"{f.nothing['psnr']:.2f}", f"{f.edited['psnr']:.2f}",
         f"{f.nothing['mse']:.5f}", f"{f.edited['mse']:.5f}"]
        for f in edited
    ]  # fmt: skip
    write_table(columns, rows)


def _file(net: str, scratch: Path) -> str:
    """The place of a net's file on this machine; nets of a zoo are written into the folder ``scratch``."""
    from weightspace.tasks.labelled.row import names_row, names_zoo, zoo_row
    from weightspace.zoo import Zoo, export_nets

    if names_row(net):
        return str(export_nets(zoo_row(net), scratch)[0])
    if names_zoo(net):
        export_nets(Zoo(net).filter(status="ok").final(), scratch)
        return str(scratch)
    return here(net)
