"""Reads the checkpoints that people have: safetensors files, alone or in folders; pickles are refused."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

_PICKLES = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".th"}
_CONVERT = (
    "Convert it once, where you trust it: "
    'save_file(torch.load("net.pt", weights_only=True), "net.safetensors"), with save_file from safetensors.torch.'
)


def read_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights in a `.safetensors` file by name, and the metadata that were saved with them.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for a pickle (running it could run anything; the error says how to convert it), and for a file
            that isn't whole.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint {path}.")
    if path.suffix != ".safetensors":
        kind = "a pickle" if path.suffix in _PICKLES or _looks_pickled(path) else f"a {path.suffix or 'nameless'} file"
        raise ValueError(f"A checkpoint must be a .safetensors file, but {path} is {kind}. {_CONVERT}")
    if _looks_pickled(path):
        raise ValueError(f"{path} is called .safetensors but holds a pickle. {_CONVERT}")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} isn't a whole safetensors file ({error}); copy it again.") from error


def find_checkpoints(paths: Iterable[str | Path]) -> list[Path]:
    """The files meant by a list of files and folders; a folder means all `.safetensors` in it, in order of name.

    Raises:
        FileNotFoundError: if a path isn't there.
        ValueError: if a folder holds no checkpoint.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted(path.rglob("*.safetensors"))
        if not inside:
            raise ValueError(f"The folder {path} holds no .safetensors file.")
        files += inside
    return files


def _looks_pickled(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(2)
    return zipfile.is_zipfile(path) or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05")
