"""Measurements of speed and size that the README and the docs claim."""
