"""A causal network whose states and probabilities are known, and the tokenizer that fits it."""

from types import SimpleNamespace

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

TOKENS = ["Ġ", "a", "b", "Ġa", "Ġb", "<end>"]
END = TOKENS.index("<end>")
# Probabilities of the next token (columns) after each token (rows), in the order of TOKENS.
TABLE = [
    [0.00, 0.50, 0.50, 0.00, 0.00, 0.00],
    [0.00, 0.05, 0.15, 0.30, 0.40, 0.10],
    [0.00, 0.10, 0.10, 0.50, 0.05, 0.25],
    [0.00, 0.15, 0.05, 0.10, 0.60, 0.10],
    [0.00, 0.05, 0.05, 0.20, 0.10, 0.60],
    [0.00, 0.60, 0.20, 0.10, 0.05, 0.05],
]


class Chain(torch.nn.Module):
    """Foretells each token from the one before it.

    The embedding of a token is its number and its place; the state of the only block is the sum of
    all numbers so far and the place. There is no cache.
    """

    def __init__(self, table=TABLE, *, ends=END, longest=99):
        super().__init__()
        self.table = torch.nn.Parameter(torch.tensor(table).log())
        self.tokens = torch.nn.Embedding(len(table), 2)
        self.config = SimpleNamespace(max_position_embeddings=longest, eos_token_id=ends)

    def get_input_embeddings(self):
        """Return the embeddings of tokens."""
        return self.tokens

    def get_output_embeddings(self):
        """Return something: there is a head."""
        return self.tokens

    def forward(self, input_ids, **_):
        """Return the states and the logits of every token."""
        places = torch.arange(input_ids.shape[1]).expand(input_ids.shape)
        states = [torch.stack([numbers, places], -1).float()
                  for numbers in (input_ids, input_ids.cumsum(1))]  # fmt: skip
        return SimpleNamespace(hidden_states=states, logits=self.table[input_ids])


def chain_tokenizer():
    """Make a byte-level tokenizer of the letters a and b, each with or without a space."""
    numbers = {token: number for number, token in enumerate(TOKENS)}
    tokenizer = Tokenizer(models.BPE(numbers, [("Ġ", "a"), ("Ġ", "b")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<end>"])
    return tokenizer
