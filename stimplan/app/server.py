"""The app's server: trame on this machine, behind the gate, until it is stopped."""

from __future__ import annotations

import functools
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.app import security
from stimplan.app.folder import Folder
from stimplan.app.plan import DEFAULT_HEAD, Plan
from stimplan.errors import InputError, MissingExtra, Problem

if TYPE_CHECKING:
    from stimplan.app.session import Session

FIRST_PROTOCOL = "select-tdcs"
# Largest message of the page, bytes: an uploaded protocol and its envelope. Larger ones close the connection.
MESSAGE_BYTES = 1_000_000
# The gate takes requests for its own address only, which all addresses together are not.
_EVERYWHERE = ("", "0.0.0.0", "::")
_STATIC = Path(__file__).with_name("static")


@attrs.frozen
class AppOptions:
    """How the app is started.

    Attributes
    ----------
    host : str
        Address to listen on; every other than this machine's own makes the app reachable from outside.
    port : int
        0 takes a free one.
    folder : Path
        The only folder that is read and written.
    protocol : str
        Shown first: an id of the library, or a file.
    head_name : str
        Head of the exact solve.
    opens_browser : bool
    """

    host: str = "127.0.0.1"
    port: int = 0
    folder: Path = attrs.field(factory=Path.cwd, converter=Path)
    protocol: str = FIRST_PROTOCOL
    head_name: str = DEFAULT_HEAD
    opens_browser: bool = True


def serve(options: AppOptions, *, tell: Callable[[str], None]) -> None:
    """Serve the app until it is stopped by Ctrl-C or a signal.

    Parameters
    ----------
    options : AppOptions
    tell : callable
        Called once with the address, token included, when the app is ready.

    Raises
    ------
    MissingExtra
        The extra `app` is not installed.
    InputError
        Host, port, folder or protocol cannot be used.
    """
    from stimplan.protocol import read_protocol

    secret = security.new_token()
    trame_server = _trame_server(secret)
    folder = Folder(options.folder)
    plan = Plan(read_protocol(options.protocol), head_name=options.head_name)
    port = _free_port(options.host, options.port)
    gate = security.Gate(security.new_token(), security.hosts_of(options.host, port), port)

    session = build(trame_server, plan, folder)
    trame_server.controller.on_server_bind.add(lambda web: _bind(web, gate, session, secret))

    def ready(**_: Any) -> None:
        tell(security.address(gate))
        if options.opens_browser:
            _open_browser(security.address(gate))

    trame_server.controller.on_server_ready.add(ready)
    trame_server.controller.on_server_exited.add(lambda **_: session.close())
    trame_server.start(
        host=options.host, port=port, open_browser=False, show_connection_info=False, disable_logging=True, timeout=0
    )


def build(trame_server: Any, plan: Plan, folder: Folder) -> Session:
    """The session and the page of a server that does not run yet."""
    from stimplan.app.layout import lay_out
    from stimplan.app.session import Session

    session = Session(trame_server, plan, folder)
    lay_out(session)
    return session


def _trame_server(secret: str) -> Any:
    """A trame server that reads neither our command line nor the environment's; `secret` opens its websocket."""
    try:
        from trame.app import get_server
        from trame.widgets import vuetify3  # noqa: F401  say now what is missing, not when the page is built
    except ImportError as error:
        what = f"the app needs the extra 'app' ({error.name} is missing): pip install 'stimplan[app]'"
        raise MissingExtra(what) from error
    os.environ["WSLINK_READY_MSG"] = ""
    server = get_server("stimplan")
    server.client_type = "vue3"
    server.options["ws_max_msg_size"] = MESSAGE_BYTES
    server.cli.parse_known_args = functools.partial(
        server.cli.parse_known_args, ["--authKey", secret, "--no-ws-compress"]
    )
    # Messages of trame and wslink hold what the page sent; they are of no use to the person at the terminal.
    for name in ("wslink", "trame_server", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return server


def _free_port(host: str, port: int) -> int:
    """The port asked for, or a free one; refused in words where it cannot be listened on."""
    if host in _EVERYWHERE:
        what = f"{host!r} is no address a browser could ask for; name the one by which other machines know this one"
        raise InputError(Problem("--host", what))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except (OSError, OverflowError) as error:
        where, reason = f"{host}:{port}", getattr(error, "strerror", None) or error
        raise InputError(Problem("--port", f"cannot listen on {where} ({reason}); leave --port out")) from None


def _bind(web_server: Any, gate: security.Gate, session: Session, secret: str) -> None:
    """Put the gate before everything the server answers, and the app's own addresses before trame's."""
    from aiohttp import web

    from stimplan.app.downloads import routes
    from stimplan.app.page import page_text

    text = page_text(Path(session.server._www) / "index.html")

    async def page(_: web.Request) -> web.Response:
        response = web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-store"})
        security.set_cookie(response, gate)
        return response

    async def launch(request: web.Request) -> web.Response:
        """The page asks where its websocket is; it comes with a secret of its own, which the page has to say first."""
        return web.json_response({"sessionURL": f"ws://{request.host}/ws", "secret": secret})

    for socket_handler in web_server._ws_handlers:
        socket_handler.unchunkers = security.LimitedMessages(MESSAGE_BYTES)
    app = web_server.app
    app.middlewares.insert(0, security.middleware(gate))
    app.add_routes([web.get("/", page), web.get("/index.html", page), web.post("/paraview/", launch)])
    app.add_routes([web.static("/stimplan", _STATIC)])
    app.add_routes(routes(session))


def _open_browser(address: str) -> None:
    """Open the page where there is a browser; where there is none the printed address is enough."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
