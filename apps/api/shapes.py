"""The shape of what a request asks. Serializers say which shape is accepted, not what is allowed."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from rest_framework import serializers


class Asked(serializers.Serializer[Any]):
    """A body or a query. A field it does not know is refused: a misspelt one would otherwise do nothing."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, (dict, QueryDict)):
            unknown = len(set(data) - set(self.fields))
            if unknown:
                known = ", ".join(self.fields) or "none"
                fault = serializers.ErrorDetail(
                    f"{unknown} of the fields are not known here; these are: {known}.", code="unknown_field"
                )
                raise serializers.ValidationError({"non_field_errors": [fault]})
        return super().to_internal_value(data)
