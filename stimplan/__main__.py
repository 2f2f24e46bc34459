"""`python -m stimplan`, and the installed command: an interrupt while the program still loads is no traceback."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Load the command line and run it."""
    try:
        from stimplan import cli

        cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("stimplan: stopped; nothing was left behind\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
