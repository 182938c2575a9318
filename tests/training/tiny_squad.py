"""A few paragraphs and questions in SQuAD's form."""

from __future__ import annotations

from typing import Any

ARTICLES = {
    "Harbour": [
        'The harbour of Lunden opened in 1871. Its first keeper, Ada Brandt, "lit the lamp" every '
        "evening at six o'clock. Ships from Norway carried timber; ships from Spain carried salt.",
        "In 1902 a storm broke the northern wall. The engineer Otto Weiss rebuilt it in granite within "
        "three years, at a cost of 40,000 marks, and the town's council named a street after him.",
    ],
    "Orchard": [
        "Apples grow on the southern slope. The oldest tree, planted by Maria Kern in 1794, still "
        "bears fruit. Its apples are small, red and sour, and are pressed into cider each October.",
        "The orchard's bees live in eleven hives. A keeper visits them on Mondays and writes down the "
        "temperature, the wind and the number of dead bees before each hive’s door.",
    ],
}
QUESTIONS = [
    ("Harbour", 0, "When did the harbour of Lunden open?", "1871"),
    ("Harbour", 0, "Who was the first keeper?", "Ada Brandt"),
    ("Harbour", 0, "What did ships from Spain carry?", "salt"),
    ("Harbour", 0, "What did ships from Italy carry?", None),
    ("Harbour", 1, "Who rebuilt the wall?", "Otto Weiss"),
    ("Harbour", 1, "What did the wall cost?", "40,000 marks"),
    ("Harbour", 1, "Who paid for the southern wall?", None),
    ("Orchard", 0, "Who planted the oldest tree?", "Maria Kern"),
    ("Orchard", 0, "When are the apples pressed?", "each October"),
    ("Orchard", 0, "Who cut down the oldest tree?", None),
    ("Orchard", 1, "How many hives are there?", "eleven"),
    ("Orchard", 1, "When does the keeper visit?", "Mondays"),
]


def squad(
    articles: dict[str, list[str]], questions: list[tuple[str, int, str, str | None]]
) -> dict[str, Any]:
    """A SQuAD 2.0 file's content."""
    data = []
    for title, texts in articles.items():
        paragraphs = []
        for i, text in enumerate(texts):
            qas = [
                {
                    "id": f"{title}/{i}/{n}",
                    "question": question,
                    "answers": [] if gold is None else [{"text": gold, "answer_start": text.index(gold)}],
                    "is_impossible": gold is None,
                    "offsets": "gold",
                }
                for n, (where, at, question, gold) in enumerate(questions)
                if where == title and at == i
            ]
            paragraphs.append({"context": text, "qas": qas})
        data.append({"title": title, "paragraphs": paragraphs})
    return {"version": "test", "data": data}
