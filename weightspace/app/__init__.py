"""A page in the browser: browse zoos, ask metanets about a checkpoint, edit pictures, generate nets."""

from weightspace.app.page import make_page, run_page
from weightspace.app.space import write_space

__all__ = ["make_page", "run_page", "write_space"]
