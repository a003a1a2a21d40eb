"""``python -m infnet_monai``: the same as ``infnet``."""

from infnet_monai.cli import app

if __name__ == "__main__":
    app(prog_name="infnet")
