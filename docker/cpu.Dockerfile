# For machines without GPUs, and for what needs none (plan, merge, rendering nodes):
# docker build -f docker/cpu.Dockerfile -t deepseek-ocr:cpu .
FROM python:3.11.13-slim-bookworm

# vLLM's CPU build: OpenMP, NUMA and tcmalloc; a compiler for torch's and Triton's kernels.
# Debian keeps only the newest version of a package, so a pin would break the build.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ libgomp1 libnuma1 libtcmalloc-minimal4 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements-setup.txt requirements-torch-cpu.txt requirements-cpu.txt ./
RUN python3 -m pip install --no-cache-dir --no-deps --require-hashes -r requirements-setup.txt \
    && python3 -m pip install --no-cache-dir --no-deps --require-hashes \
        --extra-index-url https://download.pytorch.org/whl/cpu -r requirements-torch-cpu.txt \
    && python3 -m uv pip install --system --no-cache --no-deps --require-hashes --only-binary :all: --no-binary jieba \
        --no-build-isolation -r requirements-cpu.txt
COPY LICENSE README.md pyproject.toml setup.py config.yaml batch_pdf.py batch_images.py ./
COPY ocr_engine ocr_engine
RUN python3 -m pip install --no-cache-dir --no-deps --no-build-isolation . \
    && groupadd --gid 10001 ocr && useradd --uid 10001 --gid ocr --create-home ocr \
    && mkdir -p /home/ocr/.cache /data && chown ocr:ocr /home/ocr/.cache /data

USER 10001:10001
VOLUME ["/home/ocr/.cache"]
WORKDIR /data
EXPOSE 9400
HEALTHCHECK --interval=30s --timeout=5s --start-period=10m --retries=3 \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9400/metrics', timeout=3)"]
ENTRYPOINT ["deepseek-ocr"]
CMD ["--help"]
