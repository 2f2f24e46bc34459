"""A web page as the tests look at it: its words, its tags, and every address it loads or points to."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class Page(HTMLParser):
    """Text of a page, its tags, and every address it loads or points to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.loads: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "srcset", "data", "poster", "background", "action") or (name == "href" and tag != "a"):
                self.loads.append(value)
            elif name == "href":
                self.links.append(value)

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        """Words of the page, those of its style sheet left out where it has the fold of the sign-off."""
        return re.sub(r"\s+", " ", "".join(self.words).split("@media print { #fold", 1)[-1])
