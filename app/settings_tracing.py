"""The settings of tracing, which keep the names that OpenTelemetry gave them.

The SDK reads more variables of that kind, such as OTEL_BSP_MAX_QUEUE_SIZE; these are the ones whose mistakes
it would pass over with a warning.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

_HTTP = re.compile(r"^https?://[^/?#\s]+[^?#\s]*$")
_HEADER = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+=[\x21-\x2b\x2d-\x7e ]*$")


class TracingSettings(BaseModel):
    """Where traces go, and which."""

    # Tracing
    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="OpenTelemetry collector that traces go to by OTLP over HTTP, such as http://otel-collector:4318; /v1/traces is added. Unset, nothing is traced. See docs/tracing.md.",
    )
    otel_exporter_otlp_traces_endpoint: str | None = Field(
        None,
        alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        description="The same as a whole address, path included; wins over the other.",
    )
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = Field(
        "http/protobuf",
        alias="OTEL_EXPORTER_OTLP_PROTOCOL",
        description="How to speak to the collector; there is one way.",
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        None,
        alias="OTEL_EXPORTER_OTLP_HEADERS",
        description="Headers for the collector, name=value, comma-separated, values percent-encoded.",
    )
    otel_traces_exporter: Literal["otlp", "none"] = Field(
        "otlp", alias="OTEL_TRACES_EXPORTER", description="none traces nothing, whatever else is set."
    )
    otel_sdk_disabled: bool = Field(
        False, alias="OTEL_SDK_DISABLED", description="Trace nothing, whatever else is set."
    )
    otel_traces_sampler: Literal[
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ] = Field(
        "parentbased_always_on",
        alias="OTEL_TRACES_SAMPLER",
        description="Which traces are kept; the parentbased ones keep what the sender of the webhook keeps.",
    )
    otel_traces_sampler_arg: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0,
        alias="OTEL_TRACES_SAMPLER_ARG",
        description="Share of traces that the two traceidratio samplers keep. A trace costs each process some 0.2 ms of CPU.",
    )
    otel_service_name: str | None = Field(
        None,
        alias="OTEL_SERVICE_NAME",
        description="Name of this process in traces, instead of tollbridge-ingress and so on.",
    )
    otel_resource_attributes: str = Field(
        "",
        alias="OTEL_RESOURCE_ATTRIBUTES",
        description="More about this process for each span, name=value, comma-separated, such as deployment.environment.name=production.",
    )

    @field_validator("otel_exporter_otlp_endpoint", "otel_exporter_otlp_traces_endpoint")
    @classmethod
    def _collector(cls, value: str | None) -> str | None:
        if value is not None and not _HTTP.match(value):
            raise ValueError(f"{value!r} must be an address such as http://otel-collector:4318")
        return value

    @field_validator("otel_exporter_otlp_headers")
    @classmethod
    def _headers(cls, value: SecretStr | None) -> SecretStr | None:
        named = "" if value is None else value.get_secret_value()
        if any(not _HEADER.match(one.strip()) for one in named.split(",") if one.strip()):
            raise ValueError("must be name=value, comma-separated, with percent-encoded values")
        return value

    @property
    def traces_endpoint(self) -> str:
        """Where traces go; empty when they go nowhere."""
        base = self.otel_exporter_otlp_endpoint
        whole = f"{base.removesuffix('/')}/v1/traces" if base else ""
        return self.otel_exporter_otlp_traces_endpoint or whole

    @property
    def traced(self) -> bool:
        """Whether this process traces."""
        off = self.otel_sdk_disabled or self.otel_traces_exporter == "none"
        return not off and self.traces_endpoint != ""
