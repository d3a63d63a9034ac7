"""Ends with 2, and says how to bring them along, if this Python lacks packages that the stages need.

python scripts/gpu/packages.py
"""

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def lacking() -> list[str]:
    """Requirements that aren't met, as `pyproject.toml` has them, and pytest."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    return [text for text in (*asked, "pytest>=8") if not met(Requirement(text))]


def met(requirement: Requirement) -> bool:
    """Whether a package is there and new enough."""
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False


def main() -> int:
    """Says what is missing."""
    if not (missing := lacking()):
        return 0
    print(
        f"scripts/gpu/run: {sys.executable} lacks {', '.join(missing)}. Where there is a network, install them, or "
        "bring wheels along: pip download --no-deps --only-binary=:all: -d wheels -r scripts/gpu/packages.txt",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
