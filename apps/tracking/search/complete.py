"""What could come next in a query that is being typed: fields, comparators, values, words.

Built on the parser: the text up to the cursor, less the word being typed, is parsed, and what the parser
expected at its end is what is offered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from django.db.models import Count, Q

from ..models import Project, ProjectField, Run, RunField
from .ast import SCOPES, Field
from .attributes import ATTRIBUTES
from .columns import MOST_VALUES, Extent, extents, spelled
from .errors import QueryError
from .parse import Token, parse, parse_field, tokens
from .unparse import quoted

MOST_OPTIONS = 60
# Of those, fields of the project, and different values of one.
_MOST_FIELDS = 30
_MOST_VALUES = 20
# How many values of a field are looked through for its different ones.
_LOOKED_AT = 2000

Kind = Literal["field", "comparator", "value", "word"]


@dataclass(frozen=True)
class Option:
    """hint: what it is, in a word or two: `config, 0.1 to 0.2`, `12 runs`."""

    kind: Kind
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Completion:
    """options: each is to replace the text from start to end."""

    start: int
    end: int
    options: tuple[Option, ...]


def complete(project: Project, text: str, at: int | None = None) -> Completion:
    """Return what may stand at a place of a query, the end by default. A few queries, whatever the project
    holds.
    """
    at = len(text) if at is None else max(0, min(at, len(text)))
    before = text[:at]
    start = _start_of_word(before)
    typed = before[start:]
    try:
        parse(before[:start])
        expected = ["and", "or"] if before[:start].strip() else ["field", "not", "("]
    except QueryError as error:
        if error.position < len(before[:start].rstrip()):
            return Completion(start, at, ())
        expected = error.expected
    options: list[Option] = []
    if "field" in expected:
        options += _fields(project, typed)
    if {"text", "number", "true"} & set(expected):
        options += _values(project, before[:start], typed)
    words = [word for word in expected if word not in _NOT_WORDS]
    options += [
        Option("comparator" if word in _COMPARATORS else "word", word)
        for word in words
        if word.startswith(typed.lower())
    ]
    return Completion(start, at, tuple(options[:MOST_OPTIONS]))


_NOT_WORDS = frozenset({"field", "text", "number", "duration", "name", "."})
_COMPARATORS = frozenset(
    {
        "=",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "in",
        "not in",
        "contains",
        "like",
        "ilike",
        "matches",
        "is null",
        "is not null",
    }
)


def _start_of_word(text: str) -> int:
    """Where the word at the end begins: a path with its dots and quotation marks, or a value."""
    try:
        read = tokens(text)
    except QueryError as error:
        # A quotation that is still being typed, perhaps of a key of a path.
        read = [
            *tokens(text[: error.position]),
            Token("text", text[error.position :], error.position, len(text)),
        ]
    start = len(text)
    for token in reversed(read):
        if token.end != start or token.kind == "comparator" or (token.kind == "mark" and token.text != "."):
            break
        start = token.start
    return start


def _fields(project: Project, typed: str) -> list[Option]:
    """Fields whose name holds what was typed; those that begin with it first."""
    plain = typed.replace('"', "").replace("`", "").lower()
    names = [name for name in ATTRIBUTES if name.startswith(plain)]
    paths = ProjectField.objects.filter(project=project)
    if plain:
        paths = paths.filter(path__icontains=plain)
    held = list(paths.order_by("path")[: 10 * _MOST_FIELDS])
    held.sort(key=lambda field: _rank(field.path, plain))
    held = held[:_MOST_FIELDS]
    there = extents(project, held)
    scopes = [f"{scope}." for scope in SCOPES if plain and scope.startswith(plain) and scope != plain]
    return [
        *(Option("field", name, ATTRIBUTES[name].kind) for name in names),
        *(Option("field", spelled(field.path), _hint(field, there[field.pk])) for field in held),
        *(Option("word", scope) for scope in scopes if not held),
    ]


def _rank(path: str, typed: str) -> tuple[bool, bool, bool, str]:
    """What begins with what was typed, with its scope or without, comes first; the environment last."""
    folded = path.lower()
    _, _, name = folded.partition(".")
    return (
        path.startswith("metadata."),
        not folded.startswith(typed),
        not name.startswith(typed),
        path,
    )


def _hint(field: ProjectField, extent: Extent) -> str:
    scope = field.path.partition("(")[2].partition(".")[0] or field.path.partition(".")[0]
    kind = {"metrics": "metric", "labels": "label", "metadata": "environment"}.get(scope, scope)
    if extent.low is not None and extent.high is not None and not field.has_text:
        low, high = f"{extent.low:.4g}", f"{extent.high:.4g}"
        return f"{kind}, {low}" if low == high else f"{kind}, {low} to {high}"
    if not extent.values:
        return kind
    if extent.values > MOST_VALUES:
        return f"{kind}, over {MOST_VALUES} values"
    return f"{kind}, {extent.values} value{'' if extent.values == 1 else 's'}"


def _values(project: Project, before: str, typed: str) -> list[Option]:
    """Values that the field in front of the comparator has in the project, as a query writes them."""
    field = _field_before(before)
    if field is None:
        return []
    wanted = typed.strip("\"'").lower()
    found = _different_values(project, field, wanted)
    return [Option("value", value, hint) for value, hint in found if wanted in value.lower()]


def _field_before(text: str) -> Field | None:
    """The field of the last condition that has begun: what stands before its comparator."""
    read = tokens(text)
    for end in range(len(read), 0, -1):
        if read[end - 1].kind in ("comparator",) or read[end - 1].word in (
            "in",
            "has",
            "contains",
            "like",
            "ilike",
            "matches",
            "not",
        ):
            for start in range(end - 1):
                try:
                    return parse_field(text[read[start].start : read[end - 1].start])
                except QueryError:
                    continue
            if read[end - 1].word != "not":
                return Field("run", "tags") if end > 1 and read[end - 2].word in ("tags", "not") else None
    return None


def _different_values(project: Project, field: Field, wanted: str) -> list[tuple[str, str]]:
    """Return values with what there is to say of each."""
    runs = Run.objects.filter(project=project, deleted_at__isnull=True)
    if field.scope == "run":
        attribute = ATTRIBUTES[field.name]
        if attribute.words:
            held = dict(runs.order_by().values_list(field.name).annotate(Count("pk")))
            return [(quoted(word), _runs(held.get(word, 0))) for word in attribute.words]
        if attribute.kind == "tags":
            newest = runs.exclude(tags=[]).order_by("-pk").values_list("tags", flat=True)[:_LOOKED_AT]
            counted = Counter(tag for tags in newest for tag in tags)
            return [(quoted(tag), _runs(counted[tag])) for tag in sorted(counted)[: 10 * _MOST_VALUES]]
        if attribute.kind != "text" or field.name in ("id", "client_id", "notes", "parent"):
            return []
        newest_values = runs.order_by("-pk").annotate(_v=attribute.column).values_list("_v", flat=True)
        if wanted:
            newest_values = newest_values.filter(_v__icontains=wanted)
        counted = Counter(value for value in newest_values[:_LOOKED_AT] if value)
        return [(quoted(value), _runs(counted[value])) for value in list(counted)[:_MOST_VALUES]]
    return _texts(project, field, wanted)


def _runs(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"


def _texts(project: Project, field: Field, wanted: str) -> list[tuple[str, str]]:
    """Different texts of a field, each found by one step through the index, however many runs share it."""
    held = ProjectField.objects.filter(project=project, path=field.path).first()
    if held is None:
        return []
    rows = RunField.objects.filter(field=held, text__isnull=False)
    found: list[str] = []
    for _ in range(_MOST_VALUES):
        ahead = rows.filter(Q(text__gt=found[-1])) if found else rows
        if wanted:
            ahead = ahead.filter(text__icontains=wanted)
        following = ahead.order_by("text").values_list("text", flat=True).first()
        if following is None:
            break
        found.append(following)
    # Of a field that only has numbers, a text is one of them.
    counted = dict(rows.filter(text__in=found).order_by().values_list("text").annotate(Count("run")))
    return [(quoted(text) if held.has_text else text, _runs(counted.get(text, 0))) for text in found]
