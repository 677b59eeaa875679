# gameday in a container of its own, for nightly jobs: with RabbitMQ, Redis and Toxiproxy, so that
# the nodes of its cluster are processes in this one container, and no engine is needed inside.
#
#   docker build --tag gameday .
#   docker run --rm --volume "$PWD/reports/nights:/gameday/reports/nights" gameday
#   docker run --rm --volume "$PWD/reports/runs:/gameday/reports/runs" gameday gameday run sparki
#
# BASE_IMAGE is any image of Debian 12 or later, and its RabbitMQ is the one that is played;
# TOXIPROXY_IMAGE is where the server comes from. `--cluster compose` belongs on the host, whose
# folders its containers mount.
ARG BASE_IMAGE=debian:12-slim
ARG TOXIPROXY_IMAGE=ghcr.io/shopify/toxiproxy:2.12.0
FROM ${TOXIPROXY_IMAGE} AS toxiproxy

FROM ${BASE_IMAGE}
ENV LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive
# A container starts no service by itself: RabbitMQ's own broker stays off.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        bash ca-certificates haproxy iproute2 libfaketime make nftables procps \
        python3 python3-venv rabbitmq-server redis-server \
    && rm -rf /var/lib/apt/lists/*
COPY --from=toxiproxy /toxiproxy /usr/local/bin/toxiproxy-server
WORKDIR /gameday
# What is installed from changes less often than the rest, and is built less often.
COPY constraints.txt ./
RUN python3 -m venv .venv && touch .venv/.made-by-gameday \
    && .venv/bin/python -m pip install --no-cache-dir -c constraints.txt hatchling editables
COPY . .
# By its full name: with .venv on the PATH, `make setup` would take that for the system's own.
ENV GAMEDAY_PYTHON=/usr/bin/python3
RUN scripts/setup_python.sh
ENV PATH=/gameday/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    GAMEDAY_STATE_DIR=/var/lib/gameday
VOLUME /gameday/reports/nights
CMD ["scripts/nightly.sh"]
