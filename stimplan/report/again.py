"""The report of a finished run, made again from what lies in its folder: pictures that are gone are drawn again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.errors import InputError, Problem
from stimplan.exchange.result_record import SUMMARY, check_as_written, how_again
from stimplan.report.light import small_pictures
from stimplan.report.page import CAPTIONS, render

if TYPE_CHECKING:
    from stimplan.exchange.result_exposure import RunAgain
    from stimplan.view.scene_parts import Scene

_LIGHT_LIMIT = 1_000_000
# Names of so many pictures are said, more are counted.
_FEW = 3
_OF_A_BLOCK = re.compile(r"block(\d+)_(.+)")


@attrs.frozen(eq=False, slots=False)
class Again:
    """A folder with the record of its run, and what a new report of it shows.

    Attributes
    ----------
    folder : Path
    record : mapping
        As `read_record` reads it.
    with_figures : bool
        Whether the report has pictures and a scene.
    """

    folder: Path
    record: Mapping[str, Any]
    with_figures: bool = True

    @cached_property
    def run(self) -> RunAgain:
        """The run, its field read from its file.

        Raises
        ------
        InputError
            It is missing or damaged.
        """
        from stimplan.exchange.result_exposure import read_exposure

        return read_exposure(self.folder)

    @cached_property
    def stored(self) -> dict[str, bytes]:
        """Pictures that lie in the folder as the run wrote them, by name."""
        return pictures_in(self.folder, self.record)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Pictures the run wrote that are gone or damaged; all of them where it wrote none."""
        written = [name for name in self.record["files"] if _is_picture(name)]
        return tuple(name for name in written or CAPTIONS if name not in self.stored)

    @cached_property
    def drawn(self) -> dict[str, bytes]:
        """Pictures drawn again, in place of those that are missing.

        Raises
        ------
        InputError
            The field they would be drawn from is gone, too.
        """
        if not self.missing:
            return {}
        from stimplan.report.drawings import draw_figures, drawings_of
        from stimplan.view.drawable import drawable_again

        try:
            shown = drawable_again(self.run)
        except InputError as error:
            raise InputError([self._cannot(self.missing), *error.problems]) from None
        names = [name for name in drawings_of(shown) if name not in self.stored]
        return draw_figures(shown, lambda *_: None, only=names)

    @cached_property
    def pictures(self) -> dict[str, bytes]:
        """Every picture of the run, those that are gone drawn again; none in a report without pictures.

        Raises
        ------
        InputError
            One is gone, and so is the field it would be drawn from.
        """
        return _in_order(self.stored | self.drawn) if self.with_figures else {}

    @cached_property
    def _scene_kept(self) -> Scene | str:
        """The scene of the folder's page, or why there is none."""
        from stimplan.view.scene_again import scene_in

        return scene_in(self.folder, self.record)

    @cached_property
    def scene(self) -> Scene | None:
        """The scene, drawn again where its page is gone; None in a report without pictures.

        Raises
        ------
        InputError
            Its page is gone, and so is the field it would be drawn from; or it is of another run.
        """
        if not self.with_figures:
            return None
        from stimplan.view.scene_again import scene_again

        found = self._scene_kept
        if not isinstance(found, str):
            return found
        try:
            run = self.run
        except InputError as error:
            raise InputError([self._cannot(("scene.html",)), *error.problems]) from None
        return scene_again(self.folder, found, run=run)[0]

    @property
    def notices(self) -> tuple[str, ...]:
        """What was drawn again, and what its pictures lack; of those made so far."""
        if "run" not in self.__dict__:
            return ()
        drawn = list(self.__dict__.get("drawn", {}))
        told = [", ".join(drawn) if len(drawn) <= _FEW else f"{len(drawn)} pictures"] if drawn else []
        told += ["the scene"] if "scene" in self.__dict__ and isinstance(self._scene_kept, str) else []
        return (f"Drawn again from the stored field: {' and '.join(told)}.", *self.run.notices)

    def _cannot(self, names: tuple[str, ...]) -> Problem:
        few = ", ".join(names) if len(names) <= _FEW else f"{len(names)} pictures"
        what = f"{few} not there or damaged, and cannot be drawn again; --no-figures makes the report without pictures"
        return Problem("", what, file=str(self.folder))


def pictures_in(folder: Path, record: Mapping[str, Any]) -> dict[str, bytes]:
    """The pictures that a run left in its folder, by name, where they are as it wrote them.

    Raises
    ------
    OSError
        One of them cannot be read.
    """
    found = {}
    for path in folder.glob("*.png"):
        if not _is_picture(path.name):
            continue
        try:
            check_as_written(folder, record, path.name)
        except InputError:
            continue
        found[path.name] = path.read_bytes()
    return _in_order(found)


def _is_picture(name: str) -> bool:
    block = _OF_A_BLOCK.fullmatch(name)
    return (block[2] if block else name) in CAPTIONS


def _in_order(pictures: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those of the first block as in the captions, then those of later blocks of a coil."""
    order = list(CAPTIONS)

    def place(name: str) -> tuple[int, int]:
        block = _OF_A_BLOCK.fullmatch(name)
        return (int(block[1]), order.index(block[2])) if block else (1, order.index(name))

    return {name: pictures[name] for name in sorted(pictures, key=place)}


def report_again(again: Again) -> bytes:
    """The whole report with the scene.

    Raises
    ------
    InputError
        The record is not of this version; pictures are gone and cannot be drawn again.
    """
    return _rendered(again, again.pictures, scene=again.scene).encode("utf-8")


def light_report(again: Again) -> bytes:
    """The report without the scene, below a megabyte.

    Raises
    ------
    InputError
        The record is not of this version; pictures are gone and cannot be drawn again; there is so much text that no
        picture has room.
    """
    page = _rendered(again, small_pictures(again.pictures), is_light=True).encode("utf-8")
    if len(page) > _LIGHT_LIMIT:
        what = f"a light report of it has {len(page) / 1e6:.2f} MB, above 1 MB, even with the smallest pictures"
        raise InputError(Problem("", what, file=str(again.folder)))
    return page


def pdf_report(again: Again) -> bytes:
    """The report as PDF; see `stimplan.report.pdf`.

    Raises
    ------
    InputError
        The record is not of this version; pictures are gone and cannot be drawn again.
    MissingExtra
        Nothing on this machine can print it.
    """
    from stimplan.report.pdf import pdf_bytes

    return pdf_bytes(_rendered(again, again.pictures))


def _rendered(again: Again, pictures: Mapping[str, bytes], **how: Any) -> str:
    import jinja2

    try:
        if again.record["coil"] is None and again.record["montage"] is None:
            raise ValueError("neither electrodes nor a coil")
        return render(again.record, pictures, **how)
    except InputError:
        raise  # a part that the record lacks, with its place
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, jinja2.UndefinedError) as error:
        what = f"holds what this version cannot show ({type(error).__name__}: {error})"
        how_so = how_again(again.folder, again.record)
        raise InputError(Problem("", f"{what}; {how_so}", file=str(again.folder / SUMMARY))) from None
