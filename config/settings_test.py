"""The real settings, faster: nothing here may change what is tested."""

from .settings import *  # noqa: F403

# Argon2 takes 50 ms on purpose; the cast signs in hundreds of times.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Looks at every answer and changes none.
MIDDLEWARE = ["tests.watcher.AnswerWatcher", *MIDDLEWARE]  # noqa: F405
