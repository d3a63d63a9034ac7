"""What this computer offers: memory, a compiler, processes side by side."""
