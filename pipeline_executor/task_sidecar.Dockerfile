# The sidecar of a task. For people who have Docker: docker build -f pipeline_executor/task_sidecar.Dockerfile .
# The development cluster makes the same without it, see devcluster/images.
ARG PYTHON=3.11
FROM python:${PYTHON}-slim-bookworm AS app
COPY moorage /app/moorage
COPY pipeline_executor /app/pipeline_executor
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app

FROM python:${PYTHON}-slim-bookworm
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=app /app /app
USER 65532:65532
CMD ["python3", "-m", "pipeline_executor.task_sidecar"]
