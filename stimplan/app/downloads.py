"""What the page offers to save: files made in memory, given out once under a name that cannot be guessed."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from stimplan.app.session import Session

_KEPT = 8


@attrs.frozen
class Offer:
    """A file to download: its name, its kind, and its bytes or where they lie in the app's folder."""

    name: str
    content_type: str
    content: bytes | Path = attrs.field(repr=False)


class Offers:
    """The last few files offered, by key."""

    def __init__(self) -> None:
        self._offers: dict[str, Offer] = {}

    def add(self, offer: Offer) -> str:
        """Keep a file and return the address at which the page finds it; the oldest ones go."""
        key = secrets.token_urlsafe(12)
        self._offers[key] = offer
        for old in list(self._offers)[:-_KEPT]:
            del self._offers[old]
        return f"download/{key}/{offer.name}"

    def get(self, key: str, name: str) -> Offer | None:
        """The file of a key and a name; None where there is none."""
        offer = self._offers.get(key)
        return offer if offer is not None and offer.name == name else None


def routes(session: Session) -> list[Any]:
    """The addresses of the downloads."""
    from aiohttp import web

    async def download(request: web.Request) -> web.StreamResponse:
        offer = session.offers.get(request.match_info["key"], request.match_info["name"])
        if offer is None:
            return web.Response(status=404, text="There is no such file any more; ask for it again on the page.")
        headers = {"Content-Disposition": f'attachment; filename="{offer.name}"', "Cache-Control": "no-store"}
        if isinstance(offer.content, Path):
            if not offer.content.is_file():
                return web.Response(status=404, text="The file is not there any more.")
            return web.FileResponse(offer.content, headers={**headers, "Content-Type": offer.content_type})
        return web.Response(body=offer.content, content_type=offer.content_type, headers=headers)

    return [web.get("/download/{key}/{name}", download)]
