"""Six guided lessons: each a few protocols to look at, a text whose figures are computed, and three questions."""

from stimplan.app.lessons.reading import Choice, Lesson, Question, check_answer, load_lessons, scene_protocol

__all__ = ["Choice", "Lesson", "Question", "check_answer", "load_lessons", "scene_protocol"]
