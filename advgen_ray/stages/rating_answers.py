"""Files of answers as raters saved them: read, and refused where they are not whole answers to this very page."""

import json
from collections.abc import Sequence

import pandas as pd
from pydantic import Field, NonNegativeInt

from advgen_ray.config import Config
from advgen_ray.errors import UserError
from advgen_ray.storage.filesystem import exists, join, list_names, read_bytes

ENDING = ".json"


class Answer(Config):
    """What was said at one trial: the index of the class seen, and whether it could be a real image of it."""

    trial: NonNegativeInt
    pair: str
    seen: NonNegativeInt
    plausible: bool
    milliseconds: NonNegativeInt  # in which the trial was in sight


class AnswerFile(Config):
    """Everything that one rater said about one page."""

    page: str
    rater: str = Field(min_length=1)
    answers: tuple[Answer, ...]


def read_answers(uris: Sequence[str], page_id: str, order: Sequence[str], num_classes: int) -> pd.DataFrame:
    """The answers of all files, one row each: rater, trial, pair, seen, plausible, milliseconds; raters sorted.

    Args:
        uris: files, or directories of them (every ``.json`` in it).
        page_id: of the page that was rated.
        order: the pair shown at each trial.
        num_classes: how many could be chosen.

    Raises:
        UserError: naming file and value, where a file is unreadable, damaged, of another page, not finished, has an
            answer twice, one to another pair or out of range, or where two files are of one rater or say the same.
    """
    read: dict[str, AnswerFile] = {}
    for file in _files(uris):
        said = _parse(file)
        _check(file, said, page_id, order, num_classes)
        for other, known in read.items():
            if known.rater.casefold() == said.rater.casefold():
                raise UserError(f"{file}: rater {said.rater!r} answers in {other} too; keep one of them")
            if known.answers == said.answers:
                raise UserError(f"{file}: the same answers in the same time as in {other}; keep one of them")
        read[file] = said
    rows = [{"rater": one.rater, **answer.model_dump()} for one in read.values() for answer in one.answers]
    return pd.DataFrame(rows).sort_values(["rater", "trial"], ignore_index=True)


def _files(uris: Sequence[str]) -> list[str]:
    found: list[str] = []
    for uri in uris:
        if uri.endswith(ENDING):
            found.append(uri)
        elif not exists(uri):
            raise UserError(f"answers: {uri}: not found; give the files that raters saved, or a directory of them")
        else:
            found += [join(uri, name) for name in list_names(uri) if name.endswith(ENDING)]
    if not found:
        raise UserError(f"answers: no {ENDING} file in {', '.join(uris)}; put the files that raters saved there")
    if len(set(found)) < len(found):
        raise UserError(f"answers: a file is named twice among {', '.join(uris)}")
    return found


def _parse(file: str) -> AnswerFile:
    try:
        values = json.loads(read_bytes(file))
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror or str(error).splitlines()[0]})") from None
    except ValueError as error:
        raise UserError(f"{file}: damaged or cut off ({error}); ask the rater to download it again") from None
    if not isinstance(values, dict):
        raise UserError(f"{file}: holds {type(values).__name__}, expected the answers that a rating page saves")
    try:
        return AnswerFile.parse(values)
    except UserError as error:
        raise UserError(f"{file}: not the answers that a rating page saves: {error}") from None


def _check(file: str, said: AnswerFile, page_id: str, order: Sequence[str], num_classes: int) -> None:
    if said.page != page_id:
        raise UserError(f"{file}: answers to page {said.page}, expected {page_id}; read them with their own page")
    seen_trials: set[int] = set()
    for answer in said.answers:
        where = f"{file}: trial {answer.trial}"
        if answer.trial in seen_trials:
            raise UserError(f"{where} is answered twice; ask the rater to download the file again")
        seen_trials.add(answer.trial)
        if answer.trial >= len(order):
            raise UserError(f"{where}: the page has trials 0 to {len(order) - 1}; the file was edited")
        if answer.pair != order[answer.trial]:
            raise UserError(
                f"{where}: about pair {answer.pair!r}, expected {order[answer.trial]!r}; the file was edited"
            )
        if answer.seen >= num_classes:
            raise UserError(f"{where}: seen is {answer.seen}, expected a class from 0 to {num_classes - 1}")
    if len(seen_trials) < len(order):
        missing = min(set(range(len(order))) - seen_trials)
        raise UserError(
            f"{file}: {len(seen_trials)} of {len(order)} trials are answered (the first missing is {missing}); let the "
            "rater finish the page"
        )
