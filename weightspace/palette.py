"""The colours of every picture, so that all look like one house's."""

INK = "#22262b"  # text and lines
FAINT = "#b9c0c8"  # what only frames
OURS = "#0b6e99"
THEIRS = "#8a94a0"
POSITIVE, NEGATIVE = "#0b6e99", "#c2512f"  # weights of either sign
