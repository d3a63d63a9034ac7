"""`weightspace zoo plot | verify | merge`: what one does with a zoo that is there."""

import argparse
import sys
from dataclasses import asdict

from weightspace.cli.terminal.console import say, write_json
from weightspace.cli.terminal.parser import Parser
from weightspace.cli.zoo.flags import add_data_root, add_imports, apply_flags

_PLOT = """\
Draws a zoo: how metrics spread, what each hyperparameter does, learning curves, and for INRs a wall of renderings.

  weightspace zoo plot runs/digits-cnn --out runs/digits-cnn-figures
"""

_VERIFY = """\
Compares every file and every saved state with its checksum, and measures a sample of the nets again on their data.
Exit code 1, and a line for each problem, if something is wrong.

  weightspace zoo verify runs/digits-cnn
  weightspace zoo verify runs/digits-cnn --sample 0      checksums alone, which needs no data
"""

_MERGE = """\
Copies several finished zoos into one; the column 'source' says where a net came from.

  weightspace zoo merge one-zoo another-zoo --out both
"""


def add_command(zoo: Parser) -> None:
    """Adds `plot`, `verify` and `merge` to `weightspace zoo`."""
    plot = zoo.add_command("plot", "draw a zoo", _PLOT, _run_plot)
    plot.add_argument("zoo", metavar="ZOO", help="the folder of a zoo, or hf://datasets/OWNER/NAME")
    plot.add_argument("--out", required=True, metavar="DIR", help="the folder for the PNG files")
    verify = zoo.add_command("verify", "compare a zoo with its checksums and metrics", _VERIFY, _run_verify)
    verify.add_argument("zoo", metavar="ZOO", help="the folder of a zoo, or hf://datasets/OWNER/NAME")
    verify.add_argument("--sample", type=int, default=16, metavar="N", help="states to measure again (%(default)s)")
    add_data_root(verify)
    add_imports(verify)
    verify.add_argument("--json", action="store_true", help="print the verdict as JSON")
    merge = zoo.add_command("merge", "copy several zoos into one", _MERGE, _run_merge)
    merge.add_argument("zoos", metavar="ZOO", nargs="+", help="folders of zoos")
    merge.add_argument("--out", required=True, metavar="DIR", help="the folder of the new zoo")


def _run_plot(arguments: argparse.Namespace) -> None:
    from weightspace.zoo import Zoo, plot_zoo

    for path in plot_zoo(Zoo(arguments.zoo), arguments.out):
        sys.stdout.write(f"{path}\n")


def _run_verify(arguments: argparse.Namespace) -> int:
    from weightspace.zoo import verify_zoo

    apply_flags(arguments)
    verdict = verify_zoo(arguments.zoo, sample=arguments.sample)
    if arguments.json:
        write_json({"sound": verdict.sound, **asdict(verdict)})
    else:
        for problem in verdict.problems:
            sys.stdout.write(f"{problem}\n")
        say(
            f"{verdict.files} files and {verdict.states} states compared, {verdict.evaluated} measured again: "
            f"{'sound' if verdict.sound else f'{len(verdict.problems)} problems'}."
        )
    return 0 if verdict.sound else 1


def _run_merge(arguments: argparse.Namespace) -> None:
    from weightspace.zoo import merge_zoos

    say(f"{len(merge_zoos(arguments.zoos, arguments.out))} saved states in {arguments.out}.")
