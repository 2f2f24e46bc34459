"""Policy profiles: which rules are gates where, from `safety/profiles.json`."""

from __future__ import annotations

import difflib
import json
from functools import cache

import attrs

from stimplan.errors import InputError, ResourceError
from stimplan.resources import data_path


@attrs.frozen
class Profile:
    """One policy profile."""

    id: str
    title: str
    description: str


@cache
def load_profiles() -> tuple[Profile, ...]:
    """Every shipped profile, the default first.

    Raises
    ------
    ResourceError
        The file is damaged.
    """
    try:
        tree = json.loads(data_path("safety", "profiles.json").read_text(encoding="utf-8"))
        profiles = [Profile(**record) for record in tree["profiles"]]
        (default,) = [profile for profile in profiles if profile.id == tree["default"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ResourceError(f"safety/profiles.json is damaged ({error!r}); install stimplan again") from error
    return (default, *(profile for profile in profiles if profile != default))


def profile_named(name: str) -> Profile:
    """The profile with this id.

    Raises
    ------
    InputError
        There is none; the message says which there are.
    """
    known = {profile.id: profile for profile in load_profiles()}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(str(name), known)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else f"; known are {', '.join(known)}"
    raise InputError(f"{name!r} is not a policy profile{hint}")
