"""Building, keeping and reading zoos of small nets."""

from weightspace.inr.convention import Convention
from weightspace.inr.render import render, render_stack
from weightspace.inr.surface import render_surface
from weightspace.zoo.build.build import build_zoo
from weightspace.zoo.export import export_nets
from weightspace.zoo.imports.inr import import_inr_folder
from weightspace.zoo.imports.ray import import_ray_zoo
from weightspace.zoo.imports.small_cnn import import_small_cnn
from weightspace.zoo.info import describe_zoo
from weightspace.zoo.join import merge_zoos
from weightspace.zoo.pictures.plot import plot_zoo
from weightspace.zoo.pictures.wall import render_wall
from weightspace.zoo.recipe.gallery import gallery
from weightspace.zoo.recipe.recipe import Recipe
from weightspace.zoo.verify import Verdict, verify_zoo
from weightspace.zoo.zoo import Zoo

__all__ = [
    "Convention",
    "Recipe",
    "Verdict",
    "Zoo",
    "build_zoo",
    "describe_zoo",
    "export_nets",
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
