"""What stands before a text: strides and prompts; how long it may be, and what memory allows."""

import re

import numpy as np
import pytest
import torch

from neuroalign.errors import DataError

transformers = pytest.importorskip("transformers", reason="the extra [text] is not installed")

from known_chain import Chain, chain_tokenizer  # noqa: E402
from tiny_language import (  # noqa: E402
    PIECES,
    bert,
    byte_pairs,
    expect,
    gpt2,
    seeded,
    spell,
    story,
    values_of,
    word_pieces,
)

from neuroalign.models.text import TextModel  # noqa: E402
from neuroalign.testing import check_model  # noqa: E402

WORDS = ["the", "cat", "sat", "it", "dog", "don", "t"]


def refused(sentence):
    return pytest.raises(DataError, match=f"^{re.escape(sentence)}$")


def inputs_of(model, stimuli):
    """Return the token ids that the network is given, without padding, longest first."""
    seen = []

    def note(_module, _positional, named):
        for ids, mask in zip(named["input_ids"], named["attention_mask"], strict=True):
            seen.append(ids[mask == 1].tolist())

    handle = model.network.register_forward_pre_hook(note, with_kwargs=True)
    list(model.activations(stimuli))
    handle.remove()
    return seen


def test_a_window_that_strides_serves_each_word_by_the_first_that_holds_it():
    model = TextModel(bert(), word_pieces(), context="window", window=3, stride=2)
    spans = [(0, 1), (0, 2), (0, 3), (2, 4), (2, 5), (4, 6), (4, 7)]
    inputs = [(spell(*WORDS[start:end]), [end - start]) for start, end in spans]
    expect(model, story(*WORDS), inputs)


def test_a_network_that_cannot_look_ahead_reads_each_window_once():
    network, tokenizer = gpt2(32), byte_pairs()
    options = {"context": "window", "window": 3, "stride": 2}
    texts = ["the", "sat", "dog", "'t", "a", "it", "is"]
    windows = [" ".join(texts[start : start + 3]) for start in (0, 2, 4)]
    found = inputs_of(TextModel(network, tokenizer, **options), story(*texts))
    assert sorted(found) == sorted(tokenizer.encode(window).ids for window in windows)


def test_a_stride_begins_anew_with_each_passage():
    model = TextModel(bert(), word_pieces(), context="window", window=2, stride=2)
    stimuli = story(*WORDS[:5], run=[1, 1, 1, 2, 2])
    inputs = [(spell("the"), [1]), (spell("the", "cat"), [2]), (spell("sat"), [1]),
              (spell("it"), [1]), (spell("it", "dog"), [2])]  # fmt: skip
    expect(model, stimuli, inputs)


@pytest.mark.parametrize("make", [(bert, word_pieces), (gpt2, byte_pairs)])
def test_a_model_that_strides_keeps_what_a_model_promises(make):
    network, tokenizer = (part() for part in make)
    model = TextModel(network, tokenizer, context="window", window=3, stride=2)
    # Fewer stimuli are other windows here, as far as the first two: these are the same.
    check_model(model, story("the", "cat", "sat", "it"))


def test_a_prompt_stands_before_every_input_and_never_counts():
    model = TextModel(bert(), word_pieces(), context="growing", prompt="it's: ")
    prompt = ["it", "'", "s", "[UNK]"]
    inputs = [
        (spell(*prompt, "the"), [5]),
        (spell(*prompt, "the", "un", "##happ", "##y"), [6, 7, 8]),
    ]
    expect(model, story("the", "unhappy"), inputs)


def test_a_prompt_stays_where_the_oldest_texts_are_dropped():
    model = TextModel(bert(8), word_pieces(), context="growing", prompt="it it ")
    inputs = [(spell("it", "it", *WORDS[max(0, end - 4) : end]), [2 + min(end, 4)])
              for end in range(1, 7)]  # fmt: skip
    expect(model, story(*WORDS[:6]), inputs)


def test_special_tokens_of_a_prompt_are_read_as_such():
    model = TextModel(Chain(), chain_tokenizer(), prompt="<end>")
    (found,) = values_of(model, story("ab"), layers="block.0").values()
    np.testing.assert_array_equal(found, [[(6 + 8) / 2, (1 + 2) / 2]])  # 5, 1, 2 summed on


def test_a_prompt_that_runs_into_the_text_is_refused():
    sentence = (
        "The end of the prompt 'it t' and the text after it become one token, 'the'; end the "
        "prompt with a space or a line break."
    )
    with refused(sentence):
        values_of(TextModel(gpt2(), byte_pairs(), prompt="it t"), story("he"))


def test_a_text_too_long_beside_a_prompt_is_refused():
    sentence = (
        "The text of stimulus 'w00' has 13 tokens with the prompt, but model 'BertModel' reads 12 "
        "at most; split it."
    )
    with refused(sentence):
        values_of(TextModel(bert(), word_pieces(), prompt="it it "), story("cat " * 9))


def test_a_text_too_long_beside_what_is_to_be_written_is_refused():
    sentence = (
        "The text of stimulus 'w00' has 6 tokens, but model 'Chain' reads 5 at most beside 3 to be "
        "written; split it."
    )
    model = TextModel(Chain(longest=8), chain_tokenizer(), pooling="generated", max_new_tokens=3)
    with refused(sentence):
        values_of(model, story("ababab"))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("pad", ["[PAD]", "cat", None])
def test_whatever_pads_and_wherever_it_never_counts(side, pad):
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=word_pieces(), padding_side=side, pad_token=pad
    )
    stimuli = story(*WORDS)
    expected = values_of(TextModel(bert(), word_pieces(), context="growing"), stimuli)
    found = values_of(TextModel(bert(), wrapped, context="growing"), stimuli)
    for layer, values in expected.items():
        np.testing.assert_allclose(found[layer], values, atol=1e-5)


def roberta(longest):
    config = transformers.RobertaConfig(
        vocab_size=len(PIECES), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=longest,
    )  # fmt: skip
    return seeded(transformers.RobertaModel, config)


def test_places_before_the_first_are_not_counted_as_places():
    stimuli = story(*WORDS)
    values = values_of(TextModel(roberta(8), word_pieces(), context="growing"), stimuli)
    windows = values_of(
        TextModel(roberta(32), word_pieces(), context="window", window=4), stimuli, layers="block.0"
    )
    assert values["block.0"].shape == windows["block.0"].shape  # 8 places, but two are never used


def test_of_an_encoder_decoder_the_encoder_is_used():
    config = transformers.T5Config(
        vocab_size=len(PIECES), d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2,
    )  # fmt: skip
    network = seeded(transformers.T5ForConditionalGeneration, config).eval()
    model = TextModel(network, word_pieces(), context="growing")
    found = values_of(model, story("the", "cat"))
    ids = torch.tensor([spell("the", "cat")])
    with torch.no_grad():
        states = network.get_encoder()(input_ids=ids, output_hidden_states=True).hidden_states
    assert list(found) == ["embeddings", "block.0", "block.1"]
    for state, values in zip(states, found.values(), strict=True):
        np.testing.assert_allclose(values[1], state[0, 2].numpy(), atol=1e-5)


def starved(model, most, monkeypatch):
    """Let the network run out of memory with more than `most` inputs, and note what it ran."""
    sizes, forward = [], model.network.forward

    def limited(input_ids, **options):
        sizes.append(len(input_ids))
        if len(input_ids) > most:
            message = "DefaultCPUAllocator: can't allocate memory"
            raise RuntimeError(message)
        return forward(input_ids=input_ids, **options)

    monkeypatch.setattr(model.network, "forward", limited)
    return sizes


def test_batches_are_halved_until_memory_suffices(monkeypatch):
    model = TextModel(bert(), word_pieces(), context="growing")
    expected = values_of(model, story(*WORDS))
    sizes = starved(model, 2, monkeypatch)
    found = values_of(model, story(*WORDS))
    assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    for layer, values in expected.items():
        np.testing.assert_allclose(found[layer], values, atol=1e-5)


def test_an_input_for_which_memory_never_suffices_is_refused(monkeypatch):
    model = TextModel(bert(), word_pieces(), context="growing")
    starved(model, 0, monkeypatch)
    sentence = (
        "Device 'cpu' has not enough memory for one input of 9 tokens; use another device or a "
        "shorter context."
    )
    with refused(sentence):
        values_of(model, story(*WORDS))


def test_a_batch_size_that_was_given_is_kept(monkeypatch):
    model = TextModel(bert(), word_pieces(), context="growing", batch_size=4)
    starved(model, 2, monkeypatch)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        values_of(model, story(*WORDS))
