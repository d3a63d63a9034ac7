"""Building, keeping and reading zoos of small nets."""

from .build import build_zoo
from .convention import Convention
from .gallery import gallery
from .import_inr import import_inr_folder
from .import_ray import import_ray_zoo
from .import_small_cnn import import_small_cnn
from .info import describe_zoo
from .merge import merge_zoos
from .plot import plot_zoo
from .recipe import Recipe
from .render import render, render_stack
from .surface import render_surface
from .verify import Verdict, verify_zoo
from .wall import render_wall
from .zoo import Zoo

__all__ = [
    "Convention",
    "Recipe",
    "Verdict",
    "Zoo",
    "build_zoo",
    "describe_zoo",
    "gallery",
    "import_inr_folder",
    "import_ray_zoo",
    "import_small_cnn",
    "merge_zoos",
    "plot_zoo",
    "render",
    "render_stack",
    "render_surface",
    "render_wall",
    "verify_zoo",
]
