"""DeepFilterNet: what comes out, how late, that calls are apart, and that a wrong model never ends the process."""

import asyncio
import gc
import importlib.util
import io
import re
import sys
import tarfile
import types
import wave
import weakref
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import installing
from bridge.speech.api import SAMPLE_RATE, Denoiser, EngineFailed, ModelMissing
from bridge.speech.backends.deepfilter.model import find_model
from bridge.speech.backends.deepfilter.native import DeepFilter, DeepFilterPool
from bridge.speech.backends.deepfilter.original import BlockDenoiser, load_torch
from bridge.speech.resample import resample_whole

pytestmark = pytest.mark.heavy

Signal = npt.NDArray[np.float32]

RNG = np.random.default_rng(7)
NOISE = (RNG.standard_normal(SAMPLE_RATE) * 0.05).astype(np.float32)
SPEECH = Path("/usr/share/asterisk/sounds/en/vm-goodbye.wav")


@pytest.fixture(scope="module")
def pool() -> Iterator[DeepFilterPool]:
    pool = DeepFilterPool.load()
    yield pool
    pool.close()


@pytest.fixture
async def denoiser(pool: DeepFilterPool) -> Denoiser:
    return await pool.open()


def in_frames(denoiser: Denoiser, signal: Signal, frame: int = 320) -> Signal:
    return np.concatenate([denoiser(signal[i : i + frame]) for i in range(0, len(signal), frame)])


def lag(late: Signal, early: Signal) -> int:
    """Samples by which `late` follows `early`."""
    size = 2 * len(early)
    likeness = np.fft.irfft(np.fft.rfft(late, size) * np.conj(np.fft.rfft(early, size)))
    return int(np.argmax(likeness[: len(early)]))


def speech() -> Signal:
    if not SPEECH.exists():
        pytest.skip("asterisk-core-sounds-en-wav is not installed")
    with wave.open(str(SPEECH)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return resample_whole((pcm / 32768).astype(np.float32), file.getframerate(), SAMPLE_RATE)


def level_db(signal: Signal) -> float:
    return float(10 * np.log10(np.mean(np.square(signal)) + 1e-12))


# ---------------------------------------------------------------- one denoiser


def test_output_lags_by_the_declared_delay(denoiser: Denoiser) -> None:
    assert lag(in_frames(denoiser, NOISE), NOISE) == denoiser.delay


def test_the_delay_is_30_ms_of_model_2_of_resampling_and_one_frame(denoiser: Denoiser) -> None:
    assert denoiser.delay * 1000 / SAMPLE_RATE == pytest.approx(42, abs=0.1)


async def test_how_the_input_is_cut_makes_no_difference(pool: DeepFilterPool) -> None:
    first, second = await pool.open(), await pool.open()
    cuts = sorted(RNG.integers(0, 8_000, 40))
    pieces = [second(piece) for piece in np.split(NOISE[:8_000], cuts)]
    assert [len(piece) for piece in pieces] == [len(piece) for piece in np.split(NOISE[:8_000], cuts)]
    np.testing.assert_allclose(np.concatenate(pieces), in_frames(first, NOISE[:8_000]), atol=1e-4)


def test_noise_is_lowered_by_the_limit_and_no_more(denoiser: Denoiser) -> None:
    assert level_db(in_frames(denoiser, NOISE)[8_000:]) - level_db(NOISE) == pytest.approx(-9, abs=0.6)


async def test_a_limit_of_0_db_changes_nothing_but_the_delay_stays() -> None:
    pool = DeepFilterPool.load(attenuation_limit_db=0, spare=0)
    denoiser = await pool.open()
    clean = in_frames(denoiser, NOISE)
    pool.close()
    assert lag(clean, NOISE) == denoiser.delay
    assert level_db(clean[8_000:]) - level_db(NOISE) > -1  # what the filters take off above 7 kHz


async def test_speech_stays() -> None:
    pool = DeepFilterPool.load(attenuation_limit_db=100, post_filter=True, spare=0)
    signal = speech()
    denoiser = await pool.open()
    clean = in_frames(denoiser, np.concatenate((signal, np.zeros(denoiser.delay, np.float32))))[denoiser.delay :]
    pool.close()
    assert np.corrcoef(clean, signal)[0, 1] > 0.9


def test_samples_that_are_no_numbers_end_the_denoiser_not_the_process(denoiser: Denoiser) -> None:
    with pytest.raises(EngineFailed):
        in_frames(denoiser, np.full(3_200, np.nan, np.float32))
    with pytest.raises(EngineFailed, match="closed"):
        denoiser(NOISE[:320])


def test_a_closed_denoiser_is_not_called_again(denoiser: Denoiser) -> None:
    denoiser.close()
    with pytest.raises(EngineFailed, match="closed"):
        denoiser(NOISE[:320])


# ---------------------------------------------------------------- the pool


async def test_nothing_of_one_caller_reaches_the_next(pool: DeepFilterPool) -> None:
    untouched, one = await pool.open(), await pool.open()
    in_frames(one, NOISE * 10)
    one.close()
    following = await pool.open()
    np.testing.assert_array_equal(in_frames(following, NOISE), in_frames(untouched, NOISE))


async def test_a_state_is_freed_when_its_call_has_ended(pool: DeepFilterPool) -> None:
    denoiser = await pool.open()
    assert isinstance(denoiser, DeepFilter)
    assert denoiser._state is not None
    state = weakref.ref(denoiser._state)
    denoiser.close()
    gc.collect()
    assert state() is None


async def test_a_call_takes_the_spare_and_another_is_made() -> None:
    made: list[BlockDenoiser] = []

    def make() -> Denoiser:
        made.append(BlockDenoiser(lambda samples: samples))
        return made[-1]

    pool = DeepFilterPool(make, spare=1)
    assert await pool.open() is made[0]
    assert await pool.open() is made[1]
    pool.close()
    assert len(made) in (2, 3)  # the spare after that may not have been begun


async def test_acquiring_never_stalls_the_event_loop() -> None:
    pool = DeepFilterPool.load(spare=0)
    turns = 0
    waiting = asyncio.create_task(pool.open())
    while not waiting.done():
        turns += 1
        await asyncio.sleep(0)
    pool.close()
    assert turns > 100


async def test_a_closed_pool_says_so() -> None:
    pool = DeepFilterPool.load(spare=0)
    pool.close()
    pool.close()
    with pytest.raises(EngineFailed, match="closed"):
        await pool.open()


async def test_calls_on_several_threads_do_not_disturb_each_other(pool: DeepFilterPool) -> None:
    denoisers = [await pool.open() for _ in range(4)]
    alone = in_frames(denoisers.pop(), NOISE)
    for clean in await asyncio.gather(*(asyncio.to_thread(in_frames, each, NOISE) for each in denoisers)):
        np.testing.assert_array_equal(clean, alone)


@pytest.mark.parametrize("limit", [-1.0, 100.5, float("nan")])
def test_a_limit_that_cannot_be_is_named(limit: float) -> None:
    with pytest.raises(ValueError, match=f"dfn-attenuation-limit is {limit}"):
        DeepFilterPool.load(attenuation_limit_db=limit)


# ---------------------------------------------------------------- models


@cache
def installed() -> Mapping[str, bytes]:
    """Return the files of the installed model, by their names in its archive."""
    _, bundled = find_model("DeepFilterNet3")
    with tarfile.open(bundled) as source:
        files = {member.name: source.extractfile(member) for member in source.getmembers()}
        return {name: found.read() for name, found in files.items() if found}


def archive(path: Path, **changes: bytes | None) -> Path:
    """Write the installed model to `path` with some of its files changed or, for None, left out."""
    with tarfile.open(path, "w:gz", compresslevel=0) as target:  # its networks hardly get smaller
        for name, given in installed().items():
            content = changes.get(Path(name).stem, given)
            if content is not None:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                target.addfile(member, io.BytesIO(content))
    return path


def config(**changes: str) -> bytes:
    text = next(content for name, content in installed().items() if name.endswith("config.ini")).decode()
    for option, value in changes.items():
        text = re.sub(rf"(?m)^{option} = .*$", f"{option} = {value}", text)
    return text.encode()


@pytest.mark.skipif(importlib.util.find_spec("df") is not None, reason="the original package is here")
@pytest.mark.parametrize("model", ["DeepFilterNet", "DeepFilterNet2"])
def test_models_of_the_original_package_are_refused_without_it(model: str) -> None:
    with pytest.raises(ModelMissing, match=rf"'{model}'.*{re.escape(installing.extra('deepfilter'))}.*DeepFilterNet3"):
        DeepFilterPool.load(model)
    with pytest.raises(ModelMissing):
        load_torch(model, attenuation_limit_db=9, post_filter=False)


@pytest.mark.parametrize("model", ["", "DeepFilterNet4", "/no/such/file.tar.gz", "."])
def test_an_unknown_model_names_those_that_run(model: str) -> None:
    with pytest.raises(ModelMissing, match="no such model and no such file; the installed runtime runs DeepFilterNet3"):
        DeepFilterPool.load(model)


def test_another_model_in_the_same_archive_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    path = archive(tmp_path / "dfn2.tar.gz", config=config(model="deepfilternet2"))
    with pytest.raises(ModelMissing, match="its model is 'deepfilternet2', must be 'deepfilternet3'"):
        DeepFilterPool.load(str(path))


def test_a_variant_with_another_delay_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "ll.tar.gz", config=config(df_lookahead="0", conv_lookahead="0"))
    with pytest.raises(ModelMissing, match="its df_lookahead is '0'"):
        DeepFilterPool.load(str(path))


def test_a_missing_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"df_dec\.onnx is not in it"):
        DeepFilterPool.load(str(archive(tmp_path / "x.tar.gz", df_dec=None)))


def test_a_damaged_network_ends_another_process_than_ours(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="its networks do not load"):
        DeepFilterPool.load(str(archive(tmp_path / "x.tar.gz", enc=b"not a network")))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an archive",
        b"\x1f\x8b\x08\x00garbage",
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(content)
    with pytest.raises(ModelMissing, match="no archive of a DeepFilterNet model"):
        DeepFilterPool.load(str(path))


@pytest.mark.parametrize("text", [None, b"", b"\xff\xfe", b"no = section", b"[train]\nmodel\n", b"[df]\n[df]\n"])
def test_a_broken_configuration_is_refused(tmp_path: Path, text: bytes | None) -> None:
    with pytest.raises(ModelMissing):
        DeepFilterPool.load(str(archive(tmp_path / "x.tar.gz", config=text)))


@settings(max_examples=30)
@given(cut=st.integers(0, 100_000))
def test_a_truncated_archive_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    _, bundled = find_model("DeepFilterNet3")
    path = tmp_path_factory.mktemp("cut") / "x.tar.gz"
    path.write_bytes(bundled.read_bytes()[:cut])
    with pytest.raises(ModelMissing):
        find_model(str(path))


async def test_a_deepfilternet3_of_ones_own_is_accepted(tmp_path: Path) -> None:
    pool = DeepFilterPool.load(str(archive(tmp_path / "mine.tar.gz", config=config(seed="44"))))
    denoiser = await pool.open()
    pool.close()
    assert lag(in_frames(denoiser, NOISE), NOISE) == denoiser.delay


@pytest.mark.parametrize("inner", [".", "export"])
async def test_a_folder_with_what_such_an_archive_holds_is_accepted(tmp_path: Path, inner: str) -> None:
    (folder := tmp_path / "mine" / inner).mkdir(parents=True)
    for name, content in installed().items():
        (folder / Path(name).name).write_bytes(config(seed="44") if name.endswith("config.ini") else content)
    pool = DeepFilterPool.load(str(tmp_path / "mine"))
    denoiser = await pool.open()
    pool.close()
    assert lag(in_frames(denoiser, NOISE), NOISE) == denoiser.delay
    (folder / "df_dec.onnx").unlink()
    with pytest.raises(ModelMissing, match=r"df_dec\.onnx is not in it"):
        DeepFilterPool.load(str(tmp_path / "mine"))


# ---------------------------------------------------------------- the original package


class OriginalPackage:
    """Stands for `df` and torch: notes what is asked for, and gives back what it is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fault: BaseException | None = None) -> None:
        self.asked = list[str]()
        self._fault = fault
        enhancing, torch = types.ModuleType("df.enhance"), types.ModuleType("torch")
        enhancing.init_df, enhancing.enhance = self._init, self._enhance  # type: ignore[attr-defined]
        torch.from_numpy = np.asarray  # type: ignore[attr-defined]
        for name, module in {"df": types.ModuleType("df"), "df.enhance": enhancing, "torch": torch}.items():
            monkeypatch.setitem(sys.modules, name, module)

    def _init(self, folder: str, **_: object) -> tuple[object, object, str]:
        self.asked.append(folder)
        if self._fault:
            raise self._fault
        return object(), object(), ""

    def _enhance(self, network: object, state: object, noisy: Signal, **_: object) -> object:
        return [types.SimpleNamespace(numpy=lambda: noisy[0])]


@pytest.mark.parametrize("fault", [SystemExit(1), OSError("no route to github.com")], ids=repr)
def test_weights_that_cannot_be_downloaded_are_named_with_the_place_for_them(
    monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    OriginalPackage(monkeypatch, fault)
    with pytest.raises(
        ModelMissing, match=r"DeepFilterNet2\.zip, unpack it, and start with --dfn-model /path/of/DeepFilt"
    ):
        DeepFilterPool.load("DeepFilterNet2")


async def test_a_folder_of_the_original_package_is_loaded_by_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "DeepFilterNet2" / "checkpoints").mkdir(parents=True)
    (tmp_path / "DeepFilterNet2" / "config.ini").write_text("[train]")
    package = OriginalPackage(monkeypatch)
    pool = DeepFilterPool.load(str(tmp_path))
    denoiser = await pool.open()
    pool.close()
    assert package.asked == [str(tmp_path / "DeepFilterNet2")]
    assert lag(in_frames(denoiser, NOISE), NOISE) == denoiser.delay


def test_a_folder_that_the_original_package_cannot_load_says_what_must_be_in_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.ini").write_text("[train]")
    OriginalPackage(monkeypatch, SystemExit(1))
    with pytest.raises(ModelMissing, match=r"does not load \(1\); it must hold config.ini and checkpoints"):
        DeepFilterPool.load(str(tmp_path))


# ---------------------------------------------------------------- blocks for the original package


@given(cuts=st.lists(st.integers(0, 16_000), max_size=20))
def test_blocks_join_without_a_gap_and_lag_by_the_declared_delay(cuts: list[int]) -> None:
    denoiser = BlockDenoiser(lambda samples: samples)
    clean = np.concatenate([denoiser(piece) for piece in np.split(NOISE, sorted(cuts))])
    np.testing.assert_array_equal(clean[denoiser.delay :], NOISE[: -denoiser.delay])
    assert not clean[: denoiser.delay].any()


def test_what_torch_raises_is_an_engine_that_failed() -> None:
    def broken(samples: Signal) -> Signal:
        raise RuntimeError("out of memory")

    with pytest.raises(EngineFailed, match="out of memory"):
        BlockDenoiser(broken)(NOISE)


def test_a_closed_block_denoiser_is_not_called_again() -> None:
    denoiser = BlockDenoiser(lambda samples: samples)
    denoiser.close()
    with pytest.raises(EngineFailed, match="closed"):
        denoiser(NOISE)
