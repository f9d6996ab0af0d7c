"""Which tokens are a text's own, for three kinds of tokenizers, and how a row is made of them."""

import re

import numpy as np
import pytest
import torch

from neuroalign.errors import DataError, UnknownNameError

transformers = pytest.importorskip("transformers", reason="the extra [text] is not installed")

from known_chain import Chain, chain_tokenizer  # noqa: E402
from tiny_language import (  # noqa: E402
    CLS,
    SEP,
    SINGLE_PIECES,
    bert,
    byte_pairs,
    expect,
    gpt2,
    single_pieces,
    spell,
    story,
    values_of,
    word_pieces,
)
from tokenizers import AddedToken  # noqa: E402

from neuroalign.models.text import TextModel  # noqa: E402
from neuroalign.testing import check_model  # noqa: E402

UNK, UNKNOWN = "[UNK]", 1
# Each case: the texts of a passage, all its tokens, and by hand which are each text's own.
WORD_PIECES = (
    ["The", "unhappy", "e\u0301", "中文", "😀", "--", "don't."],
    ["the", "un", "##happ", "##y", UNK, UNK, UNK, UNK, UNK, UNK, "don", "'", "t", "."],
    [[1], [2, 3, 4], [5], [6, 7], [8], [9, 10], [11, 12, 13, 14]],
)
BYTE_PAIRS = (
    ["the", "dogs", "😀", "中文", "e\u0301", "--", "  sat", "ü"],
    ["the", "Ġdog", "s", *"ĠðŁĺĢ", *"Ġä\u00b8Ńæĸĩ", *"ĠeÌģ", *"Ġ--", *"ĠĠĠ", "sat", *"ĠÃ¼"],
    [[0], [1, 2], [4, 5, 6, 7], [9, 10, 11, 12, 13, 14], [16, 17, 18], [20, 21], [25], [27, 28]],
)
SINGLE = (
    ["sat", "the", "unhappy", "e\u0301", "中文", "😀", "'", ".", "  dog"],
    ["▁", "s", "a", "t", "▁the", "▁un", "happy", "▁", "é", "▁", "中", "文", "▁", "😀", "▁", "'",
     "▁", ".", "▁", "▁", "▁dog"],
    [[1, 2, 3], [4], [5, 6], [8], [10, 11], [13], [15], [17], [20]],
)  # fmt: skip


def expect_growing(network, tokenizer, case, encode, special=0, **options):
    """Compare with the hand-written places; an input ends with the last token of its text."""
    texts, tokens, own = case
    inputs = [(encode(tokens[: places[-1] + 1 - special]), places) for places in own]
    model = TextModel(network, tokenizer, context="growing", **options)
    expect(model, story(*texts), inputs)


def test_word_pieces_are_aligned_as_by_hand():
    expect_growing(bert(32), word_pieces(), WORD_PIECES, lambda tokens: spell(*tokens), special=1)


@pytest.mark.parametrize("trim", [True, False])
def test_byte_pairs_are_aligned_as_by_hand(trim):
    tokenizer = byte_pairs(trim=trim)
    expect_growing(
        gpt2(32), tokenizer, BYTE_PAIRS, lambda tokens: [*map(tokenizer.token_to_id, tokens)]
    )


def test_pieces_of_a_unigram_tokenizer_are_aligned_as_by_hand():
    pieces = [piece for piece, _ in SINGLE_PIECES]
    expect_growing(gpt2(32), single_pieces(), SINGLE, lambda tokens: [*map(pieces.index, tokens)])


def test_words_glued_together_are_told_apart_by_their_letters():
    tokenizer = byte_pairs()
    ids = [tokenizer.token_to_id(token) for token in "ä\u00b8Ńæĸĩ"]
    model = TextModel(gpt2(), tokenizer, context="growing", separator="")
    expect(model, story("中", "文"), [(ids[:3], [0, 1, 2]), (ids, [3, 4, 5])])


def test_a_token_over_two_words_counts_for_the_one_that_it_ends():
    model = TextModel(bert(), word_pieces(), context="growing", separator="")
    inputs = [(spell("the"), [1]), ([CLS, UNKNOWN, SEP], [1])]
    expect(model, story("the", "cat"), inputs)


def test_a_token_that_reaches_into_the_space_of_a_text_is_not_its_own():
    tokenizer = word_pieces()
    tokenizer.add_tokens([AddedToken("cat ", normalized=False)])
    ids = [CLS, tokenizer.token_to_id("cat "), *spell("sat")[1:]]
    inputs = [(spell("cat"), [1]), (ids, [2])]
    model = TextModel(bert(vocab_size=18), tokenizer, context="growing", separator="")
    expect(model, story("cat", " sat"), inputs)


def test_a_lone_space_within_a_sentence_is_no_token_of_it():
    tokenizer = byte_pairs()
    ids = [tokenizer.token_to_id(token) for token in ["the", "Ġ", "Ġdog", "Ġ", "sat"]]
    expect(TextModel(gpt2(), tokenizer), story("the  dog sat"), [(ids, [0, 2, 4])])


def test_the_last_token_is_the_last_of_the_text_not_of_the_input():
    model = TextModel(bert(), word_pieces(), context="growing", pooling="last")
    inputs = [(spell("the"), [1]), (spell("the", "un", "##happ", "##y"), [2, 3, 4])]
    expect(model, story("the", "unhappy"), inputs, pool=lambda states: states[-1])


def written_by_hand(network, ids, most, end):
    """Write one token after another, each after a pass over all before it; return their states."""
    first = len(ids)
    with torch.no_grad():
        while len(ids) - first < most:
            newest = int(network(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
            if newest == end and len(ids) > first:
                break
            ids = [*ids, newest]
            if newest == end:
                break
        states = network(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
    return ids[first:], [state[0, first:].mean(0).numpy() for state in states]


def test_generated_tokens_of_a_known_chain_exclude_the_prompt_exactly():
    # "ab" is (1, 2) at places 0 and 1; then comes Ġa (3), Ġb (4) and the end.
    model = TextModel(Chain(), chain_tokenizer(), pooling="generated", max_new_tokens=9)
    parts = dict(model.activations(story("ab")))
    np.testing.assert_array_equal(parts["embeddings"], [[(3 + 4) / 2, (2 + 3) / 2]])
    np.testing.assert_array_equal(parts["block.0"], [[(6 + 10) / 2, (2 + 3) / 2]])
    assert list(parts["block.0"]["generated"].values) == [" a b"]
    assert list(parts["block.0"]["n_tokens"].values) == [2]


def test_an_input_that_ends_sooner_is_not_changed_by_its_neighbor_that_goes_on():
    options = {"pooling": "generated", "max_new_tokens": 9}
    model = TextModel(Chain(), chain_tokenizer(), **options)
    together = dict(model.activations(story("ab", "aa")))
    assert list(together["embeddings"]["n_tokens"].values) == [2, 1]
    for row, text in enumerate(("ab", "aa")):
        for layer, alone in model.activations(story(text)):
            np.testing.assert_array_equal(together[layer].values[row], alone.values[0])


def test_an_end_that_comes_first_is_all_there_is_to_count():
    model = TextModel(Chain(), chain_tokenizer(), pooling="generated", max_new_tokens=9)
    parts = dict(model.activations(story("a b")))  # a, Ġb, <end>
    np.testing.assert_array_equal(parts["embeddings"], [[5, 2]])
    assert parts["embeddings"]["generated"].item() == "<end>"


def test_a_longer_prompt_only_moves_the_places_and_sums_of_what_is_written():
    options = {"pooling": "generated", "max_new_tokens": 2, "prompt": "a a "}
    model = TextModel(Chain(ends=None), chain_tokenizer(), **options)
    (written,) = values_of(model, story("ab"), layers="embeddings").values()
    # a Ġa Ġ... the last space goes to the text: a, Ġa, Ġa, b; then Ġa and Ġb.
    np.testing.assert_array_equal(written, [[(3 + 4) / 2, (4 + 5) / 2]])


@pytest.mark.parametrize("batch_size", [1, 3, None])
def test_generation_is_that_of_one_text_at_a_time_without_a_cache(batch_size):
    network, tokenizer = gpt2(40, transformers.GPT2LMHeadModel), byte_pairs()
    stimuli = story("the", "dog", "sat", "it", "is", "ü")
    options = {"context": "growing", "pooling": "generated", "max_new_tokens": 7}
    model = TextModel(network, tokenizer, batch_size=batch_size, prompt="So: ", **options)
    parts = dict(model.activations(stimuli))
    network.eval()
    for row in range(len(stimuli)):
        ids = tokenizer.encode("So: " + " ".join(stimuli["text"][: row + 1])).ids
        tokens, means = written_by_hand(network, ids, 7, 0)
        for part, mean in zip(parts.values(), means, strict=True):
            np.testing.assert_allclose(part.values[row], mean, atol=1e-5)
            assert part["generated"].values[row] == tokenizer.decode(tokens)


def test_a_written_token_leaves_room_for_the_rest():
    texts = story(*["ab"] * 9)
    model = TextModel(
        Chain(longest=8), chain_tokenizer(), context="growing", pooling="generated",
        max_new_tokens=3,
    )  # fmt: skip
    places = values_of(model, texts, layers="embeddings")["embeddings"][:, 1]
    assert places.max() <= 7


@pytest.mark.parametrize("options", [{"pooling": "last"},
                                     {"pooling": "generated", "max_new_tokens": 3}])  # fmt: skip
def test_every_pooling_keeps_what_a_model_promises(options):
    network = gpt2(32, transformers.GPT2LMHeadModel)
    stimuli = story("the", "dog", "sat", "the", "cat")
    check_model(TextModel(network, byte_pairs(), context="growing", **options), stimuli)


@pytest.mark.parametrize(
    ("error", "options", "sentence"),
    [
        (UnknownNameError, {"pooling": "means"},
         "No pooling is called 'means'. Did you mean 'mean'?"),
        (DataError, {"pooling": "generated"},
         "max_new_tokens=None is not a positive number of tokens; pooling='generated' needs one, "
         "as in max_new_tokens=20."),
        (DataError, {"max_new_tokens": 5},
         "max_new_tokens=5 needs pooling='generated', but pooling='mean' is given."),
    ],
)  # fmt: skip
def test_poolings_that_cannot_be_are_refused(error, options, sentence):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        TextModel(Chain(), chain_tokenizer(), **options)


@pytest.mark.parametrize(("network", "tokenizer"), [(bert, word_pieces), (gpt2, byte_pairs)])
def test_a_network_that_does_not_write_is_refused(network, tokenizer):
    sentence = (
        f"pooling='generated' needs a causal network that writes, but got a "
        f"{type(network()).__name__}; load one with AutoModelForCausalLM.from_pretrained(folder)."
    )
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        TextModel(network(), tokenizer(), pooling="generated", max_new_tokens=5)
