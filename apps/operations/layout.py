"""What lies where under a home folder. Settings, the supervisor and the commands agree here.

    HOME/                 0700
      secret_key          0600, made at the first start
      up.lock             held by the running `up`
      sockets             where the engines' folder can be reached by a short path (a running `up` only)
      engines/            0700, owned by whom the engines run as
        data/             PostgreSQL's cluster
        .s.PGSQL.5432     sockets of a running `up`
        redis.sock
      blobs/              files, unless BLOB_URL is set

No Django here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

APPLICATION_ROLE = "isoline"
OWNER_ROLE = "isoline_owner"
DATABASE_NAME = "isoline"

# A socket's path must fit sockaddr_un: 108 bytes with its closing NUL on Linux, 104 on macOS.
_LONGEST_SOCKET_PATH = 103
_POSTGRES_SOCKET = ".s.PGSQL.5432"


@dataclass(frozen=True)
class Layout:
    home: Path

    @property
    def secret_key(self) -> Path:
        return self.home / "secret_key"

    @property
    def lock(self) -> Path:
        return self.home / "up.lock"

    @property
    def blobs(self) -> Path:
        return self.home / "blobs"

    @property
    def engines(self) -> Path:
        return self.home / "engines"

    @property
    def cluster(self) -> Path:
        return self.engines / "data"

    @property
    def sockets_note(self) -> Path:
        return self.home / "sockets"

    @property
    def needs_short_path(self) -> bool:
        return len(bytes(self.engines / _POSTGRES_SOCKET)) > _LONGEST_SOCKET_PATH

    @property
    def sockets(self) -> Path:
        """The folder to connect through: `engines`, or a short link to it where its own path is too long.

        A running `up` notes the link; without one there is nothing to connect to, and the long
        path is as good as any.
        """
        if self.needs_short_path and self.sockets_note.is_file():
            return Path(self.sockets_note.read_text().strip())
        return self.engines

    def database_url(self, role: str, name: str = DATABASE_NAME) -> str:
        return f"postgresql://{quote(role)}@/{quote(name)}?host={quote(str(self.sockets))}"

    @property
    def redis_url(self) -> str:
        return f"unix://{self.sockets / 'redis.sock'}"
