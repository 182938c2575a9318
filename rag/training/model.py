"""The reader: an encoder (BERT; MPNet for teachers) with a span head and an answerability head."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel

from rag.errors import ConfigError, ModelError

__all__ = ["ARCHITECTURES", "Batch", "Reader", "loss_of"]

ARCHITECTURES = {"bert": "BertForQuestionAnswering", "mpnet": "MPNetForQuestionAnswering"}
"""Encoders that can be trained, and what `transformers` calls them with a span head."""


@dataclass(slots=True)
class Batch:
    """Windows padded to one length.

    Attributes:
        ids, mask: int64, (n_windows, n_tokens).
        types: int64, (n_windows, n_tokens); 1 on the text and its `[SEP]`.
        allowed: bool, (n_windows, n_tokens); where a span may begin or end: `[CLS]` and text.
        start, end: int64, (n_windows,).
        soft_start, soft_end: float32, (n_windows, n_tokens); a teacher's distributions.
        soft_answerable: float32, (n_windows,); its probability that the text answers.
    """

    ids: Tensor
    mask: Tensor
    types: Tensor
    allowed: Tensor
    start: Tensor
    end: Tensor
    soft_start: Tensor | None = None
    soft_end: Tensor | None = None
    soft_answerable: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        values = {n: getattr(self, n) for n in self.__slots__}
        return Batch(**{n: v if v is None else v.to(device) for n, v in values.items()})


class Reader(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Start, end and answerable logits of `[CLS] question [SEP] text [SEP]`.

    On disk the weights' names are those of `BertForQuestionAnswering` or `MPNetForQuestionAnswering`,
    plus `answerable.*`. In memory the encoder is `bert`, whichever it is.
    """

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        self.bert = encoder
        self._typed = encoder.config.model_type == "bert"
        width = encoder.config.hidden_size
        self.qa_outputs = nn.Linear(width, 2)
        self.answerable = nn.Linear(width, 1)
        nn.init.normal_(self.qa_outputs.weight, std=0.02)
        nn.init.normal_(self.answerable.weight, std=0.02)
        nn.init.zeros_(self.qa_outputs.bias)
        nn.init.zeros_(self.answerable.bias)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """*Shape:* (n_windows, n_tokens) twice, then (n_windows,)."""
        more = {"token_type_ids": types} if self._typed else {}
        hidden = self.bert(input_ids=ids, attention_mask=mask, **more).last_hidden_state
        spans = self.qa_outputs(hidden)
        return spans[..., 0], spans[..., 1], self.answerable(hidden[:, 0])[:, 0]

    @classmethod
    def load(cls, path: str | Path, *, dropout: float = 0.1, attention: str = "eager") -> Reader:
        """Read a folder with `config.json` and `model.safetensors`, a BERT or MPNet of any kind.

        Heads that the folder lacks begin random (seed torch before). Attention weights are
        never dropped: the kernel that does so costs a fifth of the speed.

        Raises:
            ModelError: files missing, or weights that do not fit the configuration.
        """
        path = Path(path)
        missing = [f for f in ("config.json", "model.safetensors") if not (path / f).is_file()]
        if missing:
            raise ModelError(
                f"{path} is not a model folder: {', '.join(missing)} missing; expected a BERT "
                "or MPNet with config.json and model.safetensors, such as the encoder package carries"
            )
        config = AutoConfig.from_pretrained(path)
        if config.model_type not in ARCHITECTURES:
            raise ModelError(
                f"{path} holds a {config.model_type!r} model; expected one of {', '.join(ARCHITECTURES)}"
            )
        config.hidden_dropout_prob = dropout
        config.attention_probs_dropout_prob = 0.0
        config._attn_implementation = attention
        config.dtype = torch.float32  # else the weights would take the stored ones' precision
        reader = cls(AutoModel.from_config(config, add_pooling_layer=False).float())
        weights = {k: v.float() for k, v in load_file(path / "model.safetensors").items()}
        weights = {k.removeprefix(f"{config.model_type}."): v for k, v in weights.items()}
        heads = ("qa_outputs.", "answerable.")
        weights = {
            k if k.startswith(heads) else f"bert.{k}": v
            for k, v in weights.items()
            if "pooler" not in k and "position_ids" not in k
        }
        result = reader.load_state_dict(weights, strict=False)
        lost = [k for k in result.missing_keys if k.startswith("bert.")]
        if lost or result.unexpected_keys:
            raise ModelError(
                f"{path}: weights do not fit a reader (missing {lost[:3]}, "
                f"unexpected {result.unexpected_keys[:3]})"
            )
        return reader

    def save(self, path: str | Path, *, dtype: torch.dtype = torch.float32) -> None:
        """Write `config.json` and `model.safetensors`; `load` reads them back."""
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        kind = self.bert.config.model_type
        weights = {
            f"{kind}.{k.removeprefix('bert.')}" if k.startswith("bert.") else k: v
            for k, v in self.state_dict().items()
        }
        weights = {k: v.detach().cpu().to(dtype).contiguous() for k, v in weights.items()}
        save_file(weights, path / "model.safetensors", {"format": "pt"})
        config = self.bert.config.to_dict()
        config["architectures"] = [ARCHITECTURES[kind]]
        config["dtype"] = str(dtype).removeprefix("torch.")
        (path / "config.json").write_text(json.dumps(config, indent=2, default=str), "utf-8")

    def freeze_words(self) -> None:
        """Keep the word embeddings as they are: half of the weights, and no gain in updating."""
        self.bert.embeddings.word_embeddings.weight.requires_grad_(False)

    def freeze_lower(self, n_layers: int) -> None:
        """Keep all embeddings and the lowest layers as they are: half as much again a second with half of an MPNet.

        Raises:
            ConfigError: a negative number, or more layers than there are.
        """
        layers = self.bert.encoder.layer
        if not 0 <= n_layers <= len(layers):
            raise ConfigError(f"{n_layers} layers to keep as they are; expected 0 to {len(layers)}")
        if not n_layers:
            return
        beside = [part for name, part in self.bert.encoder.named_children() if name != "layer"]
        for module in (self.bert.embeddings, *beside, *layers[:n_layers]):
            module.requires_grad_(False)


def loss_of(
    outputs: tuple[Tensor, Tensor, Tensor],
    batch: Batch,
    *,
    answerable_weight: float,
    soft_weight: float = 0.0,
    temperature: float = 1.0,
) -> Tensor:
    """Cross-entropy of start and end over `[CLS]` and text, plus the answerability head's.

    Args:
        outputs: of `Reader`.
        batch: targets; with `soft_start` or `soft_answerable` the teacher's share is mixed in.
        answerable_weight: of the head's binary cross-entropy.
        soft_weight: share of the teacher's distributions in the losses, 0 to 1.
        temperature: of the distillation (Hinton et al. 2015, arXiv:1503.02531).
    """
    start, end, answerable = (x.float() for x in outputs)
    start = start.masked_fill(~batch.allowed, -1e4)
    end = end.masked_fill(~batch.allowed, -1e4)
    cross = nn.functional.cross_entropy
    loss = (cross(start, batch.start) + cross(end, batch.end)) / 2
    if soft_weight and batch.soft_start is not None and batch.soft_end is not None:
        t = temperature
        soft = (cross(start / t, batch.soft_start) + cross(end / t, batch.soft_end)) / 2 * t * t
        loss = (1 - soft_weight) * loss + soft_weight * soft
    if answerable_weight:
        has = (batch.end > 0).float()
        if soft_weight and batch.soft_answerable is not None:
            has = (1 - soft_weight) * has + soft_weight * batch.soft_answerable
        bce = nn.functional.binary_cross_entropy_with_logits(answerable, has)
        loss = loss + answerable_weight * bce
    return loss
