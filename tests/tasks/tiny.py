"""Zoos small enough for tests, built once a session."""

TINY = """
name = "tiny"
nets = 24
seed = 1

[data]
name = "digits"

[net]
name = "cnn"
image_size = 8
channels = [4, 4]
stride = [2, 2]
activation = ["relu", "tanh"]

[train]
optimizer = ["adam", "sgd"]
lr = { low = 1e-3, high = 3e-2, log = true }
fraction = { low = 0.05, high = 1.0, log = true }
batch_size = 32
steps = 20

[split]
val = 0.25
test = 0.25

[store]
shard = 12
"""

ADAPTERS = """
name = "few-adapters"
nets = 64
seed = 0
draw = "grid"
[data]
name = "digits"
[net]
name = "adapter"
kind = ["lora", "dora"]
rank = [2, 3]
[train]
lr = 1e-2
poison = 0.2
target = 3
steps = 80
task = ["shifted", "mirrored"]
trigger = ["patch", "none"]
[split]
val = 0.3
test = 0.3
"""
