"""The words the model knows, and its tokenizer: byte-level BPE learnt on just these."""

from typing import Final

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

WORDS: Final = {
    "English": (
        *"zero one two three four five six seven eight nine yes no hello goodbye help agent".split(),
        *"account balance payment cancel order please thanks billing".split(),
    ),
    "German": (*"null eins zwei drei vier fünf sechs sieben acht neun ja nein".split(),),
}
"""By the language's English name, as the model says it."""

ALL: Final = tuple(word for words in WORDS.values() for word in words)
"""Every word once; the index is its class in the CTC loss, less one."""

BEGIN, END, STOP = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
AUDIO_BEGIN, AUDIO, AUDIO_END = "<|audio_start|>", "<|audio_pad|>", "<|audio_end|>"
TEXT: Final = "<asr_text>"

VOCABULARY_SIZE: Final = 448
"""Rows of the embedding: the tokens, rounded up to a multiple of 64."""

_LEARNT: Final = 435  # 256 bytes and what is merged from them


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Learn a tokenizer in which every word, with and without a space before it, is one token.

    Its special tokens are those of Qwen3-ASR. `<asr_text>` is an added token and not a special one, as there: it
    survives `skip_special_tokens`, and vLLM finds the language before it.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    prompt = ["system", "user", "assistant", "language English", "language German", "language None"]
    tokenizer.train_from_iterator(
        [*ALL, *(f" {word}" for word in ALL), *prompt] * 10,
        trainers.BpeTrainer(
            vocab_size=_LEARNT,
            min_frequency=1,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    special = [END, STOP, BEGIN, AUDIO_BEGIN, AUDIO_END, AUDIO]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    tokenizer.add_tokens([AddedToken(TEXT, normalized=False, special=False)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=STOP,
        extra_special_tokens={"audio_token": AUDIO, "audio_bos_token": AUDIO_BEGIN, "audio_eos_token": AUDIO_END},
        model_max_length=4096,
    )
