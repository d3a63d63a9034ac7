"""`weightspace zoo import`: make a zoo from nets that others published."""

import argparse
from typing import Any

from weightspace.cli.terminal.console import say
from weightspace.cli.terminal.module import json_object
from weightspace.cli.terminal.parser import Parser

_IMPORT = """\
Makes a zoo from nets that others published, without running anything that is in their files:

  small-cnn   weights.npy, metrics.csv.gz and layout.csv of the Small CNN Zoo (Unterthiner et al. 2020)
  inr         a folder of .pth files, one SIREN each, as DWSNets (--layout dws) and NFN (--layout nfn) publish them
  ray         a folder of trials with params.json, result.json and checkpoint_N/checkpoints, the model zoos of
              Schuerholt et al. 2022

  weightspace zoo import small-cnn downloads/cifar10 --out zoos/small-cnn-cifar10
  weightspace zoo import inr downloads/mnist-inrs --out zoos/dws-mnist --splits mnist_splits.json
  weightspace zoo import inr downloads/siren_cifar_wts --layout nfn --out zoos/nfn-cifar
  weightspace zoo import ray downloads/tune_zoo_mnist_uniform --out zoos/cnn-mnist

What the files of an INR do not say (frequency, output shift, ranges) comes with the layout, and every flag below
overrides a part of it. Look at the result: 'weightspace zoo render ZOO --out wall.png' shows digits, or noise.
"""


def add_command(zoo: Parser) -> None:
    """Adds `import` to `weightspace zoo`."""
    parser = zoo.add_command("import", "make a zoo from nets that others published", _IMPORT, _run)
    parser.add_argument("kind", choices=("small-cnn", "inr", "ray"), help="what the folder holds")
    parser.add_argument("folder", metavar="FOLDER", help="what was downloaded and unpacked")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder of the new zoo")
    parser.add_argument("--name", help="the name of the new zoo")
    small = parser.add_argument_group("small-cnn")
    small.add_argument(
        "--image-size", type=int, metavar="N", help="of the images trained on (default: by config.dataset)"
    )
    _add_inr(parser.add_argument_group("inr"))
    ray = parser.add_argument_group("ray")
    ray.add_argument("--net", help="a net of weightspace.nets (default: by model::type of the trials)")
    ray.add_argument("--settings", type=json_object, metavar="JSON", help="its settings: '{\"channels\": [8, 6, 4]}'")


def _add_inr(group: Any) -> None:
    pair: dict[str, Any] = {"type": float, "nargs": 2, "metavar": ("LOW", "HIGH")}
    group.add_argument("--layout", choices=("dws", "nfn"), help="who published them (default: dws)")
    group.add_argument("--shape", type=int, nargs="+", metavar="N", help="points along each axis (default: 28 28)")
    group.add_argument("--w0", type=float, help="frequency of the first sine layer (default: 30)")
    group.add_argument("--w0-hidden", type=float, help="frequency of the others (default: the same)")
    group.add_argument("--first-layer", choices=("same", "siren"), help="how the first layer was initialised")
    group.add_argument("--output-shift", type=float, help="what is added to the output")
    group.add_argument("--values", **pair, help="range of the signals' values")
    group.add_argument("--coordinates", **pair, help="range of the coordinates (default: -1 1)")
    group.add_argument("--grid", choices=("corners", "centers"), help="where points lie in it (default: corners)")
    group.add_argument("--label", metavar="REGEX", help="finds the class in a file's path; one group")
    group.add_argument("--signal", metavar="REGEX", help="finds the number of the image in a file's path; one group")
    group.add_argument("--splits", metavar="FILE", help="a split file in JSON, as DWSNets writes it")


OPTIONS = {
    "small-cnn": ("image_size",),
    "inr": (
        *("layout", "shape", "w0", "w0_hidden", "first_layer", "output_shift"),
        *("values", "coordinates", "grid", "label", "signal", "splits"),
    ),
    "ray": ("net", "settings"),
}


def _run(arguments: argparse.Namespace) -> None:
    from weightspace.zoo import import_inr_folder, import_ray_zoo
    from weightspace.zoo.imports.small_cnn import import_small_cnn

    for kind, names in OPTIONS.items():
        for name in names:
            if kind != arguments.kind and getattr(arguments, name) is not None:
                raise ValueError(f"--{name.replace('_', '-')} belongs to '{kind}', not to '{arguments.kind}'")
    given = {name: getattr(arguments, name) for name in (*OPTIONS[arguments.kind], "name")}
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items() if v is not None}
    bring = {"small-cnn": import_small_cnn, "inr": import_inr_folder, "ray": import_ray_zoo}[arguments.kind]
    say(f"{len(bring(arguments.folder, arguments.out, **given))} saved states in {arguments.out}.")
