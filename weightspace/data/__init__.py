"""What small nets are fitted to."""

from weightspace.data.dataset import Dataset
from weightspace.data.grid import grid_coordinates
from weightspace.data.load import DATASETS, SIGNALS, data_settings, load_dataset, load_signals
from weightspace.data.signals import Signals

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
