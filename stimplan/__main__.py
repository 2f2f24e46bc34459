"""`python -m stimplan`, and the installed command: an interrupt while the program still loads is no traceback."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Load the command line and run it."""
    # Loading makes tens of thousands of objects that all stay; looking through them for garbage each 700 takes a
    # tenth of the time of a check.
    gc.set_threshold(100_000)
    try:
        from stimplan import cli

        cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("stimplan: stopped; nothing was left behind\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
