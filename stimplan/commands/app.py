"""`stimplan app`: the app in a browser, on this machine only."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines

if TYPE_CHECKING:
    from rich.console import Console


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`app`."""
    parser = add_command(commands, "app", "plan in the browser: montage, field and safety side by side")
    parser.add_argument("protocol", nargs="?", default="select-tdcs", help="shown first: id in the library, or a JSON "
                        "file (default: select-tdcs)")  # fmt: skip
    parser.add_argument("--head", default="colin27", help="head of the exact solve (default: colin27)")
    parser.add_argument("--folder", type=Path, default=Path(), help="the only folder the app reads and writes "
                        "(default: the current one)")  # fmt: skip
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; any other than the default lets "
                        "other machines in, without encryption")  # fmt: skip
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Serve until Ctrl-C."""
    from stimplan.app.server import AppOptions, serve

    options = AppOptions(
        host=args.host,
        port=args.port,
        folder=args.folder,
        protocol=args.protocol,
        head_name=args.head,
        opens_browser=not args.no_browser,
    )

    def tell(address: str) -> None:
        if args.json:
            show_json(console, {"url": address})
        else:
            show_lines(console, [f"stimplan app: {address}", "The address is the key: share it with nobody. "
                                 "Ctrl-C ends the app."])  # fmt: skip
        console.file.flush()

    serve(options, tell=tell)
    return 0
