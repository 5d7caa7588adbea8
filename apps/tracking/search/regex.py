r"""The regular expressions `matches` takes: a subset that cannot be made slow.

Literals, `.`, classes `[a-z]`, `\d \w \s` (ASCII) and their opposites, groups, `|`, `^`, `$`, and `* + ?
{m,n}`, also lazy. There is no back reference and no look-around, so PostgreSQL's engine runs it as an
automaton, in time linear in the text; counted repeats are bounded, as each copies its part of the
automaton. Every query has a statement timeout as well. Written once more in one spelling that PostgreSQL
(`~`) and Python (`re`) read alike: `.` matches every character, `$` only the end. RE2, which W&B's filters
speak, has these with the same meaning.
"""

from __future__ import annotations

from typing import NoReturn

from .ast import Span
from .errors import QueryError

MOST_CHARACTERS = 500
MOST_DEPTH = 20
MOST_REPEATS = 100
# The product of nested counted repeats, summed over the pattern: what the automaton can grow to.
MOST_STATES = 2000

_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": " \t\n\r\f\v"}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_SPECIAL = frozenset(".^$*+?{}[]()|\\")


def check(pattern: str, *, span: Span | None = None) -> None:
    """Raises QueryError if the pattern is not of the subset."""
    canonical(pattern, span=span)


def canonical(pattern: str, *, span: Span | None = None) -> tuple[str, bool]:
    """Return the pattern in the common spelling, and whether case is to be ignored (it began with `(?i)`).

    In Python it is read with re.DOTALL and `$` as it stands for `\\Z`: see python().

    Raises QueryError.
    """
    if len(pattern) > MOST_CHARACTERS:
        raise QueryError(
            f"A pattern has at most {MOST_CHARACTERS} characters.", span=span, code="bad_pattern"
        )
    ignore_case = pattern.startswith("(?i)")
    reader = _Reader(pattern[4:] if ignore_case else pattern, span)
    text, states = reader.alternatives(0)
    if not reader.at_end:
        reader.refuse("a `)` without its `(`")
    if states > MOST_STATES:
        reader.refuse("too many counted repeats")
    return text, ignore_case


def python(text: str) -> str:
    r"""Return a canonical pattern as Python's `re` reads it."""
    out: list[str] = []
    at = 0
    in_class = False
    while at < len(text):
        character = text[at]
        if character == "\\":
            out.append(text[at : at + 2])
            at += 2
            continue
        if character == "[":
            in_class = True
        elif character == "]":
            in_class = False
        out.append(r"\Z" if character == "$" and not in_class else character)
        at += 1
    return "".join(out)


class _Reader:
    def __init__(self, pattern: str, span: Span | None) -> None:
        self._pattern = pattern
        self._span = span
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._pattern)

    def refuse(self, what: str) -> NoReturn:
        raise QueryError(
            f"The pattern holds {what}. Accepted are literals, classes, groups, |, ^, $ and * + ? {{m,n}}.",
            span=self._span,
            code="bad_pattern",
        )

    def _peek(self) -> str:
        return self._pattern[self._at] if not self.at_end else ""

    def _take(self) -> str:
        character = self._peek()
        self._at += 1
        return character

    def alternatives(self, depth: int) -> tuple[str, int]:
        if depth > MOST_DEPTH:
            self.refuse("groups that nest too deep")
        parts = [self._sequence(depth)]
        while self._peek() == "|":
            self._at += 1
            parts.append(self._sequence(depth))
        # PostgreSQL has no empty alternative.
        return "|".join(text or "(?:)" for text, _ in parts) if len(parts) > 1 else parts[0][0], sum(
            states for _, states in parts
        )

    def _sequence(self, depth: int) -> tuple[str, int]:
        out: list[str] = []
        total = 0
        while not self.at_end and self._peek() not in "|)":
            text, states, repeatable = self._one(depth)
            if self._peek() and self._peek() in "*+?{":
                if not repeatable:
                    self.refuse("a repeat of nothing")
                repeat, times = self._repeat()
                text, states = text + repeat, states * times
                if self._peek() and self._peek() in "*+?{":
                    self.refuse("a repeat of a repeat")
            out.append(text)
            total += states
        return "".join(out), total

    def _one(self, depth: int) -> tuple[str, int, bool]:
        character = self._take()
        if character == "(":
            if self._peek() == "?":
                if self._pattern[self._at : self._at + 2] != "?:":
                    self.refuse("a group of a kind that is not known")
                self._at += 2
            text, states = self.alternatives(depth + 1)
            if self._take() != ")":
                self.refuse("a `(` without its `)`")
            return f"(?:{text})", max(states, 1), True
        if character == "[":
            return self._class(), 1, True
        if character == "\\":
            return self._escape(), 1, True
        if character in "^$":
            return character, 0, False
        if character == ".":
            return ".", 1, True
        if character in "*+?{":
            self.refuse("a repeat of nothing")
        return _literal(character), 1, True

    def _repeat(self) -> tuple[str, int]:
        character = self._take()
        times = 2
        text = character
        if character == "{":
            end = self._pattern.find("}", self._at)
            bounds = self._pattern[self._at : end].split(",") if end >= 0 else []
            if not 1 <= len(bounds) <= 2 or not bounds[0].isascii() or not bounds[0].isdigit():
                self.refuse("a repeat that is not {m}, {m,} or {m,n}")
            if len(bounds) == 2 and bounds[1] and not (bounds[1].isascii() and bounds[1].isdigit()):
                self.refuse("a repeat that is not {m}, {m,} or {m,n}")
            numbers = [int(bound[:6]) for bound in bounds if bound]
            if max(numbers) > MOST_REPEATS or numbers != sorted(numbers):
                self.refuse(f"a repeat beyond {MOST_REPEATS}, or one whose bounds are reversed")
            text = "{" + ",".join(str(int(bound)) if bound else "" for bound in bounds) + "}"
            times = max(max(numbers), 1) + 1
            self._at = end + 1
        if self._peek() == "?":
            self._at += 1  # Lazy or not, whether it matches is the same.
        return text, times

    def _class(self) -> str:
        negated = self._peek() == "^"
        self._at += negated
        items: list[str] = []
        while True:
            if self.at_end:
                self.refuse("a `[` without its `]`")
            character = self._take()
            if character == "]":
                if items:
                    break
                self.refuse("an empty class")
            if character == "[":
                self.refuse("a `[` inside a class")
            first = self._class_item(character)
            if len(first) == 1 and self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] != "]":
                self._at += 1
                last = self._class_item(self._take())
                if len(last) != 1 or last < first:
                    self.refuse("a range that runs backward")
                items.append(f"{_in_class(first)}-{_in_class(last)}")
            else:
                items.append(_in_class(first) if len(first) == 1 else first)
        return f"[{'^' if negated else ''}{''.join(items)}]"

    def _class_item(self, character: str) -> str:
        """Return one character, or the inside of a class."""
        if character != "\\":
            if not character:
                self.refuse("a `[` without its `]`")
            return character
        escaped = self._take()
        if escaped in _CLASSES:
            return _CLASSES[escaped]
        if escaped in _CONTROLS:
            return _CONTROLS[escaped]
        if not escaped or escaped.isalnum():
            self.refuse("an escape that is not known")
        return escaped

    def _escape(self) -> str:
        escaped = self._take()
        if escaped in _CLASSES:
            return f"[{_CLASSES[escaped]}]"
        if escaped and escaped.lower() in _CLASSES:
            return f"[^{_CLASSES[escaped.lower()]}]"
        if escaped in _CONTROLS:
            return _CONTROLS[escaped]
        if not escaped or escaped.isalnum():
            self.refuse("an escape that is not known")
        return _literal(escaped)


def _literal(character: str) -> str:
    return f"\\{character}" if character in _SPECIAL else character


def _in_class(character: str) -> str:
    return f"\\{character}" if character in "\\]^-[" else character
