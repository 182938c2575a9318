"""Three short documents, by name."""

TEXTS = {
    "bridge.txt": "The bridge over the river was opened in 1932. It was designed by Mary Adams.\n",
    "harbour.txt": "The harbour froze in the winter of 1947. Ships waited outside for nine weeks.\n",
    "deep/library.md": "The library holds forty thousand books. Its reading room closes at eight.\n",
}
