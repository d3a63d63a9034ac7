"""Which folder may import which: arrows point up the list, never down, never in a circle."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "weightspace"

# Every folder of the package, the deepest foundations first: a file imports from its own folder, and from folders
# that stand above it here. `palette` holds colours alone, `suggest` names that may have been meant, `reading` reads
# text from outside. A folder's files and its folders are separate rooms.
ORDER = (
    "palette",
    "suggest",
    "lazy",
    "markdown",
    "reading",
    "hub",
    "machine",
    "space",
    "space.moving",
    "space.algebra",
    "space.rules",
    "space.actions",
    "space.forms",
    "space.computation",
    "space.trace",
    "checkpoints",
    "nets",
    "nets.stacked",
    "data.files",
    "data",
    "inr",
    "zoo.recipe",
    "zoo.train.native",
    "zoo.train",
    "zoo.folder",
    "zoo",
    "zoo.pictures",
    "zoo.build",
    "zoo.imports",
    "graphs.structure",
    "graphs",
    "align.matching",
    "align",
    "align.merging",
    "pretrained",
    "metanets.frames",
    "metanets.inputs",
    "metanets.layers",
    "metanets",
    "generators.flows",
    "generators.refining",
    "generators.writers",
    "generators",
    "load",
    "optimizers.rule",
    "optimizers",
    "tasks.training",
    "tasks.labelled",
    "tasks.prediction",
    "tasks.adapters",
    "tasks.editing",
    "tasks.generation.starting",
    "tasks.generation",
    "tasks.optimization",
    "tasks.tuning",
    "tasks.continual",
    "tasks.architectures",
    "tasks.comparison.baselines",
    "tasks.comparison.jobs",
    "tasks.comparison.tables",
    "tasks.comparison",
    "tasks.quickstart",
    "testing",
    "cli.terminal",
    "app",
    "cli.zoo",
    "cli",
)
# Rooms that don't know each other although one stands above the other.
STRANGERS = {
    "metanets": {"zoo", "inr", "data", "nets", "machine"},
    "graphs": {"zoo", "inr", "data", "nets", "machine"},
    "align": {"zoo", "inr", "data", "nets", "graphs"},
}
# Doors: a public face that finds what lies below it when it is first asked.
DOORS = {
    ("space.weightspace", "space.trace"): "WeightSpace.trace",
    ("space.weightspace", "space.moving"): "WeightSpace.apply",
    ("space.weightspace", "space.forms"): "WeightSpace.canonicalize",
}
# Imports for types alone, each file with the reason why it has them; faces (`__init__`) have them for their lazy names.
VALUE = "a function behind a method of WeightSpace: the value names it, and it names the value in its arguments"
HEAVY = "types of a library, or of rooms, that is loaded when it is first used"
FOR_TYPES = {
    **{f"space.{name}": VALUE for name in ("explain", "fitting", "matrices", "references", "symmetry", "table")},
    "align.pictures": HEAVY,
    "graphs.draw": HEAVY,
    "tasks.comparison.tables.figures": HEAVY,
    "cli.generate": HEAVY,
    "cli.symmetries": HEAVY,
    "cli.terminal.metanet": HEAVY,
}


def folder_of(module: str) -> str:
    """The room of a dotted name, without the package: the longest folder of the list that it begins with."""
    parts = module.split(".")[1:]
    names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return next((name for name in names if name in ORDER), parts[0] if parts else "")


def imported_modules(source: str) -> set[str]:
    """Every module of the package that `source` imports, wherever the statement stands."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = "weightspace." if node.level else (node.module or "")
            found |= {f"{origin}.{alias.name}" for alias in node.names} if origin == "weightspace" else {origin}
    return {name for name in found if name.split(".")[0] == "weightspace"}


def wrong_arrows(source: str, module: str) -> list[str]:
    """The imports of `module` that its folder isn't allowed."""
    return [f"{module} imports {name}" for name in sorted(imported_modules(source)) if not allowed(module, name)]


def allowed(module: str, name: str) -> bool:
    room, other = folder_of(module), folder_of(name)
    if other in {room, "__version__"} or (module.removeprefix("weightspace."), other) in DOORS:
        return True
    if room not in ORDER or other not in ORDER or other.split(".")[0] in STRANGERS.get(room.split(".")[0], ()):
        return False
    return ORDER.index(other) < ORDER.index(room)


def modules() -> list[tuple[str, Path]]:
    """Every module but the faces: `__init__` shows what its folder holds, `__main__` runs the command line."""
    paths = [
        path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py" and path != PACKAGE / "__main__.py"
    ]
    return [(".".join(("weightspace", *path.relative_to(PACKAGE).with_suffix("").parts)), path) for path in paths]


def test_every_folder_is_on_the_list():
    folders = {".".join(path.parent.relative_to(PACKAGE).parts) for path in PACKAGE.rglob("*.py")}
    alone = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert {name for name in folders if name} | alone == set(ORDER) | {"zoo", "tasks"}


def test_arrows_point_up():
    wrong = [arrow for name, path in modules() for arrow in wrong_arrows(path.read_text(encoding="utf-8"), name)]
    assert not wrong, "\n".join(wrong)


def test_imports_are_absolute():
    relative = [
        f"{name}:{node.lineno}"
        for name, path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative, "\n".join(relative)


def for_types(source: str) -> bool:
    """Whether a file imports something for type checkers alone."""
    return any(
        isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) for node in ast.walk(ast.parse(source))
    )


def test_imports_for_types_alone_have_a_reason():
    """What types alone need is a circle that a reader has to follow: no file has one that isn't named above."""
    found = {name.removeprefix("weightspace.") for name, path in modules() if for_types(path.read_text("utf-8"))}
    assert found == set(FOR_TYPES)
    assert for_types("import typing\nif typing.TYPE_CHECKING:\n    import torch")
    assert not for_types("import torch")


def test_folders_have_at_most_fifteen_files():
    crowded = {
        folder: count
        for root in (PACKAGE, TESTS)
        for folder in {path.parent for path in root.rglob("*.py")}
        if (count := len([path for path in folder.glob("*.py") if path.name != "__init__.py"])) > 15
    }
    assert not crowded, crowded


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("weightspace.zoo.build.build", "from weightspace.metanets import load_metanet"),
        ("weightspace.zoo.build.build", "def f():\n    import weightspace.metanets.base"),
        ("weightspace.metanets.base", "from weightspace import zoo"),
        ("weightspace.metanets.base", "from weightspace.zoo import Zoo"),
        ("weightspace.nets.mlp", "if True:\n    from weightspace.data import load_dataset"),
        ("weightspace.space.rules.linear", "from weightspace.space.computation.probe import Probe"),
        ("weightspace.space.trace.trace", "import weightspace.graphs"),
        ("weightspace.tasks.training.train", "from weightspace.tasks.prediction.fit import fit"),
        ("weightspace.graphs.batch", "import weightspace"),
    ],
)
def test_a_planted_wrong_arrow_is_found(module, source):
    assert wrong_arrows(source, module)


def test_right_arrows_pass():
    source = "from weightspace.zoo import Zoo\nimport torch\nfrom weightspace.tasks.prediction.metrics import score"
    assert not wrong_arrows(source, "weightspace.tasks.comparison.tables.report")
