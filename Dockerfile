# spineps-wf as a BIDS App:
#
#   docker build -t spineps-nipype .
#   docker run --rm --user $(id -u):$(id -g) -v /data/bids:/bids:ro -v /data/out:/out \
#       spineps-nipype /bids /out participant
#
# Arguments of the build:
#   BASE         image with Python 3.11 or newer and its venv module
#   CUDA         empty for the CPU; else the CUDA build of torch, such as cu126
#   TORCH_INDEX  where wheels of torch come from; empty where pip is configured to find them
#   EXTRAS       optional dependencies; openvino makes networks faster on a processor
#   WEIGHTS      1 bakes the model packages of the folder weights/ into the image
#   VERSION, REVISION, CREATED   for the labels
#
# Without syntax of BuildKit, so that podman, buildah and older docker build it too.
ARG BASE=python:3.11-slim-bookworm

# --- build: an environment with everything that is needed to run ---
FROM ${BASE} AS build
ARG CUDA=
ARG TORCH_INDEX=https://download.pytorch.org/whl
ARG PYTHON=python3
RUN ${PYTHON} -m venv /opt/spineps
WORKDIR /src
COPY constraints.txt pyproject.toml ./
# torch first, in a layer of its own: it is large and changes seldom.
RUN index="${TORCH_INDEX:+--index-url ${TORCH_INDEX}/${CUDA:-cpu}}" \
    && /opt/spineps/bin/pip install --no-cache-dir ${index} \
        $(grep -E '^(torch|torchvision)==' constraints.txt) \
    && find /opt/spineps -name tests -type d -path '*/torch/*' -prune -exec rm -rf {} +
# Then what else is needed, so that a change of the code makes the last layer only.
# Versions of torch may carry a local part (+cpu), which the constraint allows.
ARG EXTRAS=openvino
RUN /opt/spineps/bin/python -c "import sys, tomllib; \
        project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
        extras = [project['optional-dependencies'][name] for name in sys.argv[1:]]; \
        print(*sum(extras, project['dependencies']), sep='\n')" ${EXTRAS} \
        > /tmp/requirements.txt \
    && /opt/spineps/bin/pip install --no-cache-dir -c constraints.txt -r /tmp/requirements.txt
COPY setup.py README.md LICENSE ./
COPY spineps_nipype spineps_nipype
COPY workflows workflows
RUN /opt/spineps/bin/pip install --no-cache-dir --no-deps .

# --- weights: the packages of the folder weights/ if WEIGHTS is 1, else none ---
FROM ${BASE} AS weights
ARG WEIGHTS=0
COPY weights /weights
RUN mkdir -p /opt/models \
    && if [ "${WEIGHTS}" = 1 ]; then cp -a /weights/. /opt/models/; fi \
    && rm -f /opt/models/README.md /opt/models/.gitignore && chmod -R a+rX /opt/models

# --- the image ---
FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="spineps-nipype" \
      org.opencontainers.image.description="Spine segmentation from a BIDS dataset (BIDS App)" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /opt/spineps /opt/spineps
COPY --from=weights /opt/models /opt/models
# Whoever runs it, with or without a home folder: what libraries keep goes to /tmp.
RUN mkdir -p /home/spineps && chmod 1777 /home/spineps
ENV PATH=/opt/spineps/bin:${PATH} \
    HOME=/home/spineps \
    SPINEPS_SEGMENTOR_MODELS=/opt/models \
    PYTHONUNBUFFERED=1 PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 \
    MPLBACKEND=Agg MPLCONFIGDIR=/tmp/matplotlib XDG_CACHE_HOME=/tmp/cache \
    NO_ET=1 NIPYPE_NO_ET=1 \
    SPINEPS_WF_DOCKER_TAG=spineps-nipype:${VERSION} \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000:1000
WORKDIR /tmp
ENTRYPOINT ["/opt/spineps/bin/spineps-wf"]
