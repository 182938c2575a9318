"""The web chat: a page where every answer is a quote that opens at its place in the source.

Importing this package loads neither gradio nor the pipeline; `launch.start` does.
"""
