"""Tiny language networks whose tokenizers are known by heart, and stories to read to them."""

import numpy as np
import pandas as pd
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "sat", "un", "##happ", "##y", "dog",
          "'", "t", "don", ".", "it", "s"]  # fmt: skip
N_PIECES = len(PIECES)
CLS, SEP = 2, 3
LONGEST = 12
LAYERS = ["embeddings", "block.0", "block.1"]


def word_pieces(*, special=True):
    """Make a tokenizer of BERT whose vocabulary is known by heart."""
    numbers = {piece: number for number, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if special:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
        )
    return tokenizer


def byte_pairs(*, trim=True):
    """Make a tokenizer of GPT-2 that knows the tokens "the", " dog", "sat" and all bytes."""
    merges = [("t", "h"), ("th", "e"), ("Ġ", "d"), ("Ġd", "o"), ("Ġdo", "g"), ("s", "a"),
              ("sa", "t")]  # fmt: skip
    tokens = sorted(pre_tokenizers.ByteLevel.alphabet()) + ["".join(pair) for pair in merges]
    tokenizer = Tokenizer(models.BPE({token: n for n, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim)
    return tokenizer


SINGLE_PIECES = [("<unk>", -9.0), ("▁the", -1.0), ("▁dog", -2.0), ("▁", -3.0), ("▁un", -3.5),
                 ("happy", -3.0), ("s", -4.0), ("a", -4.0), ("t", -4.0), ("'", -5.0), ("é", -4.0),
                 ("中", -5.0), ("文", -5.0), (".", -3.0), ("😀", -6.0)]  # fmt: skip


def single_pieces():
    """Make a tokenizer of SentencePiece that takes the likeliest pieces; some hold a space."""
    tokenizer = Tokenizer(models.Unigram(SINGLE_PIECES, unk_id=0))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def seeded(make, config):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return make(config)


def bert(longest=LONGEST, *, vocab_size=N_PIECES, **options):
    config = transformers.BertConfig(
        vocab_size=vocab_size, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=longest, initializer_range=0.3, **options,
    )  # fmt: skip
    return seeded(transformers.BertModel, config)


def gpt2(longest=LONGEST, make=transformers.GPT2Model):
    config = transformers.GPT2Config(
        vocab_size=300, n_embd=16, n_layer=2, n_head=2, n_positions=longest, initializer_range=0.3,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    return seeded(make, config)


def spell(*pieces):
    """Return the ids of word pieces between [CLS] and [SEP]."""
    return [CLS, *(PIECES.index(piece) for piece in pieces), SEP]


def story(*texts, **columns):
    labels = [f"w{number:02}" for number in range(len(texts))]
    columns = {"onset": np.arange(len(texts)) / 2, **columns}
    return pd.DataFrame({"text": texts, **columns}, index=labels)


def values_of(model, stimuli, **options):
    return {layer: part.values for layer, part in model.activations(stimuli, **options)}


def expect(model, stimuli, inputs, pool=lambda states: states.mean(0)):
    """Compare with what is pooled of the tokens named of (ids, tokens), each run by itself."""
    found = values_of(model, stimuli)
    assert list(found) == LAYERS
    network = model.network.eval()
    with torch.no_grad():
        runs = [
            network(torch.tensor([ids]), output_hidden_states=True).hidden_states
            for ids, _ in inputs
        ]
    for number, layer in enumerate(LAYERS):
        rows = [pool(run[number][0, own]) for run, (_, own) in zip(runs, inputs, strict=True)]
        np.testing.assert_allclose(found[layer], torch.stack(rows).numpy(), atol=1e-5)
