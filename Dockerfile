# The one image of the pipeline's steps, the transformer, the in-process server and batch prediction.
#   docker build --target cpu --tag sluice-python:0.1.0 .
#   docker build --target gpu --tag sluice-python:0.1.0-gpu .
# BASE is any image with Python 3.11 to 3.13 and pip; a release names it by digest.
ARG BASE=python:3.11-slim


# All packages but TensorFlow: the layer that both targets share.
FROM ${BASE} AS packages
# Name and home for the user that `USER` sets; a container works under any other uid as well.
RUN useradd --uid 1000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sluice
COPY requirements-build.lock requirements-image.lock /app/
# All wheels first, each by its hash: a package without one is built by tools of the lock as well, not by fetched ones.
# Hashed bytecode needs no time stamps, so that it stays valid whatever copies the layer.
RUN python3 -m venv --without-pip /build/tools \
    && pip --python /build/tools/bin/python install --no-cache-dir --no-compile --no-deps \
        --only-binary :all: --require-hashes --requirement /app/requirements-build.lock \
    && pip --python /build/tools/bin/python wheel --no-cache-dir --no-deps --no-build-isolation \
        --require-hashes --requirement /app/requirements-image.lock --wheel-dir /build/wheels \
    && python3 -m venv --without-pip /opt/packages \
    && pip --python /opt/packages/bin/python install --no-cache-dir --no-compile --no-deps --no-index \
        /build/wheels/*.whl \
    && rm -rf /build \
    && /opt/packages/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/packages/lib \
    && echo /app >"$(/opt/packages/bin/python -c 'import site; print(site.getsitepackages()[0])')/sluice.pth"
# All that is written goes below /tmp or to a mounted volume: the root file system may be read-only.
ENV PATH=/app/bin:/opt/packages/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp TMPDIR=/tmp KERAS_HOME=/tmp/keras XDG_CACHE_HOME=/tmp/cache XDG_CONFIG_HOME=/tmp/config \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=2
WORKDIR /app
# Kubeflow Pipelines and the chart name their command, so there is no entry point in front of it.
ENTRYPOINT []
CMD ["sluice", "--help"]
HEALTHCHECK NONE


FROM packages AS code
RUN python3 -m venv --without-pip /build/tools \
    && pip --python /build/tools/bin/python install --no-cache-dir --no-compile --no-deps \
        --only-binary :all: --require-hashes --requirement /app/requirements-build.lock
COPY pyproject.toml README.md LICENSE /build/sluice/
COPY components /build/sluice/components
COPY serving /build/sluice/serving
COPY pipelines /build/sluice/pipelines
RUN cd /build/sluice && /build/tools/bin/python -m hatchling build --target wheel --directory /build/dist \
    && pip --python /opt/packages/bin/python install --no-cache-dir --no-compile --no-deps --no-index \
        --target /build/app /build/dist/*.whl \
    && /opt/packages/bin/python -m compileall -q --invalidation-mode unchecked-hash -s /build /build/app


# TensorFlow without its CUDA kernels, which are a third of it.
FROM packages AS cpu
COPY requirements-cpu.lock /app/
RUN pip --python /opt/packages/bin/python install --no-cache-dir --no-compile --no-deps \
        --only-binary :all: --require-hashes --requirement /app/requirements-cpu.lock \
    && cd /opt/packages/lib/python3*/site-packages \
    && rm -rf tensorflow/include \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash "$PWD/tensorflow"
COPY --from=code /build/app /app
USER 1000:1000
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="sluice" \
    org.opencontainers.image.description="Steps, transformer, server and batch prediction of Sluice" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"


# TensorFlow, and NVIDIA's CUDA 12 libraries; what the layer below holds is in this lock as well, and left as it is.
FROM packages AS gpu
COPY requirements-gpu.lock /app/
RUN pip --python /opt/packages/bin/python install --no-cache-dir --no-compile --no-deps \
        --only-binary :all: --require-hashes --requirement /app/requirements-gpu.lock \
    && cd /opt/packages/lib/python3*/site-packages \
    && rm -rf tensorflow/include \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash "$PWD/tensorflow" "$PWD/nvidia"
COPY --from=code /build/app /app
USER 1000:1000
# What NVIDIA's container runtime hands into a container that asks for a GPU.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility TF_FORCE_GPU_ALLOW_GROWTH=true
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="sluice-gpu" \
    org.opencontainers.image.description="Steps, transformer, server and batch prediction of Sluice, on CUDA 12" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"


# What a build without --target makes.
FROM cpu
