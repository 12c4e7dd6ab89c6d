"""Every way a command can end badly. The exit codes are part of the interface: schedulers branch on them.

A message is one line, says what happened and what to do next, and holds no value of a user.
"""

from typing import IO, Any

import click

from loader.logs import show_error


class LoaderError(click.ClickException):
    """Something that no other class of this module names."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message without secrets."""
        show_error(self.message)


class ConfigurationError(LoaderError):
    """A setting is missing or wrong."""

    exit_code = 2


class AuthenticationError(LoaderError):
    """Chatfuel refused the token."""

    exit_code = 3


class SourceUnavailableError(LoaderError):
    """Chatfuel could not be reached, or did not answer in time."""

    exit_code = 4


class ContractError(LoaderError):
    """Chatfuel answered something that it never did before."""

    exit_code = 5


class WarehouseError(LoaderError):
    """The warehouse could not be read or written."""

    exit_code = 6


class RefusedError(LoaderError):
    """A gate refused the pull: what arrived is well formed, but not believable."""

    exit_code = 7


class LandingError(LoaderError):
    """The landing zone could not be read or written."""

    exit_code = 2


class LockedError(LoaderError):
    """Another loader is at work."""

    exit_code = 8
