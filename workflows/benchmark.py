"""Measure what the README and docs claim about speed and size: the same as ``infnet benchmark``."""

from infnet_monai.cli.benchmark import benchmark

if __name__ == "__main__":
    benchmark()
