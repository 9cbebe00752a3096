"""What `tollbridge up` makes of the environment it is started in."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.terminal import Terminal
from app.cli.up import options_of
from app.local.application import Application, is_setting
from app.local.stack import Stack
from app.local.stack_options import StackOptions, make_secret


def options(**environment: str) -> StackOptions:
    return options_of(environment, "tansu", frozenset(), Terminal())


def test_a_real_part_that_the_environment_names_is_given_and_not_started() -> None:
    found = options(KAFKA_URL="kafka://broker:9092", NATS_URL="", PATH="/bin")
    assert found.given == {"KAFKA_URL": "kafka://broker:9092"}


def test_settings_are_passed_on_whatever_they_are_called_and_nothing_else() -> None:
    found = options(
        TOLLBRIDGE_SESSION_TIMEOUT="30",
        KAFKA_USERNAME="bridge",
        STRIPE_WEBHOOK_SECRETS_EU="whsec_eu",
        PATH="/bin",
    )
    assert found.settings == {
        "TOLLBRIDGE_SESSION_TIMEOUT": "30",
        "KAFKA_USERNAME": "bridge",
        "STRIPE_WEBHOOK_SECRETS_EU": "whsec_eu",
    }


def test_where_the_tables_are_is_the_stacks_to_say() -> None:
    assert options(TOLLBRIDGE_DATA_DIR="/elsewhere").settings == {}


def test_given_secrets_are_used_and_others_are_made_up_each_time() -> None:
    assert options(STRIPE_WEBHOOK_SECRETS="whsec_1,whsec_2").secret == "whsec_1,whsec_2"
    assert options().secret != options().secret
    assert make_secret().startswith("whsec_")


def test_no_option_shows_the_secret_when_it_is_printed() -> None:
    found = options(STRIPE_WEBHOOK_SECRETS="whsec_hidden")
    assert "whsec_hidden" not in repr(found)


def test_what_a_setting_says_wins_over_what_a_part_wants() -> None:
    stack = Stack(StackOptions(given={"A": "given"}, settings={"A": "set"}))
    assert stack.environment()["A"] == "set"


def test_a_setting_of_the_shell_reaches_no_process_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLLBRIDGE_LIVEMODE", "live")
    monkeypatch.setenv("OPENMETER_TOKEN", "token")
    monkeypatch.setenv("UNRELATED", "kept")
    variables = Application("ingress", 20000, {"KAFKA_URL": "kafka://here:1"}).variables()
    assert variables["UNRELATED"] == "kept"
    assert variables["KAFKA_URL"] == "kafka://here:1"
    assert variables["TOLLBRIDGE_INGRESS_PORT"] == "20000"
    assert {name for name in variables if is_setting(name)} == {"KAFKA_URL", "TOLLBRIDGE_INGRESS_PORT"}


def test_each_part_writes_a_file_of_its_own_where_logs_are_kept(tmp_path: Path) -> None:
    assert StackOptions(logs=tmp_path).output("ingress").log == tmp_path / "ingress.log"
    assert StackOptions().output("ingress").log is None
