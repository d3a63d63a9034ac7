"""`weightspace inspect`: a first look at a checkpoint."""

import argparse
from typing import Any

from weightspace.cli.graph import draw_net
from weightspace.cli.models import MODELS, add_models, as_typed, here, load_models, read_one, refuse_zoo
from weightspace.cli.terminal.console import say, write_json, write_lines, write_table
from weightspace.cli.terminal.metanet import refuse_tables
from weightspace.cli.terminal.parser import Parser

_INSPECT = f"""\
Looks at a checkpoint: norms and singular values of its tensors; and where its architecture is known, which neurons can
be permuted, which are dead (no weight leads to them, or none from them) and which are tied (always alike).

  weightspace inspect net.pth                                          its tensors
  weightspace inspect net.pth --module my_nets:resnet                  its weight space and neurons too
  weightspace inspect net.pth --module my_nets:small --draw graph.png
  weightspace inspect my-zoo@0 --json
  weightspace inspect hf://owner/name                                  a model of the Hub, by the transformers library

{MODELS}"""


def add_command(parent: Parser) -> None:
    """Adds `inspect`."""
    parser = parent.add_command("inspect", "a first look at a checkpoint", _INSPECT, _run)
    parser.add_argument("net", metavar="CHECKPOINT", help="a checkpoint, ZOO@ROW, or hf://owner/name")
    parser.add_argument("--draw", metavar="FILE", help="draw the graph of a small net: a .png, .svg or .pdf")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    add_models(parser)


def _run(arguments: argparse.Namespace) -> None:
    from weightspace.checkpoints import inspect_weights

    refuse_tables([arguments.net])
    space, weights = _net(arguments)
    if arguments.draw and space is None:
        raise ValueError("--draw needs the architecture: give --module MODULE:NAME or --space FILE.")
    found = inspect_weights(weights, space)
    if arguments.json:
        write_json({"checkpoint": arguments.net, "space": None if space is None else space.hash, **found.to_dict()})
    else:
        _show(space, found)
    if arguments.draw:
        say(draw_net(space, weights, arguments.draw, arguments.net))


def _net(arguments: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    from weightspace.checkpoints.library import is_library_folder
    from weightspace.tasks.labelled.row import names_row

    refuse_zoo(arguments.net)
    place = here(arguments.net)
    with as_typed({place: arguments.net}):
        if arguments.module or arguments.space or names_row(place) or is_library_folder(place):
            models = load_models(arguments, [place])
            return models.space, models.weights[0]
        return None, read_one(place)


def _show(space: Any, found: Any) -> None:
    if space is not None:
        write_lines(str(space).partition("\n")[0])
    spectra = any(facts.singular for facts in found.tensors)
    columns = ["tensor", "shape" if space is None else "axes", "norm", "std", "max", "zeros"]
    rows = [
        [facts.name, facts.axes or " ".join(map(str, facts.shape)) or "-", f"{facts.norm:.3g}", f"{facts.std:.3g}",
         f"{facts.largest:.3g}", f"{facts.zeros:.0%}", *(_spectrum(facts) if spectra else ())]
        for facts in found.tensors
    ]  # fmt: skip
    if spectra:
        columns += ["s max", "s min", "stable rank"]
    write_table(columns, rows, align="ll" + "r" * (len(columns) - 2))
    if spectra:
        write_lines("s: the singular values of a weight as a matrix; max: the largest entry, whatever its sign.")
    for facts in found.tensors:
        if facts.broken:
            write_lines(f"{facts.name} holds {facts.broken} entries that are infinite or NaN.")
    if space is None:
        say("Symmetries, dead and tied neurons need the architecture: --module MODULE:NAME.")
    elif found.neurons:
        _show_neurons(space, found.neurons)
    else:
        write_lines("No neurons of it can be permuted.")


def _spectrum(facts: Any) -> tuple[str, str, str]:
    if facts.singular is None:
        return "", "", ""
    first, last = (f"{value:.3g}" for value in facts.singular)
    return (first, last, "" if not facts.stable_rank else f"{facts.stable_rank:.2f}")


def _show_neurons(space: Any, neurons: Any) -> None:
    columns = ["neurons", "how many", "symmetry", "without input", "without effect", "tied"]
    rows = [
        [f.name, str(f.size), ", ".join(space.names[f.name].kinds), str(f.constant), str(f.unread), str(f.tied)]
        for f in neurons
    ]
    write_table(columns, rows, align="lrlrrr")
    dead, tied = sum(max(f.constant, f.unread) for f in neurons), sum(f.tied for f in neurons)
    total = sum(f.size for f in neurons)
    write_lines(f"Of {total} neurons {dead or 'none'} {'are' if dead > 1 else 'is'} dead and "
                f"{tied or 'none'} {'are' if tied > 1 else 'is'} tied to another.")  # fmt: skip
