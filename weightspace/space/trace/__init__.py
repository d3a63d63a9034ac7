"""From any module to its weight space, proved."""
