# Two stages: what builds stays behind. The image holds Python, the packages that requirements.txt
# pins by hash, and this project; it runs as a user of its own on a read-only root file system.
FROM python:3.11.13-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/tidemark
ENV PATH=/opt/tidemark/bin:$PATH

# For what is compiled; stays behind with this stage.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY requirements-build.txt requirements.txt ./
RUN pip install --require-hashes -r requirements-build.txt -r requirements.txt

COPY pyproject.toml setup.py README.md LICENSE ./
COPY dashboard dashboard
COPY dataflows dataflows
COPY generator generator
COPY sinks sinks
COPY stats stats
COPY tidemark tidemark
# What does not compile is left out without a word by setup.py; an image without it would be slow.
RUN pip install --no-deps --no-build-isolation . \
    && python -P -c 'import dataflows.streaming.native._native, tidemark.producer._producer' \
    && pip uninstall --yes -r requirements-build.txt \
    && pip uninstall --yes pip

FROM python:3.11.13-slim-bookworm

# The base brings what builds packages along, for whoever builds on it; here nobody does.
RUN pip uninstall --yes --root-user-action=ignore setuptools wheel pip \
    && rm -r /usr/local/lib/python3.*/ensurepip \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/tidemark tidemark \
    && install -d -m 0700 -o tidemark -g tidemark /var/lib/tidemark

COPY --from=build /opt/tidemark /opt/tidemark
ENV PATH=/opt/tidemark/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# Relative paths of the settings, such as var/recovery, are below it: give it a volume.
VOLUME /var/lib/tidemark
WORKDIR /var/lib/tidemark
USER 10001:10001
EXPOSE 9464
STOPSIGNAL SIGINT
CMD ["tidemark", "run"]
