"""Pictures of a zoo: its columns against each other, learning curves, and walls of what its nets show."""
