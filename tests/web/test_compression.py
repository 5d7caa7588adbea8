"""What travels gzipped, and what does not."""

from __future__ import annotations

import gzip

import pytest

from apps.tracking.models import Project, Run
from apps.web.assets import address

pytestmark = pytest.mark.django_db
GZIP = {"Accept-Encoding": "gzip, br"}


@pytest.fixture
def fetch(client):
    """Ask for a file; return what came, with its file closed."""

    def fetch(address, **headers):
        answer = client.get(address, headers=headers)
        answer.body = answer.getvalue()
        answer.close()
        return answer

    return fetch


def test_a_page_is_packed_for_whoever_accepts_it(db, client):
    plain, packed = client.get("/login"), client.get("/login", headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert b"<!doctype html>" in gzip.decompress(packed.content)


def test_the_answer_to_a_form_is_not_packed(alice, client):
    client.force_login(alice)
    asked = {"name": "laptop", "scope": "ingest", "days": "90"}
    made = client.post("/settings/keys/new", asked, headers=GZIP)
    assert b"iso_" in made.content
    assert "Content-Encoding" not in made.headers


@pytest.mark.parametrize("name", ["css/tokens.css", "js/pages/frame.js", "img/icons.svg"])
def test_a_static_text_is_packed_once_and_keeps_its_headers(fetch, name):
    first, second = (fetch(address(name), **GZIP) for _ in range(2))
    assert first.body == second.body
    assert first.headers["Content-Encoding"] == "gzip"
    assert first.headers["Content-Length"] == str(len(first.body))
    assert first.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert first.headers["Vary"] == "Accept-Encoding"
    plain = fetch(address(name))
    assert gzip.decompress(first.body) == plain.body
    assert plain.headers["Vary"] == "Accept-Encoding"


def test_a_static_text_that_is_held_is_not_sent_again(fetch):
    held = fetch("/static/css/tokens.css", **GZIP).headers["ETag"]
    assert held.startswith('W/"')
    assert fetch("/static/css/tokens.css", **GZIP, **{"If-None-Match": held}).status_code == 304


def test_a_font_and_a_part_of_a_file_are_sent_as_they_are(fetch):
    assert "Content-Encoding" not in fetch("/static/fonts/inter.woff2", **GZIP).headers
    part = fetch("/static/css/tokens.css", **GZIP, Range="bytes=0-9")
    assert (part.status_code, part.headers.get("Content-Encoding")) == (206, None)


def test_a_refused_encoding_is_not_used(fetch):
    answer = fetch("/static/css/tokens.css", **{"Accept-Encoding": "gzip;q=0, br"})
    assert "Content-Encoding" not in answer.headers


def test_long_json_is_packed_and_asked_for_again_by_its_weak_etag(alice, team, client_of):
    project = Project.objects.begin(team, name="digits")
    runs = [Run.objects.create(project=project, client_id=str(n), name=f"run {n}") for n in range(30)]
    client = client_of(alice)
    asked = {"runs": [run.public_id for run in runs], "metrics": ["loss"]}
    told = client.post("/api/v1/tiles", asked, headers=GZIP)
    assert told.headers["Content-Encoding"] == "gzip"
    assert told.headers["ETag"].startswith('W/"')
    again = client.post("/api/v1/tiles", asked, headers={**GZIP, "If-None-Match": told.headers["ETag"]})
    assert again.status_code == 304


def test_short_json_is_sent_as_it_is(alice, client_of):
    assert "Content-Encoding" not in client_of(alice).get("/api/v1/me", headers=GZIP).headers


def test_what_is_streamed_is_sent_as_it_is_made(alice, team, client_of):
    project = Project.objects.begin(team, name="digits")
    run = Run.objects.create(project=project, client_id="1", name="one")
    answer = client_of(alice).get(f"/api/v1/runs/{run.public_id}/logs/download", headers=GZIP)
    assert answer.streaming
    assert "Content-Encoding" not in answer.headers
