# docker build -t voice-bridge .                  the embedded models, on the CPU
# docker build -t voice-bridge:gpu --target gpu . with torch (CUDA) as well, for --vad silero-torch
# docker build -t voice-bridge:observe --target observe . with PostgreSQL's driver and OpenTelemetry: config/compose.observe.yaml
# docker build -t voice-bridge:vllm --target vllm . with vLLM (CUDA, 10 GB), for --asr vllm; this target has not been
#   built or run by us yet. Run it with --gpus all --ipc host -v voice-bridge:/var/lib/bridge: the volume keeps the
#   model and what is compiled for the GPU. Where vLLM has a container of its own, --asr openai needs none of it here.
#
# To build from the very same base every time, pin it: take the digest that `docker buildx imagetools inspect
# python:3.12-slim` prints and write python:3.12-slim@sha256:... in the first line below.
FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1 PATH=/opt/bridge/bin:$PATH

FROM base AS install
RUN python -m venv /opt/bridge
WORKDIR /src
# The dependencies first: this layer is rebuilt only when they change.
COPY requirements/serve.lock requirements/
RUN pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements/serve.lock
COPY pyproject.toml README.md LICENSE ./
COPY bridge bridge
COPY telephony telephony
COPY bot bot
RUN pip install --no-cache-dir --no-deps --no-build-isolation --no-index .

FROM install AS install-gpu
# Not in the lock, which is the CPU's: torch alone brings several GB of CUDA libraries.
RUN pip install --no-cache-dir ".[silero-torch]" --no-build-isolation

FROM install AS install-observe
# Not in the lock either.
RUN pip install --no-cache-dir ".[otel,postgresql]" --no-build-isolation

FROM install AS install-vllm
# Not in the lock either, and over it where vLLM needs another version of what is there (numpy).
RUN pip install --no-cache-dir ".[vllm]" --no-build-isolation

FROM base AS run
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent bridge
# In a container the port is reached from outside or not at all. Without a token the server then refuses to start:
# give it BRIDGE_API_TOKEN or BRIDGE_TWILIO_AUTH_TOKEN, or say --insecure.
ENV BRIDGE_HOST=0.0.0.0 BRIDGE_PORT=8000
USER 10001
WORKDIR /home
EXPOSE 8000
# With TLS in the container itself (--ssl-certfile) override this check: it speaks plain HTTP.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['BRIDGE_PORT']}/healthz\", timeout=2)"]
# SIGTERM lets running calls come to their end, for up to drain_timeout, 600 s: `docker stop --time 630`, or docker cuts
# them off after 10 s. docs/operations.md says more. The check above is that of a server which lives, not of one that
# takes calls: it holds while the calls come to their end.
STOPSIGNAL SIGTERM
ENTRYPOINT ["bridge"]
CMD ["serve"]

FROM run AS gpu
COPY --from=install-gpu /opt/bridge /opt/bridge

FROM run AS vllm
USER root
# Triton compiles its launchers when the engine starts, with a C compiler and Python's headers (these the image has).
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/* && \
    install -d -o 10001 /var/lib/bridge
ENV HOME=/var/lib/bridge
VOLUME /var/lib/bridge
COPY --from=install-vllm /opt/bridge /opt/bridge
USER 10001
# The first start fetches the model and compiles.
HEALTHCHECK --interval=10s --timeout=3s --start-period=900s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['BRIDGE_PORT']}/healthz\", timeout=2)"]

FROM run AS observe
USER root
RUN install -d -o 10001 /var/lib/bridge
VOLUME /var/lib/bridge
COPY --from=install-observe /opt/bridge /opt/bridge
USER 10001

FROM run AS cpu
COPY --from=install /opt/bridge /opt/bridge
