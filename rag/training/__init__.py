"""Training of the reader that ships with this project. Needs the extra `train` (torch).

    python -m rag.training train  --start DIR --squad train.json.gz --tune tune.json.gz --out DIR
    python -m rag.training score  MODEL --tune tune.json.gz
    python -m rag.training export MODEL --out rag/models/reader

Data flows one way, one stage a file::

    files -> data (questions over paragraphs) -> negatives -> windows -> batches
    batches -> loop (model, replicas, schedule, checkpoint) -> score -> export (int8 ONNX)

Nothing here is imported by the rest of `rag`: a plain install reads with the exported model.
"""
