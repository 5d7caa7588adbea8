"""Deny by default: the one registry of every address × method and every websocket message (G-1).

An interface registers what it answers, by URL name, in its own `policy.py`. What nobody registered is
refused at run time, and a test that walks the resolver fails. The rule says who may knock; the one
door (`access`) decides about the row.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.base.errors import Denied, Unauthenticated

from .access import missing_scope
from .principal import Principal
from .scopes import Verb


@dataclass(frozen=True)
class Rule:
    """Who may use an address at all.

    verb: what a credential's scopes must include; None asks for any credential.
    is_public: no credential is asked for.
    """

    verb: Verb | None = None
    is_public: bool = False

    def demand(self, principal: Principal) -> None:
        """Raises Unauthenticated or Denied."""
        if self.is_public:
            return
        if not principal.is_somebody:
            raise Unauthenticated("Send a valid API key as `Authorization: Bearer iso_…`, or sign in.")
        if self.verb is not None and self.verb not in principal.verbs:
            raise missing_scope(principal, self.verb)


PUBLIC = Rule(is_public=True)
ANYONE = Rule()
READ = Rule(Verb.READ)
INGEST = Rule(Verb.INGEST)
EDIT = Rule(Verb.EDIT)
PEOPLE = Rule(Verb.PEOPLE)
MANAGE = Rule(Verb.MANAGE)

_rules: dict[tuple[str, str], Rule] = {}


def register(address: str, **methods: Rule) -> None:
    """Register what an address answers: `register("api:run", GET=READ, PATCH=EDIT)`.

    HEAD goes with GET. Registering again replaces nothing: it raises ValueError.
    """
    if "GET" in methods:
        methods.setdefault("HEAD", methods["GET"])
    for method, rule in methods.items():
        if (address, method) in _rules:
            raise ValueError(f"{method} {address} is registered already.")
        _rules[address, method] = rule


def rule_of(address: str, method: str) -> Rule | None:
    return _rules.get((address, method))


def required_rule(address: str, method: str) -> Rule:
    """Raises Denied for what nobody registered."""
    rule = rule_of(address, method)
    if rule is None:
        raise Denied("This address is closed.", code="unregistered")
    return rule


def registered() -> dict[tuple[str, str], Rule]:
    return dict(_rules)
