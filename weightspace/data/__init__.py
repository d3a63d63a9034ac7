"""What small nets are fitted to."""

from .dataset import Dataset
from .grid import grid_coordinates
from .load import DATASETS, SIGNALS, data_settings, load_dataset, load_signals
from .signals import Signals

__all__ = [
    "DATASETS",
    "SIGNALS",
    "Dataset",
    "Signals",
    "data_settings",
    "grid_coordinates",
    "load_dataset",
    "load_signals",
]
