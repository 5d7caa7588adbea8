"""isoline completion: what a shell needs to complete commands and options."""

from __future__ import annotations

import argparse
import sys
from typing import Any

_BASH = """\
# isoline: put `source <(isoline completion bash)` into ~/.bashrc
_isoline() {
    local words
    case "${COMP_WORDS[1]}" in
%(cases)s
    *) words="%(commands)s" ;;
    esac
    if [ "$COMP_CWORD" -eq 1 ]; then words="%(commands)s"; fi
    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _isoline isoline
"""

_ZSH = "# isoline: put `source <(isoline completion zsh)` into ~/.zshrc\nautoload -U bashcompinit\nbashcompinit\n"


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "completion",
        help="print what a shell needs to complete commands and options",
        description="`source <(isoline completion bash)` in ~/.bashrc, the same with zsh in ~/.zshrc, "
        "`isoline completion fish | source` in config.fish.",
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    parser.set_defaults(run=lambda asked: run(asked, commands.choices))


def run(asked: argparse.Namespace, commands: dict[str, argparse.ArgumentParser]) -> int:
    words = {name: _words_of(command) for name, command in commands.items()}
    if asked.shell == "fish":
        sys.stdout.write(_fish(words))
        return 0
    cases = "\n".join(f'    {name}) words="{" ".join(each)}" ;;' for name, each in words.items())
    script = _BASH % {"cases": cases, "commands": " ".join(words)}
    sys.stdout.write((_ZSH if asked.shell == "zsh" else "") + script)
    return 0


def _fish(words: dict[str, list[str]]) -> str:
    lines = [f"complete -c isoline -n __fish_use_subcommand -f -a '{' '.join(words)}'"]
    for name, each in words.items():
        condition = f"-n '__fish_seen_subcommand_from {name}'"
        lines += [
            f"complete -c isoline {condition} -l {word[2:]}" if word.startswith("--")
            else f"complete -c isoline {condition} -a {word}"
            for word in each
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _words_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return what may follow a command: its long options, and words it chooses from."""
    found = []
    for action in parser._actions:
        found += [option for option in action.option_strings if option.startswith("--")]
        if not action.option_strings and action.choices:
            found += list(action.choices)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            nested = [word for each in action.choices.values() for word in _words_of(each)]
            found += [word for word in nested if word not in found]
    return found
