"""Files of answers: whole and of this page, or one line that names file and value."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advgen_ray.errors import UserError
from advgen_ray.stages.rating_answers import read_answers
from tests.rated_sets import save_answers

PAGE, ORDER, NUM_CLASSES = "0123456789abcdef", ["aa", "bb", "aa"], 10
Said = dict[str, Any]


def said_by(rater: str, start: int = 0) -> Said:
    answers = [
        {"trial": trial, "pair": pair, "seen": (start + trial) % 10, "plausible": trial != 1, "milliseconds": 900}
        for trial, pair in enumerate(ORDER)
    ]
    return {"page": PAGE, "rater": rater, "answers": answers}


def read(*uris: Path) -> Any:
    return read_answers([str(uri) for uri in uris], PAGE, ORDER, NUM_CLASSES)


def test_files_and_directories_are_read_raters_in_order(tmp_path: Path) -> None:
    save_answers(tmp_path / "many", said_by("zoe", 1))
    save_answers(tmp_path / "many", said_by("ada", 2))
    (tmp_path / "many" / "notes.txt").write_text("no answers")
    table = read(tmp_path / "many", save_answers(tmp_path, said_by("mia", 3)))
    assert table["rater"].tolist() == ["ada"] * 3 + ["mia"] * 3 + ["zoe"] * 3
    assert table.loc[table["rater"] == "mia", "seen"].tolist() == [3, 4, 5]
    assert table["plausible"].tolist() == [True, False, True] * 3
    assert table["trial"].tolist() == [0, 1, 2] * 3


def test_the_order_of_answers_in_a_file_does_not_matter(tmp_path: Path) -> None:
    said = said_by("ada")
    file = save_answers(tmp_path, said | {"answers": said["answers"][::-1]})
    assert read(file)["trial"].tolist() == [0, 1, 2]


def edited(**changes: Any) -> Callable[[Said], Said]:
    return lambda said: said | changes


def with_answer(number: int, **changes: Any) -> Callable[[Said], Said]:
    def edit(said: Said) -> Said:
        said["answers"][number] |= changes
        return said

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (edited(page="f" * 16), "answers to page ffffffffffffffff, expected 0123456789abcdef"),
        (edited(answers=said_by("ada")["answers"][:2]), "2 of 3 trials are answered (the first missing is 2)"),
        (edited(answers=[]), "0 of 3 trials are answered"),
        (edited(answers=said_by("ada")["answers"] * 2), "trial 0 is answered twice"),
        (edited(rater=""), "rater: "),
        (edited(mood="good"), "unknown key 'mood'"),
        (with_answer(1, seen=10), "trial 1: seen is 10, expected a class from 0 to 9"),
        (with_answer(1, seen=-1), "answers.1.seen: "),
        (with_answer(1, seen=None), "answers.1.seen: "),
        (with_answer(1, seen=2.5), "answers.1.seen: "),
        (with_answer(2, plausible="yes"), "answers.2.plausible: "),
        (with_answer(2, milliseconds=-5), "answers.2.milliseconds: "),
        (with_answer(2, trial=3), "trial 3: the page has trials 0 to 2; the file was edited"),
        (with_answer(0, pair="bb"), "trial 0: about pair 'bb', expected 'aa'; the file was edited"),
        (with_answer(0, pair="cc"), "trial 0: about pair 'cc', expected 'aa'; the file was edited"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, edit: Callable[[Said], Said], message: str) -> None:
    file = save_answers(tmp_path, edit(said_by("ada")), name="received")
    with pytest.raises(UserError) as error:
        read(file)
    assert str(error.value).startswith(f"{file}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(said_by("ada"))[:-40], "damaged or cut off"),
        ("", "damaged or cut off"),
        ("\xff\xfe", "damaged or cut off"),
        ("[1, 2]", "holds list, expected the answers that a rating page saves"),
        (json.dumps({"identity": "x"}), "not the answers that a rating page saves: identity: unknown key"),
        (json.dumps(said_by("ada")).replace("900", "NaN"), "not the answers that a rating page saves"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "received.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(UserError) as error:
        read(file)
    assert str(error.value).startswith(f"{file}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_nobody_is_counted_twice(tmp_path: Path) -> None:
    first = save_answers(tmp_path, said_by("ada"))
    with pytest.raises(UserError, match=r"rater 'Ada' answers in .*ada.json too; keep one of them"):
        read(first, save_answers(tmp_path, said_by("Ada", 5), name="second"))
    with pytest.raises(UserError, match=r"copy.json: the same answers in the same time as in .*ada.json"):
        read(first, save_answers(tmp_path, said_by("bob"), name="copy"))
    with pytest.raises(UserError, match="a file is named twice"):
        read(first, first)


def test_where_nothing_lies_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: not found; give the files that raters saved"):
        read(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"nowhere.json: cannot be read"):
        read(tmp_path / "nowhere.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no .json file in .*empty"):
        read(tmp_path / "empty")
