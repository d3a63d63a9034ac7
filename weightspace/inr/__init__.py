"""What an implicit net shows, and what can be done to it."""

from weightspace.inr.convention import Convention
from weightspace.inr.edits import EDITS
from weightspace.inr.render import render, render_stack
from weightspace.inr.surface import render_surface

__all__ = ["EDITS", "Convention", "render", "render_stack", "render_surface"]
