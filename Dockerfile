# One image for every role: `docker run linkgraph api | redirect | worker | jobs`.
FROM python:3.11-slim AS packages
COPY requirements/production.txt /tmp/production.txt
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/production.txt

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /app linkgraph \
 && install -d -o linkgraph -g linkgraph -m 0700 /data
COPY --from=packages /venv /venv
WORKDIR /app
COPY domain domain
COPY storage storage
COPY schema schema
COPY resolvers resolvers
COPY subscriptions subscriptions
COPY redirect redirect
COPY delivery delivery
COPY dashboard dashboard
COPY app app
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 LINKGRAPH_DATA_DIR=/data LINKGRAPH_HOST=0.0.0.0
USER linkgraph
VOLUME /data
EXPOSE 8000 8001
ENTRYPOINT ["python", "-m", "app"]
