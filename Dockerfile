# One image for web, worker, beat and watch; what a container does is decided by its command.
FROM python:3.13-slim AS build

WORKDIR /srv/berth
COPY requirements/uv.txt requirements/runtime.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.txt \
    && python -m venv --without-pip /opt/berth \
    && uv pip install --no-cache --compile-bytecode --python /opt/berth/bin/python \
        --require-hashes -r requirements/runtime.txt

COPY manage.py gunicorn.conf.py ./
COPY portal portal
COPY namespaces namespaces
COPY accounts accounts
COPY clusters clusters
COPY audit audit
COPY notifications notifications
COPY localcluster localcluster
COPY templates templates
COPY static static
RUN BERTH_STATIC_ROOT=/srv/berth/collected /opt/berth/bin/python manage.py collectstatic --noinput \
    && /opt/berth/bin/python -m compileall -q .


FROM python:3.13-slim

RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent berth \
    && install --directory --owner=berth --mode=0700 /var/lib/berth
COPY --from=build /opt/berth /opt/berth
COPY --from=build /srv/berth /srv/berth

ENV PATH=/opt/berth/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=portal.settings \
    BERTH_DATA_DIR=/var/lib/berth \
    BERTH_STATIC_ROOT=/srv/berth/collected \
    BERTH_BIND=0.0.0.0:8080 \
    BERTH_LIVENESS_FILE=/tmp/alive

WORKDIR /srv/berth
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "portal/probe.py"]
CMD ["gunicorn"]
