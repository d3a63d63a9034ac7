"""C that ships with the package, compiled where it runs."""

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from weightspace.machine.cache import private_folder

FLAGS = ("-O3", "-fno-math-errno", "-shared", "-fPIC")


@functools.cache
def load_native(source: Path) -> ctypes.CDLL | None:
    """The functions of a C file, compiled for this processor, or None where that can't be done.

    Takes half a second once; the result stays in the cache folder, a file for each text, compiler and processor. It is
    loaded from a folder that nobody else can write, if its recorded checksum fits, and made again if not.
    The compiler is ``$CC``, or else cc, gcc or clang.
    """
    compiler = _compiler()
    if compiler is None:
        return None
    try:
        return ctypes.CDLL(str(_cached(source, compiler)))
    except (OSError, subprocess.SubprocessError):
        pass  # the folder can't be written, or a file there is broken
    try:
        with tempfile.TemporaryDirectory() as folder:
            return ctypes.CDLL(str(_compile(source, compiler, Path(folder) / f"{source.stem}.so")))
    except (OSError, subprocess.SubprocessError):
        return None


def _compiler() -> list[str] | None:
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    return next(([found] for found in map(shutil.which, ("cc", "gcc", "clang")) if found), None)


def _cached(source: Path, compiler: list[str]) -> Path:
    made_by = " ".join((*map(_program, compiler), *FLAGS, _processor()))
    key = hashlib.sha256(source.read_bytes() + made_by.encode())
    folder = private_folder("native")
    kept = sorted(folder.glob(f"{source.stem}-{key.hexdigest()[:16]}-*.so"))
    sound = [path for path in kept if path.is_file() and path.stem.endswith(f"-{_checksum(path)}")]
    if sound:
        return sound[0]
    with tempfile.TemporaryDirectory(dir=folder) as own:
        made = _compile(source, compiler, Path(own) / f"{source.stem}.so")
        made.chmod(0o700)
        target = folder / f"{source.stem}-{key.hexdigest()[:16]}-{_checksum(made)}.so"
        os.replace(made, target)  # whole or not at all, whoever else compiles it now
    for path in kept:
        if path != target:
            path.unlink(missing_ok=True)  # damaged
    return target


def _program(word: str) -> str:
    """A word of the compiler's command with size and time of its file: an upgrade changes it, and nothing is run."""
    found = shutil.which(word)
    if found is None:
        return word
    file = os.stat(found)
    return f"{os.path.realpath(found)} {file.st_size} {file.st_mtime_ns}"


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _compile(source: Path, compiler: list[str], target: Path) -> Path:
    command = [*compiler, *FLAGS, "-o", str(target), str(source), "-lm"]
    if subprocess.run([*command, "-march=native"], capture_output=True, check=False).returncode:
        subprocess.run(command, capture_output=True, check=True)  # some compilers can't look at the processor
    return target


def _processor() -> str:
    """Tells processors apart that may share a home folder, and differ in what they can run."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    features = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.system()} {platform.machine()} {features or platform.processor()}"
