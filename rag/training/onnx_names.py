"""The exported reader's inputs and outputs, by name."""

__all__ = ["INPUTS", "OUTPUTS"]

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUTS = ("start_logits", "end_logits", "answerable")
