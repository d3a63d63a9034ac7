"""One net from several, and larger nets from smaller ones."""
