"""The lessons: every figure of a text is computed again, every question has one right answer, every scene is valid."""

from __future__ import annotations

import copy
import json
import re

import numpy as np
import pytest
from spheres import RADII_MM, SIGMA, c3_fp2, exact_electrodes

from stimplan.app.lessons import check_answer, load_lessons, scene_protocol
from stimplan.app.lessons.model import FIGURES, compute_figure, current_into_A, teaching_model
from stimplan.app.lessons.reading import ORDER, read_lesson
from stimplan.errors import ResourceError
from stimplan.fem.exact import layered_sphere
from stimplan.protocol import dump_protocol, read_protocol
from stimplan.resources import package_path
from stimplan.safety import check

LESSONS = load_lessons()
ALL = [(lesson, figure) for lesson in LESSONS for figure in lesson.figures]
SCENES = [(lesson, scene) for lesson in LESSONS for scene in lesson.scenes]


def tree_of(name):
    return json.loads(package_path("app", "lessons", name, "lesson.json").read_text(encoding="utf-8"))


def is_as_shown(figure, computed):
    """Whether a figure of a text is the computed one to the digits it shows."""
    return abs(figure.value - computed) <= 0.5 * 10.0**-figure.digits * 1.02


def test_there_are_six_lessons_with_a_protocol_a_text_and_three_questions_each():
    assert tuple(lesson.id for lesson in LESSONS) == ORDER
    for lesson in LESSONS:
        assert lesson.scenes and len(lesson.questions) == 3 and len(lesson.paragraphs) >= 3
        assert lesson.sources and all(one.status in ("read", "abstract", "recalled") for one in lesson.sources)


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda one: one.id)
def test_every_figure_of_a_text_is_what_the_model_gives_now(lesson):
    wrong = [
        f"{one.name}: {one.value} {one.unit}, computed {computed:.5g}"
        for one in lesson.figures
        if not is_as_shown(one, computed := compute_figure(lesson.id, one.name))
    ]
    assert wrong == []


@pytest.mark.slow
def test_the_envelope_moves_towards_the_weaker_pair():
    from stimplan.app.lessons.model import _pairs
    from stimplan.fem.interference import modulation_depth

    head = teaching_model().head
    brain = head.in_tissue("gray_matter") | head.in_tissue("white_matter")
    left, right = _pairs(teaching_model())[:, brain]

    def middle_x(left_mA, right_mA):
        depth = modulation_depth(np.stack([left * left_mA, right * right_mA]))[0]
        return head.centers_m[brain][depth > np.quantile(depth, 0.99), 0].mean()

    assert middle_x(1, 3) < middle_x(2, 2) - 0.01
    assert middle_x(3, 1) > middle_x(2, 2) + 0.01


def test_a_figure_that_was_typed_wrong_is_noticed():
    figure = LESSONS[0].figures[0]
    assert is_as_shown(figure, figure.value)
    assert not is_as_shown(figure, figure.value + 0.6 * 10.0**-figure.digits)
    assert not is_as_shown(figure, float("nan"))


def test_every_figure_has_a_computation_and_every_computation_a_text():
    for lesson in LESSONS:
        assert {one.name for one in lesson.figures} == set(FIGURES[lesson.id])


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda one: one.id)
def test_a_text_has_no_figure_with_a_unit_that_is_not_computed(lesson):
    tree = tree_of(lesson.id)
    texts = [*tree["paragraphs"], *(scene["look"] for scene in tree["scenes"])]
    for question in tree["questions"]:
        texts += [question["text"], *(part for one in question["choices"] for part in (one["text"], one["because"]))]
    loose = [found for text in texts for found in re.findall(r"\d[\d.]* ?(?:%|V/m|A/m²|ml)", text)]
    assert loose == []


@pytest.mark.parametrize("lesson, scene", SCENES, ids=lambda one: getattr(one, "id", None) or one.name)
def test_a_scene_is_a_valid_protocol_as_the_writer_writes_it(lesson, scene):
    path = package_path("app", "lessons", lesson.id, f"{scene.name}.json")
    protocol = scene_protocol(lesson.id, scene.name)
    assert dump_protocol(read_protocol(path)) == path.read_text(encoding="utf-8")
    assert protocol.id == f"lesson-{lesson.id}-{scene.name}"
    assert "not a treatment" in protocol.purpose
    assert check(protocol).verdict != "stop"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda one: one.id)
def test_every_answer_is_explained_and_one_is_right(lesson):
    for number, question in enumerate(lesson.questions):
        said = [check_answer(lesson, number, choice) for choice in range(len(question.choices))]
        assert sum(one.is_right for one in said) == 1
        assert all(one.because for one in said) and "{" not in "".join(one.because + one.text for one in said)
    with pytest.raises(IndexError):
        check_answer(lesson, 3, 0)
    with pytest.raises(IndexError):
        check_answer(lesson, 0, -1)


def test_the_right_answer_is_not_always_in_the_same_place():
    places = [[c.is_right for c in one.choices].index(True) for lesson in LESSONS for one in lesson.questions]
    assert len(set(places)) >= 2


@pytest.mark.parametrize(
    "spoil, fragment",
    [
        (lambda tree: tree.pop("title"), "damaged"),
        (lambda tree: tree["figures"].pop("far"), "used and given"),
        (lambda tree: tree["paragraphs"].append("{nowhere}"), "used and given"),
        (lambda tree: tree["questions"][0]["choices"][0].update(is_right=True), "exactly one"),
        (lambda tree: tree["scenes"][0].update(colour="red"), "damaged"),
    ],
)
def test_a_damaged_lesson_is_refused_in_words(spoil, fragment):
    tree = copy.deepcopy(tree_of("skin"))
    spoil(tree)
    with pytest.raises(ResourceError, match=fragment):
        read_lesson("skin", tree)


def test_current_through_a_closed_surface_agrees_with_the_closed_form():
    field = c3_fp2()
    for count, radius_m, sigma in ((1, 0.078, SIGMA[0]), (2, 0.080, SIGMA[1])):
        n = np.arange(20_000) + 0.5
        z, turn = 1 - 2 * n / len(n), np.pi * (1 + 5**0.5) * n
        out = np.column_stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z])
        E = layered_sphere(
            out * radius_m * (1 - 1e-5),
            exact_electrodes(field),
            radii_m=np.array(RADII_MM) * 1e-3,
            conductivities_S_per_m=SIGMA,
        )[1]
        through = sigma * np.einsum("ij,ij->i", E, out) * 4 * np.pi * radius_m**2 / len(n)
        exact = -through[through < 0].sum()
        layers = tuple(f"layer_{number}" for number in range(1, count + 1))
        assert current_into_A(field, layers) == pytest.approx(exact, rel=1e-3)
