"""`weightspace pack | unpack`: a fine-tuned net stored as its difference to its base."""

import argparse

from weightspace.cli.models import write_net
from weightspace.cli.terminal.console import say, write_facts, write_json
from weightspace.cli.terminal.parser import Parser

_PACK = """\
Stores a fine-tuned net as what is left of its difference to its base: a low-rank part, and a few bits for each weight
of the rest. Prints the size and the error; 'weightspace unpack' gives the net back, with the same base.

  weightspace pack child.safetensors --base base.safetensors --out child.packed.safetensors
  weightspace unpack child.packed.safetensors --base base.safetensors --out child.safetensors
"""

_UNPACK = """\
Gives back the net that 'weightspace pack' stored, with the base that it was packed with.

  weightspace unpack child.packed.safetensors --base base.safetensors --out child.safetensors
"""


def add_command(parent: Parser) -> None:
    """Adds `pack` and `unpack`."""
    pack = parent.add_command("pack", "store a fine-tuned net as its difference to its base", _PACK, _run_pack)
    pack.add_argument("net", metavar="CHILD", help="the checkpoint of the fine-tuned net")
    pack.add_argument("--ratio", type=float, default=8.0, metavar="X", help="how many times smaller (%(default)s)")
    pack.add_argument("--json", action="store_true", help="print size and error as JSON")
    unpack = parent.add_command("unpack", "give back a net that pack stored", _UNPACK, _run_unpack)
    unpack.add_argument("net", metavar="PACKED", help="the file that pack wrote")
    for parser in (pack, unpack):
        parser.add_argument("--base", required=True, metavar="FILE", help="the checkpoint that it was fine-tuned from")
        parser.add_argument("--out", required=True, metavar="FILE", help="the .safetensors file to write")


def _run_pack(arguments: argparse.Namespace) -> None:
    from weightspace.align import pack
    from weightspace.checkpoints import read_checkpoint

    child, base = read_checkpoint(arguments.net)[0], read_checkpoint(arguments.base)[0]
    packed = pack(child, base, arguments.out, arguments.ratio)
    facts = {"bytes before": packed.child_bytes, "bytes packed": packed.packed_bytes, "times smaller": packed.ratio,
             "relative error of the weights": packed.error}  # fmt: skip
    if arguments.json:
        write_json(facts)
    else:
        write_facts({name: f"{value:,}" if isinstance(value, int) else f"{value:.4g}" for name, value in facts.items()})
    if packed.ratio < 0.95 * arguments.ratio:
        say(f"--ratio {arguments.ratio:g} was out of reach: small tensors, names and shapes take up the rest.")
    say(f"The packed net is in {arguments.out}; unpacking needs {arguments.base}.")


def _run_unpack(arguments: argparse.Namespace) -> None:
    from weightspace.align import unpack
    from weightspace.checkpoints import read_checkpoint

    write_net(
        arguments.out, unpack(arguments.net, read_checkpoint(arguments.base)[0]), {"unpacked_from": arguments.net}
    )
    say(f"The net is in {arguments.out}.")
