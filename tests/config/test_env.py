import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.fixture
def given(monkeypatch):
    def give(value: str) -> str:
        monkeypatch.setenv("THE_SETTING", value)
        return "THE_SETTING"

    return give


def test_an_empty_variable_is_an_unset_one(given):
    assert env.text(given(""), "default") == "default"
    assert env.integer(given(" "), 5, least=1, most=9) == 5


@pytest.mark.parametrize("value", ["x", "1.5", "0", "10"])
def test_a_number_that_is_none_or_out_of_range_is_refused(given, value):
    with pytest.raises(ImproperlyConfigured, match="THE_SETTING"):
        env.integer(given(value), 5, least=1, most=9)


def test_words_are_separated_by_commas(given):
    assert env.words(given(" a, b,,c ")) == ["a", "b", "c"]


def test_a_choice_is_one_of_a_few(given):
    assert env.choice(given("JSON"), "text", among=("text", "json")) == "json"
    with pytest.raises(ImproperlyConfigured, match="THE_SETTING"):
        env.choice(given("xml"), "text", among=("text", "json"))


def test_a_public_address_may_have_a_port_and_a_prefix(given):
    url = env.public_url(given("https://example.org:8443/lab/"))
    assert url == env.PublicUrl("https", "example.org", "https://example.org:8443", "/lab")


@pytest.mark.parametrize(
    "value",
    ["example.org", "ftp://example.org", "https://", "https://u@x.org", "http://x:y/", "https://x.org/?a=1"],
)
def test_what_is_no_public_address_is_refused(given, value):
    with pytest.raises(ImproperlyConfigured, match="THE_SETTING"):
        env.public_url(given(value))


def test_a_database_address_is_taken_apart(given):
    url = env.database_url(given("postgresql://me:p%40ss@db.example:6432/iso?sslmode=verify-full"), "")
    assert url == env.DatabaseUrl("me", "p@ss", "db.example", "6432", "iso", {"sslmode": "verify-full"})


def test_a_database_may_be_behind_a_socket(given):
    url = env.database_url(given("postgresql://me@/iso?host=/run/pg"), "")
    assert (url.host, url.port, url.name) == ("/run/pg", "", "iso")


@pytest.mark.parametrize(
    "value", ["mysql://me:secret@x/y", "postgresql://me:secret@x", "postgresql://me:secret@x:port/y"]
)
def test_a_refused_database_address_is_not_repeated(given, value):
    with pytest.raises(ImproperlyConfigured, match="THE_SETTING") as refusal:
        env.database_url(given(value), "")
    assert "secret" not in str(refusal.value)


def test_redis_has_three_schemes(given):
    assert env.redis_url(given("rediss://x:6379/1"), "") == "rediss://x:6379/1"
    with pytest.raises(ImproperlyConfigured, match="THE_SETTING"):
        env.redis_url(given("http://x"), "")
