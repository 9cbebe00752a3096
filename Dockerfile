# syntax=docker/dockerfile:1
# One image for all four processes; the arguments say which: `-m app.processes.ingress`.
# Pin the base by its digest where it is built: --build-arg PYTHON=python:3.11-slim@sha256:...
ARG PYTHON=python:3.11-slim-bookworm

# hadolint ignore=DL3006
FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/tollbridge
COPY requirements-build.lock requirements-runtime.lock ./
# Only what was locked, and as wheels: Faust's source distribution loses its compiled stream iterator, without
# which it loses events. nkeys has no wheel; it is built with a locked setuptools.
RUN /opt/tollbridge/bin/pip install --require-hashes --only-binary=:all: --requirement requirements-build.lock \
    && /opt/tollbridge/bin/pip install --require-hashes --only-binary=:all: --no-binary=nkeys --no-build-isolation \
        --no-deps --requirement requirements-runtime.lock \
    && /opt/tollbridge/bin/python -c 'import faust.streams; assert faust.streams._CStreamIterator' \
    && /opt/tollbridge/bin/pip uninstall --yes pip setuptools
COPY app app
COPY agents agents
COPY tables tables
COPY billing billing
# The root file system is read-only in a pod: compiled now or at every start.
RUN mv app agents tables billing /opt/tollbridge/lib/python3.11/site-packages/ \
    && /opt/tollbridge/bin/python -m compileall -q -j 0 /opt/tollbridge/lib

# hadolint ignore=DL3006
FROM ${PYTHON}
LABEL org.opencontainers.image.title="tollbridge" \
      org.opencontainers.image.description="Carries what happens in Stripe to OpenMeter and NATS, once." \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin tollbridge \
    && mkdir /var/lib/tollbridge \
    && chown tollbridge /var/lib/tollbridge
COPY --from=build /opt/tollbridge /opt/tollbridge
ENV PATH=/opt/tollbridge/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TOLLBRIDGE_BIND=0.0.0.0 \
    TOLLBRIDGE_DATA_DIR=/var/lib/tollbridge \
    TOLLBRIDGE_LOG_FORMAT=json
USER 10001
WORKDIR /var/lib/tollbridge
VOLUME /var/lib/tollbridge
EXPOSE 8080 6066 6067 6068
# Whichever of the four it is; Kubernetes has probes of its own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-m", "app.health.probe"]
ENTRYPOINT ["python"]
CMD ["-m", "app.processes.ingress"]
