"""Which few of a run's metrics one wants to see first."""

from __future__ import annotations

from collections.abc import Sequence

from .definitions import Dictionary

SYSTEM = "system/"
_HELD_OUT = ("val", "valid", "validation", "eval", "test", "dev")
_MEASURES = (
    "loss",
    "acc",
    "accuracy",
    "reward",
    "return",
    "perplexity",
    "ppl",
    "auc",
    "f1",
    "score",
    "error",
)


def key_metrics(names: Sequence[str], dictionary: Dictionary, *, limit: int = 4) -> list[str]:
    """Return the first metrics to look at: those somebody gave a direction, held-out ones, losses, the rest.

    Hidden ones and those of the machine stay out; of equal rank the earlier one comes first.
    """
    shown = [name for name in names if not name.startswith(SYSTEM) and not _is_hidden(name, dictionary)]
    return sorted(shown, key=lambda name: _rank(name, dictionary))[:limit]


def _is_hidden(name: str, dictionary: Dictionary) -> bool:
    definition = dictionary.of_metric(name)
    return definition is not None and definition.hidden


def _rank(name: str, dictionary: Dictionary) -> tuple[bool, int, bool]:
    definition = dictionary.of_metric(name)
    words = name.lower().replace("/", " ").replace("_", " ").replace(".", " ").replace("-", " ").split()
    measures = [_MEASURES.index(word) for word in words if word in _MEASURES]
    return (
        not (definition and definition.direction),
        min(measures, default=len(_MEASURES)),
        not any(word in _HELD_OUT for word in words),
    )
