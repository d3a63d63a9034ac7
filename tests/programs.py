"""Python programs that start at once: one process imports everything, and forks for each command that is typed.

What a command sees is its own: words, folder, environment, standard input and outputs, exit code. Installing has
nothing to do, as everything is there. Run as a program, this file is that process: ``python programs.py SOCKET``,
started where the package is to be imported from.
"""

import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IMPORTED = (
    *("torch", "torch_geometric.data", "accelerate", "matplotlib.pyplot", "pyarrow.parquet", "rich.table", "tyro"),
    *("scipy.optimize", "sklearn.datasets", "sklearn.ensemble", "weightspace.cli.main", "weightspace.align"),
    *("weightspace.generators", "weightspace.zoo", "weightspace.tasks.comparison.ownnets"),
    *("weightspace.tasks.editing.files", "weightspace.tasks.editing.fit", "weightspace.tasks.quickstart.quickstart"),
)
CLIENT = """#!{python} -ES
import json, os, socket, sys
words = {words!r} + sys.argv[1:]
if "pip" in words and "install" in words:
    sys.exit()  # everything is there
if words[0] != "-m" and words[0].startswith("-"):
    os.execv(sys.executable, [sys.executable, *words])
link = socket.socket(socket.AF_UNIX)
link.connect({address!r})
asked = {{"words": words, "folder": os.getcwd(), "environment": dict(os.environ)}}
socket.send_fds(link, [b"+"], [0, 1, 2])
link.sendall(json.dumps(asked).encode() + b"\\n")
sys.exit(int(link.recv(16) or b"1"))
"""


@contextmanager
def programs(folder: Path, repository: Path, environment: dict[str, str]) -> Iterator[None]:
    """Writes the programs ``python`` and ``weightspace`` to a folder; they run the package of a repository."""
    address, ready = str(folder / "socket"), folder / "socket"
    for name, words in (("python", []), ("weightspace", ["-m", "weightspace"])):
        (folder / name).write_text(CLIENT.format(python=sys.executable, address=address, words=words))
        (folder / name).chmod(0o755)
    server = subprocess.Popen([sys.executable, __file__, address], cwd=repository, env=environment)
    try:
        while not ready.exists():
            assert server.poll() is None, "the process that imports everything has ended"
            time.sleep(0.05)
        yield
    finally:
        server.kill()
        server.wait()


def main(address: str) -> None:
    """Serves until it is killed."""
    sys.path.insert(0, os.getcwd())
    for name in IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address + ".new")
        door.listen()
        os.rename(address + ".new", address)
        while True:
            link, _ = door.accept()
            if os.fork() == 0:
                door.close()
                _serve(link)
            link.close()


def _serve(link: socket.socket) -> None:
    """One command, in a process of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, files, _, _ = socket.recv_fds(link, 1, 3)
    text = b""
    while not text.endswith(b"\n"):
        text += link.recv(1 << 16)
    asked = json.loads(text)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    for number, file in enumerate(files):
        os.dup2(file, number)
    code = _run(asked["words"])
    sys.stdout.flush()
    sys.stderr.flush()
    link.sendall(str(code).encode())
    os._exit(0)


def _run(words: list[str]) -> int:
    try:
        if words[0] == "-m":
            sys.argv[:] = words[1:]
            sys.path.insert(0, os.getcwd())
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv[:] = words
            sys.path.insert(0, str(Path(words[0]).resolve().parent))
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
