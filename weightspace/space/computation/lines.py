"""Where in a user's code an error or an operator comes from, and the reason in one line."""

import traceback
from itertools import pairwise

from torch import fx
from torch._ops import OpOverload


def place_of(error: BaseException) -> str:
    """A line ``where: file:line: code`` of the user's own code, or nothing if no line of it is known."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "/torch/" not in frame.filename and "/weightspace/space/" not in frame.filename
        and not frame.filename.startswith("<") and frame.line
    ]  # fmt: skip
    return f"  where: {frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line}\n" if frames else ""


def reason_of(error: BaseException) -> str:
    """The error's type and the first line of its text."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def cause_of(node: fx.Node) -> str:
    """Why an operator of an exported module fixes axes; nothing for inner ones."""
    return f"{told} tells its entries apart" if (told := operator_of(node)) else ""


def operator_of(node: fx.Node) -> str:
    """An operator of an exported module by its name, module and line of code; nothing for inner ones."""
    modules = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    if not modules:
        return ""
    target = node.target
    name = target._schema.name.partition("::")[2] if isinstance(target, OpOverload) else str(target)
    path = ".".join(modules[-1].split(".")[1:])
    code = _own_line(node.meta.get("stack_trace") or "")
    where = f"in {path!r}" * bool(path) + " " * bool(path and code) + f"at `{code}`" * bool(code)
    return f"{name}{f', {where},' if where else ''}"


def _own_line(stack: str) -> str:
    """The innermost line of code in a stack's text that is the user's own."""
    lines = stack.splitlines()
    own = [
        code.strip()
        for place, code in pairwise(lines)
        if place.lstrip().startswith("File ") and "/torch/" not in place and "/weightspace/space/" not in place
    ]
    return own[-1] if own else ""
