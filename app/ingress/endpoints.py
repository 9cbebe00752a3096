"""The webhook endpoints and their signing secrets."""

from __future__ import annotations

from collections.abc import Mapping

from app.settings import DEFAULT_ENDPOINT, SECRET_PREFIX, Settings, SettingsError

Endpoints = Mapping[str, tuple[str, ...]]


def endpoints(settings: Settings) -> Endpoints:
    """Return the secrets by endpoint name. Raises SettingsError when there are none."""
    found = {
        name: tuple(secret.get_secret_value() for secret in secrets)
        for name, secrets in settings.webhook_secrets.items()
    }
    if not found:
        raise SettingsError(
            f"{SECRET_PREFIX}: not set; give the signing secret (whsec_...) of Stripe's webhook endpoint"
        )
    for name, secrets in found.items():
        if not all(_is_text(secret) for secret in secrets):
            raise SettingsError(f"{_variable(name)}: a secret is not UTF-8 text")
    return found


def _variable(name: str) -> str:
    if name == DEFAULT_ENDPOINT:
        return SECRET_PREFIX
    return f"{SECRET_PREFIX}_{name.upper().replace('-', '_')}"


def _is_text(secret: str) -> bool:
    try:
        secret.encode()
    except UnicodeEncodeError:
        return False
    return True
