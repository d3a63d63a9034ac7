"""What small nets are fitted to."""

from weightspace.data.dataset import Dataset
from weightspace.data.grid import grid_coordinates
from weightspace.data.load import DATASETS, SIGNALS, data_code, data_settings, examples_code, load_dataset, load_signals
from weightspace.data.own import DataFactory, data_factory
from weightspace.data.signals import Signals
from weightspace.machine.data_root import using_data_root

__all__ = [
    "DATASETS",
    "SIGNALS",
    "DataFactory",
    "Dataset",
    "Signals",
    "data_code",
    "data_factory",
    "data_settings",
    "examples_code",
    "grid_coordinates",
    "load_dataset",
    "load_signals",
    "using_data_root",
]
