# The sidecar that serves a mount. For people who have Docker: docker build -f node_plugin/sidecar.Dockerfile .
# The development cluster makes the same without it, see devcluster/images.
ARG PYTHON=3.11
FROM python:${PYTHON}-slim-bookworm AS programs
COPY requirements/mount.txt /requirements.txt
RUN pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: --target /wheels -r /requirements.txt

FROM python:${PYTHON}-slim-bookworm AS app
COPY moorage /app/moorage
COPY node_plugin /app/node_plugin
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app

FROM python:${PYTHON}-slim-bookworm
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=programs /wheels/bin/rclone /usr/local/bin/rclone
COPY --from=app /app /app
USER 65532:65532
CMD ["python3", "-m", "node_plugin.sidecar"]
