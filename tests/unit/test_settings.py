"""Settings: typed, documented, and wrong ones named in a sentence."""

from __future__ import annotations

import pytest

from app.settings import Settings, SettingsError, read_settings, variable
from app.settings_reference import PAGE, page, sections


def faults(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        read_settings(environment)
    return str(refused.value)


def test_an_empty_environment_runs_locally() -> None:
    settings = read_settings({})
    assert settings.bind == "127.0.0.1"
    assert settings.kafka_url == "kafka://127.0.0.1:9092"
    assert settings.webhook_secrets == {}


def test_an_empty_variable_is_as_if_it_were_not_set() -> None:
    assert read_settings({"KAFKA_URL": "", "TOLLBRIDGE_BIND": ""}) == read_settings({})


def test_variables_that_kubernetes_puts_into_pods_do_no_harm() -> None:
    assert read_settings({"NATS_PORT": "tcp://10.0.0.1:4222", "INGRESS_PORT": "x"}) == read_settings({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOLLBRIDGE_INGRESS_PORT", "eighty"),
        ("TOLLBRIDGE_INGRESS_PORT", "70000"),
        ("TOLLBRIDGE_INGRESS_MAX_BODY_BYTES", "0"),
        ("TOLLBRIDGE_LOG_LEVEL", "loud"),
        ("TOLLBRIDGE_NATS_REPLICAS", "6"),
        ("KAFKA_TLS", "perhaps"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable(name: str, value: str) -> None:
    assert f"{name}: " in faults({name: value})


def test_all_wrong_values_are_named_at_once() -> None:
    text = faults({"TOLLBRIDGE_NATS_REPLICAS": "6", "TOLLBRIDGE_LOG_FORMAT": "xml"})
    assert "TOLLBRIDGE_NATS_REPLICAS" in text
    assert "TOLLBRIDGE_LOG_FORMAT" in text


def test_a_record_may_not_outlive_its_workers_session() -> None:
    text = faults({"TOLLBRIDGE_DELIVERY_TIMEOUT": "20"})
    assert "TOLLBRIDGE_DELIVERY_TIMEOUT (20.0 s) must be shorter than TOLLBRIDGE_SESSION_TIMEOUT" in text


def test_secrets_are_read_by_endpoint_several_while_one_is_rolled() -> None:
    settings = read_settings({"STRIPE_WEBHOOK_SECRETS": "a, b", "STRIPE_WEBHOOK_SECRETS_EU_WEST": "c"})
    secrets = {
        name: [one.get_secret_value() for one in found] for name, found in settings.webhook_secrets.items()
    }
    assert secrets == {"default": ["a", "b"], "eu-west": ["c"]}


def test_an_endpoint_without_a_secret_is_refused() -> None:
    assert "endpoint 'eu' has no secret" in faults({"STRIPE_WEBHOOK_SECRETS_EU": " , "})


def test_no_secret_is_shown_when_settings_are_printed_or_refused() -> None:
    environment = {
        "STRIPE_WEBHOOK_SECRETS": "whsec_hush",
        "OPENMETER_TOKEN": "hush",
        "KAFKA_PASSWORD": "hush",
        "NATS_PASSWORD": "hush",
        "NATS_NKEY_SEED": "hush",
    }
    assert "hush" not in repr(read_settings(environment))
    assert "hush" not in faults({**environment, "TOLLBRIDGE_LOG_LEVEL": "loud"})


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_does(name: str) -> None:
    description = Settings.model_fields[name].description
    assert description is not None
    assert description.endswith(".")


def test_every_setting_is_documented_once() -> None:
    listed = [name for _, names in sections() for name in names]
    assert sorted(listed) == sorted(Settings.model_fields)
    for name in Settings.model_fields:
        if name != "webhook_secrets":
            assert page().count(f"| `{variable(name)}` |") == 1


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m app.settings_reference"
