"""Where in a user's code an error comes from, and its reason in one line."""

import traceback


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
