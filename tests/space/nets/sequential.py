"""Small architectures that read sequences: attention of every kind, recurrent layers, embeddings."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.space.nets.layered import Built, Code


class Attention(nn.Module):
    """Self-attention with one matrix for queries, keys and values, as vision transformers have it."""

    def __init__(self, width: int = 16, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        batch, length, width = x.shape
        qkv = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(*qkv.unbind(0))
        return self.proj(y.transpose(1, 2).reshape(batch, length, width))


def vit_block() -> Built:
    def forward(m, x):
        x = m.embed(x)
        x = x + m.attn(m.norm1(x))
        return m.head((x + m.fc2(F.gelu(m.fc1(m.norm2(x))))).mean(1))

    parts = {"embed": nn.Linear(5, 16), "norm1": nn.LayerNorm(16), "attn": Attention(), "norm2": nn.LayerNorm(16)}
    parts |= {"fc1": nn.Linear(16, 24), "fc2": nn.Linear(24, 16), "head": nn.Linear(16, 2)}
    return Code(forward, **parts), (torch.randn(2, 6, 5),)


def multi_head_attention() -> Built:
    def forward(m, x):
        h = m.embed(x)
        return m.head(m.norm(h + m.attn(h, h, h, need_weights=False)[0]))

    attention = nn.MultiheadAttention(16, 4, batch_first=True)
    parts = {"embed": nn.Linear(5, 16), "attn": attention, "norm": nn.LayerNorm(16), "head": nn.Linear(16, 2)}
    return Code(forward, **parts), (torch.randn(2, 6, 5),)


def cross_attention() -> Built:
    def forward(m, x, y):
        return m.head(m.attn(m.embed(x), m.other(y), m.other(y))[0])

    attention = nn.MultiheadAttention(16, 4, batch_first=True)
    parts = {"embed": nn.Linear(5, 16), "other": nn.Linear(3, 16), "attn": attention, "head": nn.Linear(16, 2)}
    return Code(forward, **parts), (torch.randn(2, 6, 5), torch.randn(2, 7, 3))


def encoder() -> Built:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    net = nn.Sequential(nn.Linear(5, 16), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 2))
    return net, (torch.randn(2, 6, 5),)


def encoder_norm_first() -> Built:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=True)
    net = nn.Sequential(nn.Linear(5, 16), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 2))
    return net, (torch.randn(2, 6, 5),)


def transformer() -> Built:
    def forward(m, x, y):
        return m.head(m.body(m.embed(x), m.embed(y)))

    parts = {"embed": nn.Linear(5, 16), "body": nn.Transformer(16, 4, 1, 1, 32, batch_first=True)}
    return Code(forward, **parts, head=nn.Linear(16, 2)), (torch.randn(2, 6, 5), torch.randn(2, 4, 5))


class RotaryAttention(nn.Module):
    """Causal attention with rotary positions and two query heads to each key head."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Linear(5, 16), nn.Linear(16, 2)
        self.q, self.k, self.v = (nn.Linear(16, width, bias=False) for width in (16, 8, 8))
        self.o = nn.Linear(16, 16)

    def forward(self, x):
        x = self.embed(x)
        batch, length, _ = x.shape
        q, k, v = (part(x).view(batch, length, -1, 4).transpose(1, 2) for part in (self.q, self.k, self.v))
        angle = torch.arange(length)[:, None] * torch.tensor([1.0, 0.1])
        cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
        q, k = (z * cos + torch.cat([-z[..., 2:], z[..., :2]], -1) * sin for z in (q, k))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.head(x + self.o(y.transpose(1, 2).reshape(batch, length, 16)))


def rotary_grouped_queries() -> Built:
    return RotaryAttention(), (torch.randn(2, 6, 5),)


class RelativeAttention(nn.Module):
    """Attention with a learned bias for each distance and head."""

    def __init__(self):
        super().__init__()
        self.embed, self.qkv, self.head = nn.Linear(5, 16), nn.Linear(16, 48), nn.Linear(16, 2)
        self.table = nn.Parameter(torch.randn(11, 4))
        self.register_buffer("distance", torch.arange(6)[:, None] - torch.arange(6) + 5)

    def forward(self, x):
        q, k, v = self.qkv(self.embed(x)).reshape(2, 6, 3, 4, 4).permute(2, 0, 3, 1, 4).unbind(0)
        bias = self.table[self.distance.view(-1)].view(6, 6, 4).permute(2, 0, 1)
        y = (q @ k.transpose(-1, -2) + bias).softmax(-1) @ v
        return self.head(y.transpose(1, 2).reshape(2, 6, 16))


def relative_positions() -> Built:
    return RelativeAttention(), (torch.randn(2, 6, 5),)


def windowed_attention() -> Built:
    def forward(m, x):
        h = m.embed(x)
        windows = torch.roll(h, -1, 1).reshape(4, 3, 16)
        return m.head(h + torch.roll(m.attn(windows).reshape(2, 6, 16), 1, 1))

    return Code(forward, embed=nn.Linear(5, 16), attn=Attention(), head=nn.Linear(16, 2)), (torch.randn(2, 6, 5),)


def gru() -> Built:
    def forward(m, x):
        return m.head(m.body(x)[0][:, -1])

    body = nn.GRU(5, 8, 2, batch_first=True, bidirectional=True)
    return Code(forward, body=body, head=nn.Linear(16, 2)), (torch.randn(2, 6, 5),)


def lstm() -> Built:
    return Code(lambda m, x: m.head(m.body(x)[0]), body=nn.LSTM(5, 8, 2), head=nn.Linear(8, 2)), (torch.randn(6, 2, 5),)


def projected_lstm() -> Built:
    def forward(m, x):
        return m.head(m.body(x)[1][0][-1])

    return Code(forward, body=nn.LSTM(5, 8, 1, proj_size=4), head=nn.Linear(4, 2)), (torch.randn(6, 2, 5),)


def rnn() -> Built:
    return Code(lambda m, x: m.head(m.body(x)[0]), body=nn.RNN(5, 8), head=nn.Linear(8, 2)), (torch.randn(6, 2, 5),)


def gru_cell() -> Built:
    def forward(m, x):
        state = x.new_zeros(2, 8)
        for moment in x.unbind(0):
            state = m.cell(moment, state)
        return m.head(state)

    return Code(forward, cell=nn.GRUCell(5, 8), head=nn.Linear(8, 2)), (torch.randn(5, 2, 5),)


def lstm_cell() -> Built:
    def forward(m, x):
        hidden = memory = torch.zeros(2, 8)
        for moment in x.unbind(0):
            hidden, memory = m.cell(moment, (hidden, memory))
        return m.head(hidden)

    return Code(forward, cell=nn.LSTMCell(5, 8), head=nn.Linear(8, 2)), (torch.randn(5, 2, 5),)


def unrolled() -> Built:
    def forward(m, x):
        state = torch.zeros(2, 8)
        for moment in x.unbind(0):
            state = torch.tanh(m.enter(moment) + m.keep(state))
        return m.head(state)

    parts = {"enter": nn.Linear(5, 8), "keep": nn.Linear(8, 8), "head": nn.Linear(8, 2)}
    return Code(forward, **parts), (torch.randn(5, 2, 5),)


class Tied(nn.Module):
    """A head tied to the embedding, a layer that nothing reads, a hidden constant, outputs in a dict."""

    def __init__(self):
        super().__init__()
        self.embed, self.body, self.head = nn.Embedding(11, 8), nn.Linear(8, 8), nn.Linear(8, 11, bias=False)
        self.head.weight = self.embed.weight
        self.unused = nn.Linear(3, 4)
        self.register_buffer("hidden", torch.randn(8), persistent=False)

    def forward(self, index):
        embedded = self.embed(index)
        return {"scores": self.head(F.relu(self.body(embedded))), "more": (embedded.sum(),)}


def tied() -> Built:
    return Tied(), (torch.randint(0, 11, (2, 3)),)


def embedding_bag() -> Built:
    def forward(m, index):
        return m.head(m.embed(index))

    return Code(forward, embed=nn.EmbeddingBag(10, 8), head=nn.Linear(8, 2)), (torch.randint(0, 10, (3, 4)),)
