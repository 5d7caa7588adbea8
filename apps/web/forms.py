"""How a form says what was refused: beside the field that it is about."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms

from apps.base.errors import DomainError


def refuse(form: forms.Form, refusal: DomainError, fields: Mapping[str, str]) -> None:
    """Put a refusal into the form. fields: by its code, which field it is about; any other is about the whole."""
    form.add_error(fields.get(refusal.code), refusal.message)
