"""The one body REST takes: strict JSON. Anything else is 415."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from apps.base import strict_json
from apps.base.errors import Malformed


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the body's object. Raises Malformed."""
        value = strict_json.loads(stream.read())
        if not isinstance(value, dict):
            raise Malformed("The body must be a JSON object.")
        return value
