"""Settings: arguments, then the environment, then what was stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from isoline.errors import SettingsInvalid
from isoline.settings import DEFAULT_URL, Settings, credentials_path, store_key


def test_defaults() -> None:
    settings = Settings.read()
    assert (settings.url, settings.mode, settings.resume, settings.rank) == (
        DEFAULT_URL,
        "online",
        "never",
        0,
    )
    assert settings.key == ""


def test_arguments_beat_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ISOLINE_PROJECT", "from-environment")
    monkeypatch.setenv("ISOLINE_SPOOL", str(tmp_path / "x"))
    assert Settings.read().project == "from-environment"
    assert Settings.read(project="given").project == "given"
    assert Settings.read().spool == tmp_path / "x"


def test_a_stored_key_belongs_to_its_server_and_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    store_key("https://one.example", "iso_one")
    store_key("https://two.example", "iso_two")
    assert credentials_path().stat().st_mode & 0o077 == 0
    assert (Settings.read().url, Settings.read().key) == ("https://two.example", "iso_two")
    assert Settings.read(url="https://one.example/").key == "iso_one"
    assert Settings.read(url="https://three.example").key == ""
    monkeypatch.setenv("ISOLINE_API_KEY", "iso_environment")
    assert Settings.read().key == "iso_environment"
    assert not Settings.read().key_is_stored


def test_ranks_share_a_run_only_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    assert (Settings.read().rank, Settings.read().resume) == (0, "never")
    shared = Settings.read(run_id="shared")
    assert (shared.rank, shared.resume) == (3, "allow")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ISOLINE_MODE", "sometimes"),
        ("ISOLINE_URL", "ftp://x"),
        ("ISOLINE_RESUME", "perhaps"),
        ("ISOLINE_CONSOLE", "maybe"),
        ("ISOLINE_SPOOL_MAX_BYTES", "much"),
        ("ISOLINE_FINISH_TIMEOUT_S", "-1"),
    ],
)
def test_nonsense_is_refused_loudly(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid):
        Settings.read()
