"""Building, keeping and reading zoos of small nets."""

from .build import build_zoo
from .gallery import gallery
from .recipe import Recipe
from .zoo import Zoo

__all__ = ["Recipe", "Zoo", "build_zoo", "gallery"]
