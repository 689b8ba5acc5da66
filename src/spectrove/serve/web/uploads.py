"""A request's body as a question: JSON, or a form with files."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from spectrove.serve.service.asking import Task
from spectrove.serve.service.given import NOWHERE, Files, check_unpacked
from spectrove.serve.service.limits import MB, Limits
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.questions import Data

JSON, FORM = "application/json", "multipart/form-data"

#: Longest name of a file that is kept, and what one may hold.
LONGEST, STRANGE = 120, re.compile(r"[^\w.+#=@ -]", re.ASCII)

#: Endings that mean a folder and no file.
FOLDERS = (".lance", ".hats", ".kb")

#: Fields of a form besides files.
MOST_FIELDS = 200


@asynccontextmanager
async def question_of(request: Request, task: Task, limits: Limits) -> AsyncIterator[tuple[Data, Files]]:
    """What a request asks, and the files that came with it, in a folder that is removed if this is left by an error.

    Raises:
        Problem: The body is of another type, is too large, or cannot be read.
        ValidationError: It asks what cannot be asked.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == FORM:
        async with request.form(
            max_files=limits.files, max_fields=MOST_FIELDS, max_part_size=limits.upload
        ) as form:
            folder = Path(tempfile.mkdtemp(prefix="spectrove-"))
            try:
                asked, files = await run_in_threadpool(_of_form, form, task, folder, limits)
                yield asked, files
            except BaseException:
                drop(Files(folder))
                raise
        return
    if media not in (JSON, ""):
        raise Problem(415, f"{media}: found this type of body, expected {JSON} or {FORM}.")
    body = await request.body()
    if body and not media:
        raise Problem(415, f"The body has no type, expected {JSON} or {FORM}. Say Content-Type.")
    yield _of_json(body, task), Files()


def drop(files: Files) -> None:
    """Remove the files that came with a question."""
    if files.folder != NOWHERE:
        shutil.rmtree(files.folder, ignore_errors=True)


def _of_json(body: bytes, task: Task) -> Data:
    try:
        said = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"The body is no JSON ({str(error)[:200]}).") from error
    if not isinstance(said, dict):
        raise Problem(422, f"The body is a {type(said).__name__}, expected an object of options.", "Invalid")
    return task.model.model_validate(said)


def _of_form(form: FormData, task: Task, folder: Path, limits: Limits) -> tuple[Data, Files]:
    texts: dict[str, list[str]] = {}
    places: dict[str, list[Path]] = {}
    unpacked = 0
    for key, value in form.multi_items():
        if isinstance(value, str):
            texts.setdefault(key, []).append(value)
            continue
        if key not in task.files:
            takes = f"expected {' or '.join(task.files)}" if task.files else "expected no files"
            raise Problem(422, f"{key}: a file came under this name, {takes}.", "Invalid")
        if value.filename or value.size:  # a browser sends an empty part where no file was chosen
            place, unpacked = _kept(value, folder, limits, unpacked)
            places.setdefault(key, []).append(place)
    said = {key: _value(values, _takes_many(task.model, key)) for key, values in texts.items()}
    return task.model.model_validate(said), Files(folder, places)


def _kept(upload: UploadFile, folder: Path, limits: Limits, before: int = 0) -> tuple[Path, int]:
    """The file in the folder, under its own name or what is harmless of it; its bytes and those before, unpacked."""
    place = folder / harmless(upload.filename or "spectrum")
    if place.exists():
        raise Problem(
            422, f"{place.name}: two files came under this name. Rename one, or ask twice.", "Invalid"
        )
    with place.open("xb") as file:
        shutil.copyfileobj(upload.file, file, MB)
    return place, before + check_unpacked(place, limits.unpacked, before)


def kept_file(upload: UploadFile, part: str, limits: Limits) -> Files:
    """A single file that came in a form, in a folder of its own.

    Raises:
        Problem: None was chosen, or it is too large when unpacked.
    """
    if not upload.filename:
        raise Problem(422, "No file came. Choose one.", "Invalid")
    files = Files(folder := Path(tempfile.mkdtemp(prefix="spectrove-")), {})
    try:
        return Files(folder, {part: [_kept(upload, folder, limits)[0]]})
    except BaseException:
        drop(files)
        raise


def harmless(name: str) -> str:
    """A name that is one in any folder: the last part of a path, without what means something to a system."""
    last = STRANGE.sub("_", re.split(r"[/\\]", name)[-1]).strip(" .")
    last = last[-LONGEST:].lstrip("-. ") or "spectrum"
    return f"{last}_" if last.lower().endswith(FOLDERS) else last


def _takes_many(model: type[Data], key: str) -> bool:
    """Whether a field is a list, so that a single value is one of a list."""
    field = model.model_fields.get(key)
    return field is not None and "list[" in str(field.annotation)


def _value(texts: list[str], many: bool) -> Any:
    """The texts of a field as data: JSON where it looks so, else the text, as on the command line."""
    values = [_json_or_text(text) for text in texts]
    if many:
        return [one for value in values for one in (value if isinstance(value, list) else [value])]
    return values[0] if len(values) == 1 else values


def _json_or_text(text: str) -> Any:
    if text[:1] in "[{" and text:
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return text
