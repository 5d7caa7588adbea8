"""Numbers as the REST interface writes them: JSON has no NaN and no infinity, so these travel as text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson
from django.http import HttpResponse
from numpy.typing import NDArray

_NOT_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def plain(value: Any) -> Any:
    """Return a user's structure with non-finite floats as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else _NOT_NUMBERS[repr(value)]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def column(values: NDArray[Any]) -> Any:
    """Return an array for `answer`: itself if it is all finite, else a list with texts in it."""
    if values.dtype.kind != "f":
        return np.ascontiguousarray(values)
    finite = np.isfinite(values)
    if finite.all():
        return np.ascontiguousarray(values)
    texts = values.tolist()
    for position in np.flatnonzero(~finite).tolist():
        texts[position] = _NOT_NUMBERS[repr(texts[position])]
    return texts


def answer(content: Any, *, etag: str = "") -> HttpResponse:
    """The answer of addresses that give many numbers, where REST framework's renderer takes too long."""
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    response = HttpResponse(body, content_type="application/json")
    if etag:
        response["ETag"] = etag
    return response
