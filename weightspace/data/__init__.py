"""What small nets are fitted to."""

from .dataset import Dataset
from .load import DATASETS, load_dataset

__all__ = ["DATASETS", "Dataset", "load_dataset"]
