"""A class, counted: per lesson what was solved, which mistakes, predictions and choices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from ngpu_lib.collect.read import HandIn

#: In a printed line, the number after one of these words is what was measured.
_MEASURED = re.compile(r"(?:measured|computed)[^0-9=:]*[:=]?\s*(-?\d[\d,]*\.?\d*(?:e[-+]?\d+)?)")


@dataclass
class Exercise:
    """Of one exercise: how many solved it, tried it, and after how many tries; mistakes by learners."""

    solved: int = 0
    tried: int = 0
    tries: list[int] = field(default_factory=list)  # of those who solved it
    mistakes: Counter = field(default_factory=Counter)

    @property
    def usual_tries(self) -> float:
        """The median number of tries of those who solved it; NaN if nobody did."""
        return median(self.tries) if self.tries else float("nan")


@dataclass
class Prediction:
    """Guesses of one prediction: numbers, other texts, and what was measured where the line says it."""

    numbers: list[float] = field(default_factory=list)
    texts: Counter = field(default_factory=Counter)
    measured: list[float] = field(default_factory=list)

    @property
    def usual(self) -> float | None:
        """The median of what was measured, or None."""
        return median(self.measured) if self.measured else None


@dataclass
class Question:
    """Of one quiz question: what was chosen first, by how many, and which answer is right."""

    first: Counter = field(default_factory=Counter)
    right: str = ""


@dataclass
class Lesson:
    """One lesson of a class."""

    number: str
    count: int = 0
    exercises: dict[str, Exercise] = field(default_factory=dict)
    predictions: dict[str, Prediction] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)


def lessons(handins: Sequence[HandIn]) -> list[Lesson]:
    """The class by lessons, in order; every hand-in counts once."""
    found: dict[str, Lesson] = {}
    for handin in handins:
        lesson = found.setdefault(handin.lesson, Lesson(handin.lesson))
        lesson.count += 1
        for name, entry in handin.checks.items():
            exercise = lesson.exercises.setdefault(name, Exercise())
            exercise.tried += entry["tries"] > 0 or entry["passed"]
            exercise.solved += entry["passed"]
            exercise.mistakes.update(entry["mistakes"].keys())
            if entry["passed"]:
                exercise.tries.append(entry["tries"])
        for name, entry in handin.predictions.items():
            _count_guess(lesson.predictions.setdefault(name, Prediction()), entry)
        for name, entry in handin.quiz.items():
            question = lesson.questions.setdefault(name, Question())
            question.first[entry["chosen"][0]] += 1
            question.right = question.right or entry["right"]
    for lesson in found.values():
        lesson.exercises = dict(sorted(lesson.exercises.items()))
    return [found[number] for number in sorted(found)]


def _count_guess(prediction: Prediction, entry: dict) -> None:
    guess = entry["guess"]
    if isinstance(guess, (int, float)):
        prediction.numbers.append(float(guess))
    else:
        prediction.texts[guess] += 1
    rest = entry["shown"].replace(str(guess), "", 1)
    if told := _MEASURED.search(rest):
        prediction.measured.append(float(told[1].replace(",", "").rstrip(".")))
