# make serve ARGS="--port 9000"   run the server; EXTRAS=sip,openai adds what they need
# make test     all checks, as CI runs them
# make check                      the quick part: lint, types, imports, unit tests without models and processes
# make format                     lay the code out      make lock     renew the locks (UPGRADE=--upgrade: newest versions)
# make bench                      what a caller notices, what a call costs (35 minutes; ARGS=--quick: twelve)
# make bench-records              what call log and traces cost (two minutes)
# make bench-engines              what recognition costs, holds and survives (ten minutes; ENGINE="--asr whisper", ARGS=--quick)
# make bench-phone                the bridge, Pipecat and LiveKit as a caller hears them (45 minutes; ARGS=--quick: 20)
# make publish-bench-phone        put its figures into docs/benchmark.md, and its data into bench/phone/results
# make bench-third-party          others' tools measure the bridge (five minutes)
# make soak                       2,000 calls, most with a fault: nothing grows or is lost (25 minutes; ARGS="--calls 300")
# make wires                      write the table of wires into README.md and docs/wires.md
# make bench-compare BEFORE=a.json AFTER=b.json
# make test-slow                  calls that `make test` leaves out: the same with more faults and forms
# make test-vllm                  all tests of vLLM, in an environment of their own; `make test` runs the quick ones
# make test-ray                   the pool on Ray Serve, in an environment of its own (1.2 GB)      make bench-scale   what it carries
# make test-ray-vllm              vLLM in that pool, in an environment of its own (3.5 GB)
# make fuzz                       a coverage-guided fuzzer on every parser, 60 s each (ARGS="--seconds 600 replies toml")
# make tiny-qwen3-asr             train the checkpoint of these tests (ARGS="--out build/tiny-qwen3-asr")
# make clean                      remove what make made

PYTHON ?= python3
VENV ?= .venv
VLLM_PYTHON ?= python3.11
VLLM_VENV ?= .venv-vllm
TAC_VENV ?= .venv-tac
TTS_VENV ?= .venv-tts
LITELLM_VENV ?= .venv-litellm
RAY_VENV ?= .venv-ray
RAY_VLLM_VENV ?= .venv-ray-vllm
KUBERNETES_VENV ?= .venv-kubernetes
S3_VENV ?= .venv-s3-server
PIPECAT_VENV := .venv-pipecat
LIVEKIT_VENV := .venv-livekit
BENCH_TOOLS_VENV := .venv-bench-tools
SDKS_VENV ?= .venv-client-sdks
REALTIME_VENV ?= .venv-twilio-realtime
RAY_TESTS ?= ray
# At the same time: unit tests, and callers.
WORKERS ?= 3
CALLERS ?= 6
SOUNDS := asterisk-core-sounds-en asterisk-core-sounds-en-wav
ARGS ?=
UNIT := not vllm and not slow
ENGINE ?= --asr vllm --asr-model-path tests/data/tiny-qwen3-asr --vllm-kv-cache-mb 64 --vllm-block-size 32 --no-vllm-cuda-graphs
UPGRADE ?=
EXTRAS ?=

# Tests start hundreds of processes: what these import is compiled once, whatever the machine's habits are.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: serve check lint unit test test-units test-slow test-vllm test-ray test-ray-vllm test-vllm-quick test-tools test-tools-check test-tools-calls tools-apt tools-llm tools-tac tools-kokoro tools-tts tools-s3 tools-sdks tools-realtime tools-litellm tools-kubernetes tools-asterisk tools-vllm fuzz \
    tiny-qwen3-asr bench bench-phone publish-bench-phone bench-third-party tools-bench-phone bench-engines bench-scale bench-records bench-compare soak format lock wires clean
.DELETE_ON_ERROR:

serve: $(VENV)/.serve
	@[ -z "$(EXTRAS)" ] || scripts/install-extras $(VENV) "$(EXTRAS)"
	@exec $(VENV)/bin/bridge serve $(ARGS)

# pytest is called by its own name: `python -m pytest` would put the checkout in front of what is installed.
test:
	@# What is fetched beside the unit tests goes to environments of its own. vLLM's tests wait a lot, as they load engines.
	@$(MAKE) --no-print-directory --jobs 5 --output-sync=line lint test-tools test-vllm-quick test-units
	@# Calls last as long as calls do: a worker keeps a fifth of a core busy. Its tests are in one folder: it looks nowhere else.
	@scripts/test-calls $(VENV) $(CALLERS)

check: lint
	@$(MAKE) --no-print-directory unit UNIT="$(UNIT) and not heavy"

lint: $(VENV)/.test
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo

unit: $(VENV)/.test
	@# Each worker collects for itself: it need not read what it does not run.
	$(VENV)/bin/pytest --ignore tests/integration -m "$(UNIT)" --numprocesses $(WORKERS)

test-units: test-tools-check lint
	@$(MAKE) --no-print-directory unit

# What only tests need, downloaded at once. Where something cannot be had, its tests are skipped, and this says so.
test-tools: test-tools-check test-tools-calls

# The first are asked by unit tests, too.
test-tools-check: tools-apt tools-llm tools-kokoro
test-tools-calls: tools-tac tools-tts tools-s3 tools-sdks tools-kubernetes tools-asterisk tools-vllm

# All in one go; where that fails, each by itself, so that one that is missing takes no other with it. Making the
# environment may use apt too, and only one at a time can.
tools-apt: $(VENV)/.made
	@scripts/apt-install $(SOUNDS) libportaudio2 sip-tester baresip chromium espeak-ng mmdebstrap postgresql || { \
	    scripts/apt-install $(SOUNDS) || echo "tests that need recordings will be skipped"; \
	    scripts/apt-install libportaudio2 || echo "the test of the microphone will be skipped"; \
	    scripts/apt-install sip-tester baresip || echo "the tests of SIP will be skipped"; \
	    scripts/apt-install chromium || echo "the tests of the page will be skipped"; \
	    scripts/apt-install postgresql || echo "the tests of a shared call log will be skipped"; \
	    scripts/apt-install espeak-ng || echo "the vLLM tests that speak will be skipped"; \
	}

tools-llm: $(VENV)/.test
	@scripts/install-llm $(VENV) || test $$? = 75

# 75 says that it cannot be installed here, and the script has said why.
tools-tac: $(VENV)/.test
	@scripts/install-alone tac $(VENV)/bin/python $(TAC_VENV) || test $$? = 75

tools-s3: $(VENV)/.test
	@scripts/install-alone s3-server $(VENV)/bin/python $(S3_VENV) || test $$? = 75

# 75 says that it cannot be installed here, and the script has said why.
tools-kubernetes: $(VENV)/.test
	@scripts/install-kubernetes $(VENV)/bin/python $(KUBERNETES_VENV) || test $$? = 75

# SDKs of hosted services: for Python in an environment of their own, for JavaScript where there is npm.
tools-sdks: $(VENV)/.test
	@scripts/install-alone client-sdks $(VENV)/bin/python $(SDKS_VENV) || test $$? = 75
	@scripts/install-node-sdks build/node-sdks || test $$? = 75

# Large, and asked by slow tests alone: `make test` leaves it out.
tools-litellm: $(VENV)/.test
	@scripts/install-alone litellm $(VENV)/bin/python $(LITELLM_VENV) || test $$? = 75

# 75 says that it cannot be fetched here, and the script has said why.
tools-kokoro: $(VENV)/.test
	@scripts/install-kokoro $(VENV) build/voices || test $$? = 75
# 75 says that it cannot be installed here, and the script has said why.
tools-tts: $(VENV)/.test
	@scripts/install-alone tts-server $(VENV)/bin/python $(TTS_VENV) || test $$? = 75

# An application between Twilio and OpenAI Realtime, for a slow test.
tools-realtime: $(VENV)/.test
	@scripts/install-alone twilio-realtime $(VENV)/bin/python $(REALTIME_VENV) || test $$? = 75

tools-asterisk: tools-apt
	@scripts/install-asterisk build/asterisk || echo "the calls from a real Asterisk will be skipped"

# 75 says that vLLM cannot be installed here, and the script has said why.
tools-vllm: $(VENV)/.test
	@scripts/install-vllm $(VLLM_PYTHON) $(VLLM_VENV) $(VENV)/bin/uv || test $$? = 75

test-slow: $(VENV)/.test tools-litellm tools-realtime tools-vllm
	$(VENV)/bin/pytest -m "slow and not vllm and not ray" --numprocesses 2 --dist loadfile

test-vllm-quick: tools-vllm
	@[ ! -e $(VLLM_VENV)/.installed ] || $(VLLM_VENV)/bin/pytest tests/integration -m "vllm and not slow"

test-vllm: $(VENV)/.test
	@scripts/apt-install espeak-ng || echo "the vLLM tests that speak will be skipped"
	@if scripts/install-vllm $(VLLM_PYTHON) $(VLLM_VENV) $(VENV)/bin/uv; \
	then $(VLLM_VENV)/bin/pytest -m vllm; else test $$? = 75; fi

# 75 says that Ray cannot be installed here, and the script has said why.
test-ray: $(VENV)/.test
	@if scripts/install-ray $(VENV)/bin/python $(RAY_VENV); \
	then $(RAY_VENV)/bin/pytest tests/cluster tests/integration -m "$(RAY_TESTS)"; else test $$? = 75; fi

test-ray-vllm: $(VENV)/.test
	@scripts/apt-install espeak-ng || echo "the test speaks, and will be skipped"
	@if scripts/install-vllm $(VLLM_PYTHON) $(RAY_VLLM_VENV) $(VENV)/bin/uv ray-vllm; \
	then $(RAY_VLLM_VENV)/bin/pytest tests/integration/test_ray_vllm.py -m ray; else test $$? = 75; fi

# 75 says that the fuzzer cannot be installed here, and the script has said why.
fuzz: $(VENV)/.test
	@if scripts/install-fuzz $(VENV); then PYTHONPATH=tests/support $(VENV)/bin/python -m fuzzing $(ARGS); else test $$? = 75; fi

tiny-qwen3-asr: $(VENV)/.test
	scripts/apt-install espeak-ng
	scripts/install-vllm $(VLLM_PYTHON) $(VLLM_VENV) $(VENV)/bin/uv
	PYTHONPATH=scripts:tests/support $(VLLM_VENV)/bin/python -m tiny_qwen3_asr $(ARGS)

format: $(VENV)/.test
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

lock: $(VENV)/.test
	scripts/lock $(VENV) $(UPGRADE)

wires: $(VENV)/.test
	$(VENV)/bin/python scripts/wires_table.py

bench: $(VENV)/.test
	mkdir -p build
	$(VENV)/bin/python bench/calls.py --json build/bench.json $(ARGS)
	@if [ -d build/voices/kokoro ]; then $(VENV)/bin/python bench/voices.py --voices build/voices $(filter --quick,$(ARGS)); \
	else echo "no local voices in build/voices: make tools-kokoro"; fi

# One server after the other, and their panels side by side. What cannot be installed here is left out, and says so.
bench-phone: $(VENV)/.test tools-bench-phone
	scripts/apt-install $(SOUNDS) espeak-ng
	mkdir -p build
	rm -f build/phone-*.json
	for server in bridge $$([ ! -f $(PIPECAT_VENV)/.pipecat ] || echo pipecat) $$([ ! -f $(LIVEKIT_VENV)/.livekit ] || echo livekit); do \
	    PYTHONPATH=bench:tests/support $(VENV)/bin/python -m phone run $$server --json build/phone-$$server.json $(ARGS) || exit 1; \
	done
	PYTHONPATH=bench:tests/support $(VENV)/bin/python -m phone table build/phone-*.json

# What the newest `make bench-phone` measured becomes what docs/benchmark.md shows.
publish-bench-phone: $(VENV)/.test
	mkdir -p bench/phone/results
	cp build/phone-*.json bench/phone/results/
	PYTHONPATH=bench:tests/support $(VENV)/bin/python -m phone table bench/phone/results/*.json --into docs/benchmark.md

# 75 says that one cannot be installed here, and the script has said why.
tools-bench-phone: $(VENV)/.test
	@scripts/install-alone pipecat $(VENV)/bin/python $(PIPECAT_VENV) || test $$? = 75
	@scripts/install-alone livekit $(VENV)/bin/python $(LIVEKIT_VENV) || test $$? = 75

bench-third-party: $(VENV)/.test
	scripts/apt-install $(SOUNDS)
	scripts/install-alone bench-tools $(VENV)/bin/python $(BENCH_TOOLS_VENV)
	PYTHONPATH=bench:tests/support $(VENV)/bin/python -m phone.third_party $(ARGS)

bench-records: $(VENV)/.test
	$(VENV)/bin/python bench/records.py
	$(VENV)/bin/python bench/traces.py

bench-engines: $(VENV)/.test
	scripts/apt-install espeak-ng asterisk-core-sounds-en asterisk-core-sounds-en-wav
	scripts/install-vllm $(VLLM_PYTHON) $(VLLM_VENV) $(VENV)/bin/uv
	mkdir -p build
	$(VLLM_VENV)/bin/python bench/engines.py $(ENGINE) --json build/engines.json $(ARGS)

bench-scale: $(VENV)/.test
	scripts/install-ray $(VENV)/bin/python $(RAY_VENV)
	mkdir -p build
	PYTHONPATH=tests/support $(RAY_VENV)/bin/python bench/scale.py --json build/scale.json $(ARGS)

bench-compare: $(VENV)/.test
	@$(VENV)/bin/python bench/compare.py $(BEFORE) $(AFTER)

soak: $(VENV)/.test
	scripts/apt-install $(SOUNDS)
	scripts/apt-install sip-tester baresip || echo "calls over SIP will be left out"
	mkdir -p build
	$(VENV)/bin/python bench/soak.py --json build/soak.json $(ARGS)

clean:
	rm -rf $(VENV) $(VLLM_VENV) $(TAC_VENV) $(TTS_VENV) $(LITELLM_VENV) $(RAY_VENV) $(RAY_VLLM_VENV) $(KUBERNETES_VENV) $(SDKS_VENV) $(REALTIME_VENV) $(PIPECAT_VENV) $(LIVEKIT_VENV) $(BENCH_TOOLS_VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp says that what its lock lists is installed, so that a second `make` starts at once.
$(VENV)/.made:
	scripts/make-venv $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.serve: requirements/serve.lock pyproject.toml $(VENV)/.made
	scripts/install $(VENV) requirements/serve.lock
	@touch $@

$(VENV)/.test: requirements/test.lock pyproject.toml $(VENV)/.made
	scripts/install $(VENV) requirements/test.lock
	@touch $@ $(VENV)/.serve # the test lock holds all of the other one
