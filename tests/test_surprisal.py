"""Surprisal: against a chain whose probabilities are known, and one word at a time."""

import itertools
import math
import re

import numpy as np
import pandas as pd
import pytest
import torch

import neuroalign as na
from neuroalign.errors import DataError

transformers = pytest.importorskip("transformers", reason="the extra [text] is not installed")

from known_chain import END, TABLE, TOKENS, Chain, chain_tokenizer  # noqa: E402
from tiny_language import (  # noqa: E402
    PIECES,
    bert,
    byte_pairs,
    gpt2,
    single_pieces,
    spell,
    story,
    values_of,
    word_pieces,
)

from neuroalign.models.text import TextModel  # noqa: E402

CHAIN = np.array(TABLE)
STARTS = [TOKENS.index(token) for token in ("Ġ", "Ġa", "Ġb", "<end>")]
BEGINS = CHAIN[:, STARTS].sum(1)  # that a word begins, or the text ends, after each token


def chance(before, after):
    return CHAIN[TOKENS.index(before), TOKENS.index(after)]


def begins(token):
    return BEGINS[TOKENS.index(token)]


def surprisals(model, stimuli):
    return values_of(model, stimuli, layers="surprisal")["surprisal"][:, 0]


def known(**options):
    return TextModel(Chain(), chain_tokenizer(), context="growing", **options)


def test_the_surprisal_of_a_word_is_worked_by_hand():
    found = surprisals(known(), story("a", "ab", "b"))
    second = chance("a", "Ġa") / begins("a") * chance("Ġa", "b") * begins("b")
    third = chance("b", "Ġb") / begins("b") * begins("Ġb")
    np.testing.assert_allclose(found[1:], [-math.log2(second), -math.log2(third)], rtol=1e-6)


def test_the_probabilities_of_all_words_that_may_follow_add_up_to_one():
    words = ["".join(one) for n in range(1, 9) for one in itertools.product("ab", repeat=n)]
    stimuli = pd.DataFrame(
        {
            "text": [text for word in words for text in ("ab", word)],
            "position": [0, 1] * len(words),
            "group": np.repeat(range(len(words)), 2),
        },
        [f"{row}" for row in range(2 * len(words))],
    )
    bits = surprisals(known(), stimuli)[1::2]
    ends = CHAIN[TOKENS.index("b"), END] / begins("b")
    total = (2.0**-bits).sum() + ends
    longer = 0.2**8  # at most this much is left for words of nine letters and more
    assert 1 - longer < total < 1 + 1e-6


def test_the_surprisals_of_a_passage_add_up_to_that_of_its_tokens():
    found = surprisals(known(), story("ab", "b", "ba", "a"))
    tokens = ["a", "b", "Ġb", "Ġb", "a", "Ġa"]
    product = math.prod(itertools.starmap(chance, itertools.pairwise(tokens[1:])))
    whole = product * begins(tokens[-1]) / begins("b")
    np.testing.assert_allclose(found[1:].sum(), -math.log2(whole), rtol=1e-6)


def test_special_tokens_end_a_word_too():
    tokenizer, table = chain_tokenizer(), CHAIN.tolist()
    tokenizer.add_special_tokens(["<turn>"])
    table = [[*(0.9 * np.array(row)), 0.1] for row in [*table, table[-1]]]
    model = TextModel(Chain(table), tokenizer, context="growing")
    found = surprisals(model, story("a", "b"))
    ends = 0.9 * BEGINS + 0.1
    product = 0.9 * chance("a", "Ġb") / ends[TOKENS.index("a")] * ends[TOKENS.index("Ġb")]
    np.testing.assert_allclose(found[1], -math.log2(product), rtol=1e-6)


WHY = (
    "the network reads nothing before the first text of a passage or window, or before one that "
    "leaves no room for earlier ones; give a prompt, such as the token with which the network's "
    "texts begin"
)


def test_a_first_word_has_no_surprisal_and_it_is_said_why():
    stimuli = story("a", "b", "a", "b", run=[1, 1, 2, 2])
    ((_, part),) = known().activations(stimuli, layers=["surprisal"])
    assert list(np.isnan(part.values[:, 0])) == [True, False, True, False]
    assert part.attrs["undefined"] == WHY
    assert (part.dims, part.shape, part.dtype) == (("stimulus", "unit"), (4, 1), np.float32)


def test_a_first_word_is_foretold_by_the_prompt_and_owes_no_space():
    model = known(prompt="<end>")
    ((_, part),) = model.activations(story("ab"), layers=["surprisal"])
    expected = chance("<end>", "a") * chance("a", "b") * begins("b")
    np.testing.assert_allclose(part.values, [[-math.log2(expected)]], rtol=1e-6)
    assert "undefined" not in part.attrs


def test_a_text_that_leaves_no_room_for_earlier_ones_has_no_surprisal_without_a_prompt():
    stimuli = story("a", "b", "abab", "b")
    short = TextModel(Chain(longest=4), chain_tokenizer(), context="growing")
    assert list(np.isnan(surprisals(short, stimuli))) == [True, False, True, True]
    prompted = TextModel(Chain(longest=5), chain_tokenizer(), context="growing", prompt="<end>")
    assert not np.isnan(surprisals(prompted, stimuli)).any()


def test_scores_say_why_surprisals_are_undefined():
    stimuli = story(*12 * ["a", "b"], group=np.repeat(range(6), 4))
    dataset = na.make_dataset(np.random.default_rng(0).normal(size=(24, 2)), stimuli)
    with pytest.raises(DataError) as error:
        na.score(known(), dataset, layers=["surprisal"], guards=(), progress=False)
    assert str(error.value) == (
        "6 of 24 stimuli have activations in layer 'surprisal' that are not finite numbers (first: "
        f"'w00', 'w04', 'w08'), since {WHY}."
    )


def test_an_infinite_surprisal_is_not_said_to_stand_first():
    table = CHAIN.copy()
    table[1] = [0, 0.3, 0, 0.6, 0, 0.1]  # no b after a first a
    stimuli = story(*12 * ["a", "b"], group=np.repeat(range(6), 4))
    dataset = na.make_dataset(np.random.default_rng(0).normal(size=(24, 2)), stimuli)
    model = TextModel(Chain(table.tolist()), chain_tokenizer(), context="growing")
    with pytest.raises(DataError, match=r"not finite numbers \(first: 'w00', 'w01', 'w04'\)\.$"):
        na.score(model, dataset, layers=["surprisal"], guards=(), progress=False)


def test_the_space_of_a_token_of_its_own_is_part_of_the_word():
    table = CHAIN.copy()
    table[1] = [0.20, 0.10, 0.10, 0.25, 0.25, 0.10]
    model = TextModel(Chain(table.tolist()), chain_tokenizer(), context="growing", prompt="<end>")
    # "  b" after "a" and a space: Ġ, Ġ, Ġb; only the last holds a letter, all are foretold.
    table[0] = [0.5, 0.0, 0.2, 0.0, 0.3, 0.0]
    model.network.table.data = torch.tensor(table).log().float()
    found = surprisals(model, story("a", "  b"))
    product = table[1, 0] * table[0, 0] * table[0, 4]
    starts = table[:, STARTS].sum(1)
    np.testing.assert_allclose(found[1], -math.log2(product / starts[1] * starts[4]), rtol=1e-6)


def test_the_spaces_of_a_prompt_are_no_part_of_the_word():
    table = CHAIN.copy()
    table[0] = [0.5, 0.0, 0.2, 0.0, 0.3, 0.0]
    model = TextModel(Chain(table.tolist()), chain_tokenizer(), prompt="a  ")  # a, Ġ, Ġb
    found = surprisals(model, story("b"))
    expected = table[0, 4] / table[0, STARTS].sum() * begins("Ġb")
    np.testing.assert_allclose(found, [-math.log2(expected)], rtol=1e-6)


def test_without_spaces_there_is_nothing_to_correct():
    model = known(separator="", prompt="<end>")
    found = surprisals(model, story("a", "b"))
    expected = [chance("<end>", "a"), chance("a", "b")]
    np.testing.assert_allclose(found, -np.log2(expected), rtol=1e-6)


def slow(network, tokenizer, stimuli, starts):
    """Foretell one word at a time, in float64, without batches or shared beginnings."""
    found = []
    for row in range(1, len(stimuli)):
        before, text = " ".join(stimuli["text"][:row]), stimuli["text"].iloc[row]
        ids = tokenizer.encode(f"{before} {text}").ids
        first = len(tokenizer.encode(before).ids)
        with torch.no_grad():
            logits = network(input_ids=torch.tensor([ids])).logits[0].double().numpy()
        chances = np.exp(logits - logits.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        product = math.prod(chances[place - 1, ids[place]] for place in range(first, len(ids)))
        product *= chances[-1, starts].sum() / chances[first - 1, starts].sum()
        found.append(-math.log2(product))
    return found


@pytest.mark.parametrize("batch_size", [1, 2, None])
@pytest.mark.parametrize("tokenizer", [byte_pairs(), byte_pairs(trim=False), single_pieces()])
def test_surprisal_is_that_of_one_word_at_a_time(tokenizer, batch_size):
    network = gpt2(40, transformers.GPT2LMHeadModel)
    stimuli = story("the", "dogs", "sat", "a", "unhappy", "dog", "'t")
    model = TextModel(network, tokenizer, context="growing", batch_size=batch_size)
    numbers = tokenizer.get_vocab()
    starts = [number for token, number in numbers.items() if token[0] in "Ġ▁ĊĉčĠ"]
    starts = sorted({*starts, 0})  # 0 ends a text of this network
    expected = slow(network.eval(), tokenizer, stimuli, starts)
    np.testing.assert_allclose(surprisals(model, stimuli)[1:], expected, rtol=1e-4)


def test_passages_of_other_lengths_beside_it_do_not_count():
    network, tokenizer = gpt2(40, transformers.GPT2LMHeadModel), byte_pairs()
    texts = ["the", "dogs", "sat", "it", "is", "a", "dog"]
    stimuli = story(*texts, run=["one"] * 2 + ["two"] * 5)
    model = TextModel(network, tokenizer, context="growing")
    alone = [surprisals(model, stimuli[stimuli["run"] == run]) for run in ("one", "two")]
    np.testing.assert_allclose(surprisals(model, stimuli), np.concatenate(alone), rtol=1e-5)


def test_word_pieces_are_summed_without_a_correction():
    config = transformers.BertConfig(
        vocab_size=len(PIECES), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=12, is_decoder=True, initializer_range=0.3,
    )  # fmt: skip
    torch.manual_seed(0)
    network = transformers.BertLMHeadModel(config).eval()
    found = surprisals(TextModel(network, word_pieces()), story("unhappy"))
    ids = spell("un", "##happ", "##y")
    with torch.no_grad():
        expected = network(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    bits = -sum(expected[place - 1, ids[place]] for place in (1, 2, 3)) / math.log(2)
    np.testing.assert_allclose(found, [bits], rtol=1e-5)


def test_surprisal_comes_with_other_layers_but_never_unasked():
    model, stimuli = known(), story("a", "ab", "b")
    assert "surprisal" not in model.layers
    assert "surprisal" not in values_of(model, stimuli, layers="all")
    both = values_of(model, stimuli, layers=["surprisal", "block.0"])
    assert list(both) == ["surprisal", "block.0"]
    np.testing.assert_array_equal(both["block.0"], values_of(model, stimuli)["block.0"])
    np.testing.assert_array_equal(both["surprisal"][:, 0], surprisals(model, stimuli))


@pytest.mark.parametrize(
    ("network", "tokenizer", "options", "sentence"),
    [
        (bert, word_pieces, {},
         "Model 'BertModel' has no layer 'surprisal', since the BertModel looks ahead; give a "
         "causal network, as of AutoModelForCausalLM.from_pretrained(folder)."),
        (gpt2, byte_pairs, {},
         "Model 'GPT2Model' has no layer 'surprisal', since the GPT2Model does not foretell "
         "tokens; give a network with a head, as of AutoModelForCausalLM.from_pretrained(folder)."),
        (Chain, chain_tokenizer, {"pooling": "generated", "max_new_tokens": 2},
         "The layer 'surprisal' is of texts that are given, not of tokens that are written; use "
         "pooling='mean' for it."),
        (Chain, chain_tokenizer, {},
         "No text has a surprisal in model 'Chain', since nothing stands before it; give a "
         "context, or a prompt such as the token with which the network's texts begin."),
    ],
)  # fmt: skip
def test_where_there_is_no_surprisal_it_is_refused(network, tokenizer, options, sentence):
    model = TextModel(network(), tokenizer(), **options)
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        surprisals(model, story("a", "b"))
