# For machines with CUDA GPUs: docker build -f docker/gpu.Dockerfile -t deepseek-ocr:gpu .
# vLLM's own image of the pinned version: CUDA, torch and vLLM are in it; pins that it lacks are added by hash.
FROM vllm/vllm-openai:v0.32.0

WORKDIR /app
COPY requirements-setup.txt requirements.txt ./
RUN python3 -m pip install --no-cache-dir --no-deps --require-hashes -r requirements-setup.txt \
    && python3 -m uv pip install --system --no-cache --no-deps --require-hashes --only-binary :all: --no-binary jieba \
        --no-build-isolation -r requirements.txt
COPY LICENSE README.md pyproject.toml setup.py config.yaml batch_pdf.py batch_images.py ./
COPY ocr_engine ocr_engine
RUN python3 -m pip install --no-cache-dir --no-deps --no-build-isolation . \
    && groupadd --gid 10001 ocr && useradd --uid 10001 --gid ocr --create-home ocr \
    && mkdir -p /home/ocr/.cache /data && chown ocr:ocr /home/ocr/.cache /data

USER 10001:10001
# Weights, compiled kernels and mirrors of stores: mount a volume here, or each start fetches and compiles anew.
VOLUME ["/home/ocr/.cache"]
WORKDIR /data
EXPOSE 9400
# Alive while the run answers (watch.metrics_port=9400); a first start takes minutes.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30m --retries=3 \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9400/metrics', timeout=3)"]
# The base image starts a server.
ENTRYPOINT ["deepseek-ocr"]
CMD ["--help"]
