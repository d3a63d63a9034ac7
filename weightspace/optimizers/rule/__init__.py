"""The update rule of one weight, its memory and its inputs, in torch and compiled."""
