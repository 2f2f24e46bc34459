"""Who may talk to the app: this machine's browser, with the token, from the app's own page. Everybody else is refused.

A page from elsewhere can make a browser send requests to 127.0.0.1, and by DNS rebinding under a name of its own.
So every request, also those for pictures and scripts and for the websocket, must name this host (`Host`), come from
this page (`Origin`, `Sec-Fetch-Site`), and carry the token: once in the address, then as a cookie that no script can
read and no other site's request carries.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from aiohttp import web

Handler = Callable[["web.Request"], Awaitable["web.StreamResponse"]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_TOKEN_BYTES = 32
_METHODS = ("GET", "HEAD", "POST")

# What the page may load and do. Vue makes its templates from text in the browser, which needs 'unsafe-eval', and
# Vuetify writes its colours as styles; nothing may come from, or go to, another host.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self' {sockets}; "
    "frame-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


@attrs.frozen
class Gate:
    """What a request must bring.

    Attributes
    ----------
    token : str
        Random, new for each start.
    hosts : tuple of str
        Names under which the app may be asked for; port included where it has one.
    port : int
    """

    token: str = attrs.field(repr=False)
    hosts: tuple[str, ...]
    port: int

    @property
    def cookie(self) -> str:
        """Its name holds the port: cookies of one host are shared by all its ports."""
        return f"stimplan_{self.port}"

    def refusal(self, request: web.Request) -> str:
        """Why a request is refused; "" where it is not."""
        if request.method not in _METHODS:
            return "method"
        if request.headers.getall("Host", []) not in [[host] for host in self.hosts]:
            return "host"
        if not self._is_own_origin(request):
            return "origin"
        if not (self.has_token_in_address(request) or self._is_token(request.cookies.get(self.cookie, ""))):
            return "token"
        return ""

    def has_token_in_address(self, request: web.Request) -> bool:
        """Whether the token is in the address: only of the page itself, so that it stands in no other log."""
        return request.path == "/" and self._is_token(request.query.get("token", ""))

    def _is_own_origin(self, request: web.Request) -> bool:
        """An `Origin` must be this app's; where there is none, the browser must not say that another site asks."""
        origins = request.headers.getall("Origin", [])
        own = [f"http://{host}" for host in self.hosts]
        if origins:
            return len(origins) == 1 and origins[0] in own
        site = request.headers.get("Sec-Fetch-Site", "none")
        is_opened = request.headers.get("Sec-Fetch-Mode", "") == "navigate" and self.has_token_in_address(request)
        if request.headers.get("Upgrade"):  # every browser names the origin of a websocket
            return False
        return site in ("none", "same-origin") or is_opened

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self.token.encode())


class LimitedMessages(dict[str, Any]):
    """What puts the parts of a connection's messages together, none of them larger than so many bytes.

    wslink lets a client that has said the secret announce 4 GB, for which it makes room at once.
    """

    def __init__(self, largest_bytes: int) -> None:
        super().__init__()
        self._largest_bytes = largest_bytes

    def __setitem__(self, client: str, joiner: Any) -> None:
        allow = joiner.set_max_message_size
        joiner.set_max_message_size = lambda size: allow(min(size, self._largest_bytes))
        super().__setitem__(client, joiner)


def new_token() -> str:
    """256 random bits as text for an address."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hosts_of(host: str, port: int) -> tuple[str, ...]:
    """The names of a listening address: all of this machine's own, or the one that was asked for."""
    names = LOOPBACK if host in (*LOOPBACK, "::1") else (f"[{host}]" if ":" in host else host,)
    return tuple(f"{name}:{port}" for name in names)


def address(gate: Gate) -> str:
    """The address to open, with its token."""
    return f"http://{gate.hosts[0]}/?token={gate.token}"


def middleware(gate: Gate) -> Any:
    """The gate as aiohttp takes it."""
    from aiohttp import web

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        why = gate.refusal(request)
        if why:
            status = 405 if why == "method" else 403
            return _sealed(web.Response(status=status, text=_SAID[why], content_type="text/plain"), gate)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = error
            _seal(error, gate)
            raise
        return _sealed(response, gate)

    return guard


_SAID = {
    "method": "This kind of request is not taken here.",
    "host": "This app answers under its own address only.",
    "origin": "This app answers its own page only.",
    "token": "The token is missing or wrong: open the address that stimplan app has printed.",
}


def _sealed(response: web.StreamResponse, gate: Gate) -> web.StreamResponse:
    _seal(response, gate)
    return response


def _seal(response: web.StreamResponse, gate: Gate) -> None:
    """The headers every answer has; a websocket's have been sent already."""
    if response.prepared:
        return
    sockets = " ".join(f"ws://{host}" for host in gate.hosts if "[" not in host)  # a policy knows no such name
    response.headers.setdefault("Content-Security-Policy", _POLICY.format(sockets=sockets))
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"


def set_cookie(response: web.StreamResponse, gate: Gate) -> None:
    """Give the browser the token for what the page loads next."""
    response.set_cookie(gate.cookie, gate.token, httponly=True, samesite="Strict", path="/")
