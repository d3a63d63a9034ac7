"""`weightspace train`: a metanet that predicts labels of nets, from a zoo or from checkpoints of one's own."""

import argparse

from weightspace.cli.terminal.console import say, write_json, write_lines
from weightspace.cli.terminal.module import FACTORY, add_factory, load_factory
from weightspace.cli.terminal.parser import Parser

_TRAIN = f"""\
Trains a metanet, a network that reads weights, to predict something about nets, and compares it with simple methods on
nets that none of them has seen. The metanet lands in OUT/metanet, the table in OUT/table.md and OUT/table.json.

  weightspace train --zoo runs/digits-cnn --out runs/predictor
  weightspace train --zoo runs/digits-inr --labels label --category --out runs/digits
  weightspace train --checkpoints "ckpts/*.pth" --module my_nets:resnet --labels labels.csv --out out
  weightspace predict out/metanet ckpts

Of a zoo, --labels names columns of its index (test_accuracy and gap if none is named). Of checkpoints, it is a CSV: the
file's name in the first column, then a column for each label; --columns chooses some of them.

{FACTORY}"""


def add_command(parent: Parser) -> None:
    """Adds `train`."""
    parser = parent.add_command("train", "train a metanet on a zoo or on your own checkpoints", _TRAIN, _run)
    nets = parser.add_mutually_exclusive_group(required=True)
    nets.add_argument("--zoo", metavar="ZOO", help="the folder of a zoo, or hf://datasets/OWNER/NAME")
    nets.add_argument("--checkpoints", metavar="FILES", nargs="+", help="files, folders, or patterns in quotes")
    add_factory(parser, "--module")
    parser.add_argument("--labels", metavar="NAME", nargs="+", help="columns of the zoo's index; or the CSV of labels")
    parser.add_argument("--columns", metavar="NAME", nargs="+", default=[], help="columns of the CSV (default: all)")
    parser.add_argument("--category", action="store_true", help="of a zoo: the one label is a class")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder for metanet, table and logs")
    parser.add_argument("--metanet", default="SpaceNet", metavar="NAME", help="which one (default %(default)s)")
    parser.add_argument("--baselines", metavar="NAME", nargs="*", help="simple methods to compare with")
    parser.add_argument("--steps", type=int, metavar="N", help="gradient steps of the metanet")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all random numbers (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def _run(arguments: argparse.Namespace) -> None:
    from weightspace.tasks.comparison.ownnets import train_on_checkpoints, train_on_zoo
    from weightspace.tasks.training.train import TrainConfig
    from weightspace.zoo import Zoo

    chosen = {} if arguments.baselines is None else {"baselines": arguments.baselines}
    steps = {} if arguments.steps is None else {"steps": arguments.steps}
    options = {
        "metanet": arguments.metanet,
        "training": TrainConfig(seed=arguments.seed, **steps),
        "say": (lambda _: None) if arguments.quiet else say,
        "progress": not arguments.quiet,
        **chosen,
    }
    if arguments.zoo is not None:
        labels = arguments.labels or ["test_accuracy", "gap"]
        found = train_on_zoo(Zoo(arguments.zoo), labels, arguments.out, category=arguments.category, **options)
    else:
        if arguments.module is None or not arguments.labels or len(arguments.labels) != 1:
            raise ValueError("--checkpoints needs --module MODULE:NAME and --labels with one CSV file.")
        net, inputs = load_factory(arguments)
        found = train_on_checkpoints(
            arguments.checkpoints, net, arguments.labels[0], arguments.out,
            names=arguments.columns, inputs=inputs, **options,
        )  # fmt: skip
    if arguments.json:
        write_json(found.to_dict())
        return
    write_lines(found.table)
    say(f"The metanet is in {arguments.out}/metanet: weightspace predict {arguments.out}/metanet CHECKPOINT")
