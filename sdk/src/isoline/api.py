"""Reading a server from Python: its teams, projects and runs."""

from __future__ import annotations

from typing import Any

import msgspec

from isoline._client import Client, segment
from isoline._pages import Pages
from isoline.errors import NotFound, NotSignedIn, SettingsInvalid
from isoline.settings import Settings
from isoline.stored import Project, StoredRun, Team

_ID_LENGTH = 26


class Api:
    """A server as one key sees it. Safe for threads; use it as a context manager, or `close()` it."""

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        """
        url, key: by default those of the environment or of `isoline login` (`isoline.settings`).

        Asks nothing of the server yet. Raises SettingsInvalid, and NotSignedIn if no key is known.
        """
        settings = Settings.read(url=url, key=key)
        if not settings.key:
            raise NotSignedIn(
                f"No API key is known for {settings.url}. `isoline login {settings.url}`, or set "
                "ISOLINE_API_KEY."
            )
        self.url = settings.url
        self._team = settings.team
        self._client = Client(settings.url, settings.key)

    def me(self) -> dict[str, Any]:
        """Return who is asking: kind, user or service account, key, scopes, teams."""
        return self._client.get("/me")  # type: ignore[no-any-return]

    def teams(self) -> Pages[Team]:
        """Return the teams that the key sees, by slug."""
        return Pages(self._client, "/teams", {}, lambda told: msgspec.convert(told, Team))

    def projects(
        self, *, team: str | None = None, contains: str | None = None, deleted: bool = False
    ) -> Pages[Project]:
        """Return projects, the newest first.

        team: a slug; by default all that the key sees. contains: part of the name or slug. deleted: the trash
        instead.
        """
        params = {"team": team, "q": contains, "deleted": "true" if deleted else None}
        return Pages(self._client, "/projects", params, _project)

    def project(self, path: str) -> Project:
        """Return the project `team/project`, or `project` where only one that the key sees has this slug.

        Raises NotFound, and SettingsInvalid if several teams have one.
        """
        *team, slug = path.strip("/").split("/")
        if len(team) > 1 or not slug:
            raise SettingsInvalid(f"A project is written team/project; this is {path!r}.")
        owner = team[0] if team else self._team
        if owner:
            told = self._client.get(f"/teams/{segment(owner)}/projects/{segment(slug)}")
            return _project(told)
        found = [each for each in self.projects(contains=slug) if slug in (each.slug, each.name)]
        if len(found) > 1:
            teams = ", ".join(sorted(each.team for each in found))
            raise SettingsInvalid(f"Several teams have a project {slug!r} ({teams}): write team/{slug}.")
        if not found:
            raise NotFound(f"There is no project {slug!r} that this key sees.", code="not_found", status=404)
        return found[0]

    def runs(
        self,
        query: str = "",
        *,
        project: str | Project,
        sort: str | None = None,
        deleted: bool = False,
    ) -> Pages[StoredRun]:
        """Return the runs of a project that a query matches, read a page at a time.

        query: `metrics.loss < 0.2 and config.lr = 0.1`; "" for all. Raises QueryInvalid while it is read.
        sort: paths of the query language, `-metrics.loss`; by default the newest first.
        deleted: the trash instead.
        """
        found = self.project(project) if isinstance(project, str) else project
        params = {
            "q": query or None,
            "sort": sort,
            "deleted": "true" if deleted else None,
            "include": ["config", "summary", "metadata"],
        }
        return Pages(
            self._client, f"/projects/{found.id}/runs", params, lambda told: StoredRun(self._client, told)
        )

    def run(self, path: str) -> StoredRun:
        """Return a run.

        path: its id, or `team/project/run` or `project/run`, where `run` is the id, the client id, or the
        name if only one run of the project has it.

        Raises NotFound, and SettingsInvalid if several runs have the name.
        """
        *project, run = path.strip("/").split("/")
        if len(run) == _ID_LENGTH and run.isalnum():
            try:
                found = StoredRun(self._client, self._client.get(f"/runs/{segment(run)}"))
            except NotFound:
                if not project:
                    raise
            else:
                if [found.team, found.project][-len(project) :] == project or not project:
                    return found
        if not project:
            raise SettingsInvalid(f"A run is written team/project/run, or by its id; this is {path!r}.")
        return self._run_called("/".join(project), run)

    def _run_called(self, project: str, run: str) -> StoredRun:
        place = self.project(project)
        for attribute in ("client_id", "name"):
            quoted = msgspec.json.encode(run).decode()
            found = iter(self.runs(f"{attribute} = {quoted}", project=place))
            first, second = next(found, None), next(found, None)
            if first is not None and second is not None:
                raise SettingsInvalid(f"Several runs of {place.path} are called {run!r}: take the id.")
            if first is not None:
                return first
        raise NotFound(f"There is no run {run!r} in {place.path}.", code="not_found", status=404)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<isoline.Api {self.url}>"


def _project(told: dict[str, Any]) -> Project:
    return msgspec.convert(told, Project)
