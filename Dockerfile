# One image for the engine, Airflow and the report pages. No secrets: they come from the environment at run time.
FROM python:3.12.12-slim-bookworm AS base

FROM base AS build
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /src
COPY requirements/image.txt requirements/image.txt
RUN pip install --no-cache-dir --disable-pip-version-check --only-binary=:all: --require-hashes \
        --requirement requirements/image.txt
COPY pyproject.toml README.md ./
COPY engine engine
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM base
LABEL org.opencontainers.image.title="medallion" \
      org.opencontainers.image.description="A SQL Server medallion warehouse declared in one YAML file" \
      org.opencontainers.image.licenses="Apache-2.0"
# The user's number should be that of whoever owns ./data on the host.
ARG UID=1000
# unixodbc is pyodbc's driver manager; Kerberos' library is linked by Microsoft's driver, which comes with mssql-python.
# Versions are the distribution's: pinned ones are gone from its mirrors with the next point release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgssapi-krb5-2 unixodbc \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid "$UID" --create-home --shell /usr/sbin/nologin medallion \
    && install --directory --owner=medallion --group=medallion \
        /opt/airflow /opt/airflow/auth /opt/airflow/logs /opt/medallion /opt/medallion/data /opt/medallion/mssql-data
COPY --from=build /opt/venv /opt/venv
COPY docker/airflow-setup.sh /usr/local/bin/airflow-setup
WORKDIR /opt/medallion
COPY pipelines.yaml ./
COPY templates templates
COPY expectations expectations
COPY dags dags
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GX_ANALYTICS_ENABLED=false \
    AIRFLOW_HOME=/opt/airflow
# By number, so that an orchestrator can see that it is not root.
USER $UID
CMD ["medallion", "--help"]
