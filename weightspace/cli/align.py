"""`weightspace align | merge | barrier | lineage`: what one does with several nets of one architecture."""

import argparse
from pathlib import Path

from weightspace.cli.models import MODELS, add_data, add_models, expand, load_data, load_models, write_net
from weightspace.cli.terminal.console import say, write_facts, write_json, write_table
from weightspace.cli.terminal.parser import Parser

_ALIGN = f"""\
Brings net B to net A: puts its neurons in another order, rescales and flips them, without changing what it computes, so
that its weights are as close to A's as possible. Writes B in that form.

  weightspace align a.safetensors b.safetensors --module my_nets:resnet --out b-aligned.safetensors
  weightspace align my-zoo@0 my-zoo@1 --out b-aligned.safetensors

{MODELS}"""

_MERGE = f"""\
Makes one net from several. 'average' is for nets that share a start, 'aligned' brings them to the first one before, and
the greedy soups take in a net only if it lowers the loss on --data.

  weightspace merge a.safetensors b.safetensors c.safetensors --module my_nets:resnet --out merged.safetensors
  weightspace merge a.safetensors b.safetensors --module my_nets:resnet --data mnist --method greedy --out d.safetensors

{MODELS}"""

_BARRIER = f"""\
Measures the nets between A and B: as they are, with a calibrated temperature, aligned, and aligned with mended
statistics. Prints the barrier of each way, and draws all curves into one picture.

  weightspace barrier a.safetensors b.safetensors --module my_nets:resnet --data digits --plot barrier.png

{MODELS}"""

_LINEAGE = f"""\
Says of each pair of nets how alike they are once aligned, and how likely independent runs are as alike. Renaming,
permuting, rescaling, pruning, quantising or fine-tuning a net doesn't hide where it comes from. Independent runs are
the nets of --null, which were trained in the same way; without it, for two nets their own shuffled entries, which don't
tell a child from another run of the same recipe.

  weightspace lineage a.safetensors b.safetensors --module my_nets:resnet --null run1.safetensors run2.safetensors ...
  weightspace lineage folder-of-nets --module my_nets:resnet --tree tree.png

{MODELS}"""

_SHUFFLED = (
    "The p-value is against the nets' own entries in another order, which independent runs of one recipe can pass too: "
    "with at least four of those behind --null it is against them."
)


def add_command(parent: Parser) -> None:
    """Adds the four commands."""
    align = parent.add_command("align", "bring a net's neurons into the order of another's", _ALIGN, _run_align)
    align.add_argument("nets", metavar="NET", nargs=2, help="A and B")
    align.add_argument("--method", default="weights", metavar="NAME",
                       help="weights; with --data activations, straight-through, sinkhorn (%(default)s)")  # fmt: skip
    merge = parent.add_command("merge", "one net from several", _MERGE, _run_merge)
    merge.add_argument("nets", metavar="NET", nargs="+", help="two nets or more, or folders of them")
    merge.add_argument("--method", default="aligned", metavar="NAME",
                       help="average, aligned, greedy or 'aligned greedy' (%(default)s)")  # fmt: skip
    barrier = parent.add_command("barrier", "how much worse the nets between two nets are", _BARRIER, _run_barrier)
    barrier.add_argument("nets", metavar="NET", nargs=2, help="A and B")
    barrier.add_argument("--points", type=int, default=25, metavar="N", help="nets to measure on the way (%(default)s)")
    barrier.add_argument("--plot", metavar="FILE", help="the picture to write")
    lineage = parent.add_command("lineage", "which nets were made from which", _LINEAGE, _run_lineage)
    lineage.add_argument("nets", metavar="NET", nargs="+", help="two nets or more, or folders of them")
    lineage.add_argument("--null", metavar="NET", nargs="+", default=[], help="nets of independent runs, at least four")
    lineage.add_argument("--tree", metavar="FILE", help="draw the family tree")
    for parser in (align, merge):
        parser.add_argument("--out", required=True, metavar="FILE", help="the .safetensors file to write")
    for parser in (align, merge, barrier):
        add_data(parser, required=parser is barrier)
    for parser in (align, merge, barrier, lineage):
        parser.add_argument("--seed", type=int, default=0, metavar="N", help="of what is random (%(default)s)")
        parser.add_argument("--json", action="store_true", help="print what was found as JSON")
        add_models(parser)


def _run_align(arguments: argparse.Namespace) -> None:
    from weightspace.align import align
    from weightspace.align.align import METHODS
    from weightspace.align.lineage import alike

    _check_data_given(arguments, arguments.method in METHODS and arguments.method != "weights")
    models = load_models(arguments, arguments.nets)
    one, other = models.weights
    found = align(models.space, one, other, arguments.method, seed=arguments.seed, module=models.module,
                  data=load_data(arguments))  # fmt: skip
    moved = models.space.apply(found, other)
    write_net(arguments.out, moved, {"space": models.space.hash, "aligned_to": Path(arguments.nets[0]).name})
    before, after = (alike(models.space, one, net) for net in (other, moved))
    facts = {"correlation of weights before": before, "after": after}
    _tell(arguments, facts)
    say(f"{arguments.nets[1]}, aligned to {arguments.nets[0]}, is in {arguments.out}.")


def _check_data_given(arguments: argparse.Namespace, needed: bool) -> None:
    if needed and arguments.data is None:
        raise ValueError(
            f"--method {arguments.method!r} runs the nets on data: give --data, a data set or a .safetensors file."
        )


def _run_merge(arguments: argparse.Namespace) -> None:
    from weightspace.align import merge

    _check_data_given(arguments, "greedy" in arguments.method)
    models = load_models(arguments, expand(arguments.nets))
    merged = merge(models.space, models.weights, arguments.method, models.module, load_data(arguments),
                   seed=arguments.seed)  # fmt: skip
    names = ", ".join(Path(name).name for name in models.names)
    write_net(arguments.out, merged, {"space": models.space.hash, "merged": arguments.method, "from": names})
    say(f"The merge ({arguments.method}) of {len(models.weights)} nets is in {arguments.out}.")


def _run_barrier(arguments: argparse.Namespace) -> None:
    from weightspace.align import barrier

    models = load_models(arguments, arguments.nets)
    if models.module is None:
        raise ValueError("a barrier is measured by running nets: give --module MODULE:NAME.")
    data = load_data(arguments)
    found = barrier(models.space, models.module, *models.weights, data, arguments.points, seed=arguments.seed)  # pyright: ignore
    curves = {curve.name: {"loss": curve.loss_barrier, "accuracy": curve.accuracy_barrier} for curve in found.curves}
    if arguments.json:
        write_json({"definition": found.definition, "barriers": curves})
    else:
        rows = [
            [name, f"{values['loss']:.4f}", "" if values["accuracy"] is None else f"{values['accuracy']:.2f}"]
            for name, values in curves.items()
        ]
        write_table(["way", "loss barrier", "accuracy barrier, points"], rows)
        say(found.definition)
    if arguments.plot:
        say(f"All curves are in {found.plot(arguments.plot)}.")


def _run_lineage(arguments: argparse.Namespace) -> None:
    import torch

    from weightspace.align import family_tree, lineage
    from weightspace.align.tree import FEWEST

    paths, null_paths = expand(arguments.nets), expand(arguments.null)
    if len(paths) < 2:
        raise ValueError(f"lineage needs at least two nets, got {len(paths)}.")
    if arguments.tree and not null_paths and len(paths) < FEWEST:
        raise ValueError(
            f"A tree of {len(paths)} nets needs --null, at least four nets of independent runs, to tell relatives from "
            f"strangers; or {FEWEST} nets, most of them unrelated."
        )
    models = load_models(arguments, [*paths, *null_paths])
    nets, others = models.weights[: len(paths)], models.weights[len(paths) :]
    null = {name: torch.stack([net[name] for net in others]) for name in models.space.tensors} if others else None
    if len(nets) == 2 and not arguments.tree:
        found = lineage(models.space, *nets, null, seed=arguments.seed)
        _tell(arguments, {"score": found.score, "p-value": found.p_value})
        return None if others else say(_SHUFFLED)
    names = dict(zip(_short(paths), nets, strict=True))
    tree = family_tree(models.space, names, null, seed=arguments.seed)
    edges = [
        {"parent": tree.names[e.parent], "child": tree.names[e.child], "score": e.score, "p-value": e.p_value}
        for e in tree.edges
    ]
    if arguments.json:
        write_json(edges)
    else:
        rows = [[e["child"], e["parent"], f"{e['score']:.3f}", f"{e['p-value']:.1e}"] for e in edges]
        write_table(["net", "was made from", "score", "p-value"], rows)
        alone = sum(len(family) == 1 for family in tree.families)
        say(f"{len(nets)} nets: {_counted(len(tree.families) - alone, 'family', 'families')}, and {alone} without "
            "relatives. Which of two came first is a guess.")  # fmt: skip
    if arguments.tree:
        say(f"The tree is in {tree.plot(arguments.tree)}.")
    return None


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _short(paths: list[str]) -> list[str]:
    """Names of files without folders, where these tell them apart."""
    stems = [Path(path).stem for path in paths]
    return stems if len(set(stems)) == len(stems) else list(paths)


def _tell(arguments: argparse.Namespace, facts: dict[str, float]) -> None:
    if arguments.json:
        write_json(facts)
    else:
        write_facts({name: f"{value:.4g}" for name, value in facts.items()})
