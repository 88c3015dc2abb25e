# docker build -t voice-bridge .                  the embedded models, on the CPU
# docker build -t voice-bridge:gpu --target gpu . with torch (CUDA) as well, for --vad silero-torch
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
# Calls under way get drain_timeout, 10 s, and SIGTERM is what asks for it.
STOPSIGNAL SIGTERM
ENTRYPOINT ["bridge"]
CMD ["serve"]

FROM run AS gpu
COPY --from=install-gpu /opt/bridge /opt/bridge

FROM run AS cpu
COPY --from=install /opt/bridge /opt/bridge
