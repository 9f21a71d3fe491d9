"""Secrets of devboxes: environment variables that the user gave to the service.

On Runloop a secret is stored with the account.  Here the secret ``NAME`` is the
variable ``AXON_NOTEBOOK_SECRET_NAME`` of the service's environment.  Only a devbox
that asks for it gets it.  The service does not write it to disk; a named shell does,
among the variables that it exports.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from ..refusals import Refusal

__all__ = ["PREFIX", "check_secrets", "secret_variables"]

PREFIX: Final = "AXON_NOTEBOOK_SECRET_"


def check_secrets(secrets: Mapping[str, str]) -> None:
    """Check that each secret of *secrets* (variable → name of the secret) was given.

    Raises:
        Refusal: 400 with the variable to set.
    """
    for name in secrets.values():
        if PREFIX + name not in os.environ:
            raise Refusal(
                400,
                f"secrets: {name} is not known: set {PREFIX}{name} in the environment that starts"
                " the service.",
            )


def secret_variables(secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a devbox; one that is no longer given is left out."""
    given = {variable: os.environ.get(PREFIX + name) for variable, name in secrets.items()}
    return {variable: value for variable, value in given.items() if value is not None}
