# One image for both clusters: Spark executors (dataprep) and GPU trainers (train).
#   docker build -t switchpoint .                                         # torch 2.11, CUDA 13: NVIDIA's driver 580 or newer
#   docker build -t switchpoint --build-arg CUDA=12.6.3 --build-arg CONSTRAINTS=constraints.txt .              # torch 2.7
#   docker run --rm switchpoint python -m curriculum --help
#   docker run --rm --gpus all --shm-size=16g -v /data:/data switchpoint composer -n 8 train/main.py /data/run.yaml
ARG CUDA=13.0.2
FROM nvidia/cuda:${CUDA}-base-ubuntu24.04
ARG CONSTRAINTS=constraints-torch211.txt

# Ubuntu 24.04 brings Python 3.12. Versions of Debian packages are left to the base image's pinned release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        build-essential openjdk-17-jre-headless procps python3.12 python3.12-dev python3.12-venv tini \
    && rm -rf /var/lib/apt/lists/*

ENV VIRTUAL_ENV=/opt/venv \
    PATH=/opt/venv/bin:$PATH \
    PYSPARK_PYTHON=/opt/venv/bin/python \
    PYSPARK_DRIVER_PYTHON=/opt/venv/bin/python \
    NO_ALBUMENTATIONS_UPDATE=1 \
    PYTHONPATH=/opt/switchpoint \
    PYTHONUNBUFFERED=1

WORKDIR /opt/switchpoint
# Packages first: they change less often than the code, and the layer is some GB.
# Either file of constraints names all of them: nothing is resolved anew.
COPY pyproject.toml constraints.txt constraints-torch211.txt README.md LICENSE ./
COPY common/version.py common/
RUN python3.12 -m venv "$VIRTUAL_ENV" \
    && mkdir dataprep curriculum train schemas demo switchpoint \
    && pip install --no-cache-dir --no-deps -r "$CONSTRAINTS" \
    && pip install --no-cache-dir --no-deps -e .

COPY . .
# Spark on Kubernetes looks for the distribution here; the pip package is a full one.
RUN ln -s "$(python -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')" /opt/spark \
    && useradd --create-home --uid 10001 switchpoint
ENV SPARK_HOME=/opt/spark
USER 10001

ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "curriculum", "--help"]
