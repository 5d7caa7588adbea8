"""What git says of the code that runs: commit, branch, remote, and what has not been committed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from isoline._secrets import mask_text

TIMEOUT_S = 5.0

# A text of a record has at most 100,000 bytes.
DIFF_MAX_BYTES = 90_000


def describe(folder: Path) -> dict[str, Any] | None:
    """Return what is known of the repository around `folder`; None if there is none, or no git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    found: dict[str, Any] = {"commit": commit}
    branch = _git(folder, "symbolic-ref", "--short", "-q", "HEAD")
    if branch:
        found["branch"] = branch
    remote = _git(folder, "config", "--get", "remote.origin.url")
    if remote:
        found["remote"] = mask_text(remote)
    diff = _git(folder, "diff", "--no-color", "--no-ext-diff", "HEAD")
    found["dirty"] = bool(diff)
    if diff:
        cut = diff.encode()[:DIFF_MAX_BYTES].decode(errors="ignore")
        found["diff"] = mask_text(cut)
        found["diff_is_whole"] = cut == diff
    return found


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode != 0:
        return None
    return answer.stdout.decode(errors="replace").replace("\0", "").strip()
