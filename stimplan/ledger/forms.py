"""Adverse-event questionnaires: which items each has, and what the marks mean. They are data, in `forms.json`."""

from __future__ import annotations

import json
from functools import cache

import attrs

from stimplan.resources import package_path

ABSENT, SEVERE = 1, 4  # ends of the severity scale, see forms.json
OTHER = "other"


@attrs.frozen
class Form:
    """One questionnaire.

    Attributes
    ----------
    id, title : str
    modalities : tuple of str
    items : tuple of (id, label)
        The last one is "other", which needs a note.
    source, doi, status : str or None
        Where the items come from; status as of rules: read, secondary, recalled.
    """

    id: str
    title: str
    modalities: tuple[str, ...]
    items: tuple[tuple[str, str], ...]
    source: str
    doi: str | None
    status: str

    @property
    def item_ids(self) -> tuple[str, ...]:
        """Ids of the items."""
        return tuple(name for name, _ in self.items)


@cache
def forms() -> tuple[Form, ...]:
    """All questionnaires."""
    data = json.loads(package_path("ledger", "forms.json").read_text(encoding="utf-8"))
    other = (data["other"]["id"], data["other"]["label"])
    return tuple(
        Form(
            id=form["id"],
            title=form["title"],
            modalities=tuple(form["modalities"]),
            items=(*((item["id"], item["label"]) for item in form["items"]), other),
            source=form["source"]["citation"],
            doi=form["source"]["doi"],
            status=form["source"]["status"],
        )
        for form in data["forms"]
    )


@cache
def scale(name: str) -> tuple[tuple[int, str], ...]:
    """Marks of the scale "severity" or "relation", with their words."""
    data = json.loads(package_path("ledger", "forms.json").read_text(encoding="utf-8"))
    return tuple((int(mark), word) for mark, word in data[name].items())


def form_named(name: str) -> Form | None:
    """A questionnaire by its id."""
    return next((form for form in forms() if form.id == name), None)
