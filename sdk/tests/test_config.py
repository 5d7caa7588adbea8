"""Config and summary: mappings that send what is set."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from isoline._secrets import mask_command, mask_text
from isoline.config import Config, as_config
from isoline.summary import Summary


@pytest.fixture
def sent() -> list[dict[str, Any]]:
    return []


def test_setting_sends_the_path(sent: list[dict[str, Any]]) -> None:
    config = Config({"lr": 0.1, "model": {"depth": 3}}, sent.append)
    config["lr"] = 0.2
    config.model.width = 7
    config["model"]["depth"] = 4
    config.update({"model": {"heads": 2}}, seed=1)
    del config["model"]["heads"]
    assert sent == [
        {"set": {"lr": 0.2}},
        {"set": {"model": {"width": 7}}},
        {"set": {"model": {"depth": 4}}},
        {"set": {"model": {"heads": 2}, "seed": 1}},
        {"unset": [["model", "heads"]]},
    ]
    assert config.as_dict() == {"lr": 0.2, "model": {"depth": 4, "width": 7}, "seed": 1}


def test_what_is_missing_is_missing(sent: list[dict[str, Any]]) -> None:
    config = Config({}, sent.append)
    with pytest.raises(AttributeError):
        _ = config.lr
    with pytest.raises(KeyError):
        _ = config["lr"]
    assert len(config) == 0


def test_a_config_is_no_list() -> None:
    with pytest.raises(TypeError, match="mapping"):
        as_config([1, 2])
    assert as_config(None) == {}
    assert as_config(argparse.Namespace(a=1)) == {"a": 1}


def test_secrets_are_masked_and_words_of_the_field_are_not() -> None:
    found = as_config(
        {
            "password": "hunter2",
            "api_key": "x",
            "hf_token": "abc",
            "token": "a1b2c3d4e5f6a1b2c3d4e5f6",
            "nested": {"secret": "s", "aws_secret_access_key": "k"},
            "url": "postgres://ada:pw@host/db",
            "note": "use iso_abcdefghijklmnopqrstuvwxyz now",
            "pad_token": "<pad>",
            "max_tokens": 512,
            "tokenizer": "bpe",
            "key": "C major",
            "token_dim": "x",
        }
    )
    assert found == {
        "password": "***",
        "api_key": "***",
        "hf_token": "***",
        "token": "***",
        "nested": {"secret": "***", "aws_secret_access_key": "***"},
        "url": "postgres://***@host/db",
        "note": "use *** now",
        "pad_token": "<pad>",
        "max_tokens": 512,
        "tokenizer": "bpe",
        "key": "C major",
        "token_dim": "x",
    }


def test_secret_options_are_masked() -> None:
    command = ["train.py", "--lr=0.1", "--password", "x", "--api-key=y", "--verbose", "https://a:b@c/d"]
    assert mask_command(command) == [
        "train.py", "--lr=0.1", "--password", "***", "--api-key=***", "--verbose", "https://***@c/d"
    ]  # fmt: skip
    assert mask_text("plain") == "plain"


def test_a_summary_sends_what_is_set(sent: list[dict[str, Any]]) -> None:
    summary = Summary(sent.append)
    summary["best/acc"] = 0.9
    summary.update(a=1)
    del summary["a"]
    assert sent == [{"set": {"best/acc": 0.9}}, {"set": {"a": 1}}, {"unset": [["a"]]}]
    assert dict(summary) == {"best/acc": 0.9}
